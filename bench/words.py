"""Sentences a second, against a network of the shape of RoBERTa-base on the same word pieces.

The peer has random weights: what a usual pipeline runs is an encoder of that shape, and its speed
doesn't depend on what it learned. Both run in float32, padded to the longest of a batch of 32.
"""

import random
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
N_TEXTS = 256


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
        for i in range(0, N_TEXTS, 32):
            numbers, mask = pad(pieces(given[i : i + 32]))
            with torch.inference_mode():
                peer(embed(numbers), src_key_padding_mask=~mask)

    def ours() -> None:
        torch.set_num_threads(2)
        list(reader.read(given))

    show(compare(f"{N_TEXTS} texts", ours, roberta_base, target=3, threads=(2,)))
    begun = time.perf_counter()
    ours()
    print(f"{N_TEXTS / (time.perf_counter() - begun):.0f} sentences/s, readings included")
