"""Sentences a second, against a network of the shape of RoBERTa-base on the same word pieces.

The peer has random weights: what a usual pipeline runs is an encoder of that shape, and its speed
doesn't depend on what it learned. Both run in float32, padded to the longest of a batch of 32.
Seconds depend on what else the machine does, so processor seconds stand beside them.
"""

import random
import subprocess
import sys
import time

import torch
from torch import nn

from affectome.people.words.minilm import PIECES, pad
from affectome.people.words.network import SHIPPED
from affectome.people.words.pieces import Pieces
from affectome.people.words.reader import WordsReader
from bench.timing import compare, show

COMMENTS = (
    "thank you so much for this it was a really good day and i am happy that we went there but the "
    "train was late again why would they do that to people who have to be at work by eight i don't "
    "know what to say sorry about your dog he was the best one ever lol what a great idea"
)
N_TEXTS, N_PEER = 512, 64
COLD = {
    "import affectome": ["-c", "import affectome"],
    "affectome read --text": ["-m", "affectome", "read", "--text", "Thank you so much!"],
}


def texts(n: int) -> list[str]:
    """Texts as long as comments are: 3 to 25 words."""
    rng = random.Random(0)
    return [" ".join(rng.choices(COMMENTS.split(), k=rng.randint(3, 25))) for _ in range(n)]


def main() -> None:
    given = texts(N_TEXTS)
    reader = WordsReader(explain_up_to=0)
    layer = nn.TransformerEncoderLayer(768, 12, 3072, activation="gelu", batch_first=True)
    embed, peer = nn.Embedding(PIECES, 768), nn.TransformerEncoder(layer, 12).eval()
    pieces = Pieces(SHIPPED / "tokenizer.json")

    def roberta_base() -> None:
        for i in range(0, N_PEER, 32):
            numbers, mask = pad(pieces(given[i : i + 32]))
            with torch.inference_mode():
                peer(embed(numbers), src_key_padding_mask=~mask)

    def ours() -> None:
        torch.set_num_threads(2)
        list(reader.read(given))

    work, share = f"{N_TEXTS} texts, readings included", N_PEER / N_TEXTS
    show(compare(work, ours, roberta_base, target=3, repeats=3, peer_share=share, threads=(2,)))
    begun, worked = time.perf_counter(), time.process_time()
    ours()
    worked, seconds = time.process_time() - worked, time.perf_counter() - begun
    print(
        f"{N_TEXTS / seconds:.0f} sentences/s on two threads, {N_TEXTS / worked:.0f} a second of "
        "processor"
    )
    for name, words in COLD.items():
        print(f"{name}: {cold(words)}", flush=True)


def cold(words: list[str]) -> str:
    """Seconds and processor seconds of a new process, the best of three."""
    code = (
        "import resource, subprocess, sys, time; t = time.perf_counter(); "
        "subprocess.run([sys.executable, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL); "
        "r = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(time.perf_counter() - t, r.ru_utime + r.ru_stime)"
    )
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
        )
        runs.append(tuple(map(float, done.stdout.split())))
    seconds, worked = (min(column) for column in zip(*runs, strict=True))
    return f"{seconds:.2f} s, {worked:.2f} s of processor"
