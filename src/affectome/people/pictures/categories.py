r"""Twenty emotions without a labelled picture: a stated guess, always marked as unvalidated.

1. What is in the picture: :math:`p_o`, probabilities of ImageNet's 1,000 object classes.
2. What that evokes by its name: the cosine of the class's and the emotion's sentence vectors, each
   centred, averaged by :math:`p_o` and standardised over classes, :math:`z_k`.
3. Where the emotion lies: the distance of the picture's estimated valence and arousal from those
   that the words model gives to the emotion's name, in units of the estimate's spread.
4. How often people name it: the mean rating :math:`r_k` of the emotion over 2,185 videos (Cowen &
   Keltner 2017), and what else they name beside it, :math:`M`, which smooths the result.

.. math:: P = \mathrm{softmax}_k\left(z_k - \tfrac12 \sum_d
          \frac{(v_d - v_{kd})^2}{\sigma_d^2} + \log r_k\right) M

No constant was fitted: there are no pictures with such labels to fit it on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Categories:
    """What the guess rests on.

    Attributes
    ----------
    names
        The emotions.
    of_object
        How near each is to each object class by name, standardised, shape (1000, n_emotions).
    place
        Valence and arousal of each by its name, on the scale of the ratings, (n_emotions, 2).
    often
        Mean rating of each, shape (n_emotions,).
    beside
        What is named beside each, rows adding up to 1, shape (n_emotions, n_emotions).
    """

    names: tuple[str, ...]
    of_object: Array
    place: Array
    often: Array
    beside: Array

    def guess(self, objects: ArrayLike, ratings: ArrayLike, spread: ArrayLike) -> Array:
        """Guess the emotions of pictures.

        Parameters
        ----------
        objects
            Probabilities of the object classes, shape (n, 1000).
        ratings
            Estimated valence and arousal, shape (n, 2).
        spread
            Root mean square errors of both, shape (2,).

        Returns
        -------
        ndarray
            Probabilities, shape (n, n_emotions).
        """
        by_name = np.asarray(objects, dtype=float) @ self.of_object
        off = (np.asarray(ratings, dtype=float)[:, None] - self.place) / np.asarray(spread)
        score = by_name - 0.5 * (off**2).sum(axis=2) + np.log(self.often)
        return softmax(score, axis=1) @ self.beside

    def implied(self, probability: ArrayLike) -> Array:
        """Valence and arousal that a guess implies, shape (n, 2)."""
        return np.asarray(probability, dtype=float) @ self.place


def from_vectors(classes: ArrayLike, emotions: ArrayLike) -> Array:
    """How near emotions are to object classes: cosines of centred vectors, standardised by column.

    Parameters
    ----------
    classes, emotions
        Sentence vectors, shapes (n_classes, n), (n_emotions, n).
    """
    parts = []
    for vectors in (classes, emotions):
        centred = np.asarray(vectors, dtype=float)
        centred = centred - centred.mean(axis=0)
        parts.append(centred / np.linalg.norm(centred, axis=1, keepdims=True))
    cosine = parts[0] @ parts[1].T
    return (cosine - cosine.mean(axis=0)) / cosine.std(axis=0)


def from_ratings(ratings: ArrayLike) -> tuple[Array, Array]:
    """How often emotions are named, and what is named beside each.

    Parameters
    ----------
    ratings
        Share of people who named each emotion, shape (n_videos, n_emotions).

    Returns
    -------
    often : ndarray
        Shape (n_emotions,).
    beside : ndarray
        Row k: mean ratings of the videos in which emotion k comes first, adding up to 1.
    """
    given = np.asarray(ratings, dtype=float)
    first = given.argmax(axis=1)
    beside = np.array([given[first == k].mean(axis=0) for k in range(given.shape[1])])
    return given.mean(axis=0), beside / beside.sum(axis=1, keepdims=True)
