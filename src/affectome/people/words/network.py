"""The network of words: MiniLM with two linear heads on means over its pieces."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from affectome.people.int8 import load_int8
from affectome.people.words.minilm import WIDTH, MiniLM, mean_of_pieces

SHIPPED = Path(__file__).parents[1] / "models" / "words"


class EmotionWords(nn.Module):
    """Emotions (several may hold) and dimensions of a text.

    Parameters
    ----------
    labels
        Number of emotions.
    dimensions
        Number of dimensions.
    depths
        How many of the encoder's states the dimensions are read from, counted from the last: 1 in
        training, 7 (the embedding and all blocks) in the network that ships, whose head is a ridge
        regression.
    """

    def __init__(self, labels: int, dimensions: int = 3, depths: int = 1) -> None:
        super().__init__()
        self.encoder = MiniLM()
        self.drop = nn.Dropout(0.1)
        self.emotions = nn.Linear(WIDTH, labels)
        self.dimensions = nn.Linear(depths * WIDTH, dimensions)

    def forward(self, pieces: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read texts.

        Parameters
        ----------
        pieces, mask
            As :class:`MiniLM` takes them, ``(text, piece)``.

        Returns
        -------
        tuple
            Vectors ``(text, 384)``, logits of the emotions ``(text, label)`` and standardised
            dimensions ``(text, dimension)``.
        """
        states = self.states(pieces, mask)
        vectors = states[-1]
        used = torch.cat(states[-(self.dimensions.in_features // WIDTH) :], 1)
        return vectors, self.emotions(self.drop(vectors)), self.dimensions(self.drop(used))

    def states(self, pieces: Tensor, mask: Tensor) -> list[Tensor]:
        """Means over the pieces of the embedding and of what each block makes, 7 × (text, 384)."""
        x = self.encoder.embed(self.encoder.pieces(pieces))
        found = [mean_of_pieces(x, mask)]
        for block in self.encoder.blocks:
            x = block(x, mask)
            found.append(mean_of_pieces(x, mask))
        return found


def load_emotion_words(file: Path = SHIPPED / "model.safetensors") -> EmotionWords:
    """Build the network with the weights of a file, ready to read."""
    weights = load_int8(file)
    rated, width = weights["dimensions.weight"].shape
    model = EmotionWords(len(weights["emotions.bias"]), rated, width // WIDTH)
    model.load_state_dict(weights, assign=True)
    return model.eval()
