"""Take the listener's layers out of Smart Turn v3 and store them as 8-bit safetensors.

    pip download --no-deps pipecat-ai==1.14.0      # BSD-2-Clause, holds the ONNX graph
    pip install onnx
    python -m training.voice_listener pipecat_ai-1.14.0-py3-none-any.whl OUT.safetensors

The graph holds 8-bit weights already; they are copied, so nothing is lost.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file

from affectome.networks.listener import BLOCKS, SCALE

GRAPH = "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
SHA256 = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"
PARTS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
# The exporter named matrices by number: keys, queries and values first, in the order of use.
MATRICES = (
    ("val_17", "val_25", "val_32", "val_75", "val_79", "val_88"),
    ("val_92", "val_100", "val_107", "val_148", "val_152", "val_161"),
)


def main() -> None:
    """Read the wheel named first and write the file named second."""
    content = zipfile.ZipFile(sys.argv[1]).read(GRAPH)
    if hashlib.sha256(content).hexdigest() != SHA256:
        sys.exit(f"{GRAPH} in {sys.argv[1]} is another version: its hash differs")
    graph = onnx.load(io.BytesIO(content)).graph
    held = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    state: dict[str, np.ndarray] = {"positions": held["inner.encoder.embed_positions.weight"]}
    for conv in ("conv1", "conv2"):
        name = f"inner.encoder.{conv}"
        state[f"{conv}.weight"] = held[f"{name}.weight_quantized"]
        state[f"{conv}.weight{SCALE}"] = held[f"{name}.weight_scale"][:, None, None]
        state[f"{conv}.bias"] = (
            held[f"{name}.bias_quantized"].astype(np.float32)
            * (held[f"{name}.bias_quantized_scale"])
        )
    for block in range(BLOCKS):
        old, new = f"inner.encoder.layers.{block}", f"blocks.{block}"
        for norm in ("self_attn_layer_norm", "final_layer_norm"):
            for kind in ("weight", "bias"):
                state[f"{new}.{norm}.{kind}"] = held[f"{old}.{norm}.{kind}"]
        for part, matrix in zip(PARTS, MATRICES[block], strict=True):
            state[f"{new}.{part}.weight"] = held[f"{matrix}_quantized"].T
            state[f"{new}.{part}.weight{SCALE}"] = held[f"{matrix}_scale"][:, None]
            if part != "k_proj":
                where = part if part.startswith("fc") else f"self_attn.{part}"
                state[f"{new}.{part}.bias"] = held[f"{old}.{where}.bias"]
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in state.items()}
    small = {k: t if t.dtype == torch.int8 or SCALE in k else t.half() for k, t in tensors.items()}
    save_file(small, Path(sys.argv[2]), metadata={"source": "Smart Turn v3.2, BSD-2-Clause"})


if __name__ == "__main__":
    main()
