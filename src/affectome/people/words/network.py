"""The network of words: MiniLM with two linear heads on the mean of its pieces."""

from __future__ import annotations

from pathlib import Path

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
    """

    def __init__(self, labels: int, dimensions: int = 3) -> None:
        super().__init__()
        self.encoder = MiniLM()
        self.drop = nn.Dropout(0.1)
        self.emotions = nn.Linear(WIDTH, labels)
        self.dimensions = nn.Linear(WIDTH, dimensions)

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
        vectors = mean_of_pieces(self.encoder(pieces, mask), mask)
        x = self.drop(vectors)
        return vectors, self.emotions(x), self.dimensions(x)


def load_emotion_words(file: Path = SHIPPED / "model.safetensors") -> EmotionWords:
    """Build the network with the weights of a file, ready to read."""
    weights = load_int8(file)
    model = EmotionWords(len(weights["emotions.bias"]), len(weights["dimensions.bias"]))
    model.load_state_dict(weights, assign=True)
    return model.eval()
