"""Vectors of texts from the fine-tuned sentence encoder, as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from affectome.errors import InputError
from affectome.people.words.language import without_markup
from affectome.people.words.minilm import WIDTH, pad
from affectome.people.words.network import SHIPPED, EmotionWords, load_emotion_words
from affectome.people.words.pieces import Pieces


class WordsFeatures(TransformerMixin, BaseEstimator):
    """Texts → vectors of 384 numbers from the encoder that was fine-tuned on emotions.

    Nothing is learned from the texts, so it may stand before a split.

    Parameters
    ----------
    folder
        Folder with ``model.safetensors`` and ``tokenizer.json``; by default the shipped model.
    batch
        Texts at once.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> model = make_pipeline(WordsFeatures(), LogisticRegression())
    """

    def __init__(self, folder: Path | None = None, batch: int = 32) -> None:
        self.folder = folder
        self.batch = batch

    def fit(self, X: Iterable[str], y: Any = None) -> Self:
        """Do nothing; there is nothing to learn."""
        return self

    def transform(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Give one vector a text, shape (n_texts, 384).

        Raises
        ------
        InputError
            If something among them is not a text.
        """
        texts = list(X)
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise InputError(f"row {row} is not a text but {type(text).__name__}: {text!r:.60}")
        network, pieces = self._load()
        cut = pieces([without_markup(text) for text in texts])
        order = sorted(range(len(cut)), key=lambda i: len(cut[i]))
        vectors = np.empty((len(texts), WIDTH), np.float32)
        for i in range(0, len(order), self.batch):
            rows = order[i : i + self.batch]
            with torch.inference_mode():
                vectors[rows] = network(*pad([cut[row] for row in rows]))[0].numpy()
        return vectors

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the 384 numbers."""
        return np.array([f"minilm{k}" for k in range(WIDTH)], dtype=object)

    def _load(self) -> tuple[EmotionWords, Pieces]:
        folder = self.folder or SHIPPED
        return load_emotion_words(folder / "model.safetensors"), Pieces(folder / "tokenizer.json")

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
