"""Where somebody speaks: Silero's voice activity detector, run in blocks without torch.

The network and its weights come in the package ``silero-vad`` (MIT), which is installed without its
dependencies and never imported; its graph for whole sequences runs in onnxruntime.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from affectome.errors import InputError, require
from affectome.packages import folder_of, missing

PACKAGE = "silero-vad==6.2.3"
FILE = "silero_vad_16k_sequence.onnx"
SHA256 = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"
RATE = 16_000
CHUNK, CONTEXT = 512, 64
CHUNK_S = CHUNK / RATE
CHUNKS_AT_ONCE = 512
STATE = (1, 1, 128)
SPEECH, STILL_SPEECH = 0.5, 0.35
SHORTEST_S, PAUSE_S, PAD_S = 0.2, 0.3, 0.06


@lru_cache(maxsize=1)
def _session() -> Any:
    onnxruntime = require("onnxruntime", "voice")
    folder = folder_of("silero-vad")
    path = None if folder is None else folder / "data" / FILE
    if path is None or not path.is_file():
        raise missing("silero-vad", "the voice activity detector")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise InputError(f"{path} is not the file of {PACKAGE}: its hash differs; install it again")
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def speech_probability(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Say how probably somebody speaks, every 32 ms.

    Parameters
    ----------
    blocks
        Sound at 16 kHz in consecutive pieces, each shape (n_samples,); all but the last should be
        a multiple of 512 samples long.

    Yields
    ------
    ndarray
        Probabilities of a block, float32, shape (ceil(n_samples / 512),).
    """
    session = _session()
    hidden, cell = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32)
    context = np.zeros(CONTEXT, np.float32)
    for block in blocks:
        n = -(-len(block) // CHUNK)
        chunks = np.zeros((n, CHUNK), np.float32)
        chunks.reshape(-1)[: len(block)] = block
        found = []
        for begin in range(0, n, CHUNKS_AT_ONCE):
            part = chunks[begin : begin + CHUNKS_AT_ONCE]
            before = np.vstack([context, part[:-1, -CONTEXT:]])
            context = part[-1, -CONTEXT:]
            given = {"input": np.hstack([before, part]), "h": hidden, "c": cell}
            values, hidden, cell = session.run(["speech_probs", "hn", "cn"], given)
            found.append(values.reshape(-1))
        yield np.concatenate(found) if found else np.zeros(0, np.float32)


def speech_stretches(probability: np.ndarray, duration: float) -> list[tuple[float, float]]:
    """Join chunks to stretches of speech.

    Parameters
    ----------
    probability
        Of each 32 ms, shape (n_chunks,).
    duration
        Seconds of sound.

    Returns
    -------
    list of (start, end)
        Seconds. Speech starts above .5 and ends below .35; pauses under .3 s do not part it, and
        what is shorter than .2 s is none. Stretches gain .06 s on both sides.
    """
    speaking = False
    raw: list[list[float]] = []
    for i, p in enumerate(probability):
        t = i * CHUNK_S
        if not speaking and p >= SPEECH:
            speaking = True
            if raw and t - raw[-1][1] < PAUSE_S:
                continue
            raw.append([t, t])
        elif speaking and p < STILL_SPEECH:
            speaking = False
            raw[-1][1] = t
    if speaking:
        raw[-1][1] = len(probability) * CHUNK_S
    long = [(a, b) for a, b in raw if b - a >= SHORTEST_S]
    return [(max(0.0, a - PAD_S), min(duration, b + PAD_S)) for a, b in long]
