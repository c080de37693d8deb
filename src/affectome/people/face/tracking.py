"""Which face is which from frame to frame: by where it is, never by who it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from affectome.people.face.detector import overlaps

LEAST_OVERLAP = 0.2
LONGEST_ABSENCE = 5


class Tracks:
    """Numbers for the faces of a film, one frame after the other.

    A face keeps its number where its box overlaps that of a frame before; boxes are matched so that
    the sum of overlaps is largest. A face that is away for more than five frames gets a new number.
    Only the last boxes are kept, so the length of a film does not matter.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[np.ndarray, int]] = {}
        self._next = 1

    def follow(self, boxes: Sequence[tuple[float, float, float, float]]) -> list[int]:
        """Give the number of each box (left, top, width, height) of the next frame."""
        corners = np.array(boxes, dtype=float).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        known = list(self._seen)
        numbers = [0] * len(corners)
        if known and len(corners):
            before = np.stack([self._seen[number][0] for number in known])
            common = np.stack([overlaps(before, box) for box in corners])
            for row, column in zip(*linear_sum_assignment(-common), strict=True):
                if common[row, column] >= LEAST_OVERLAP:
                    numbers[row] = known[column]
        for row, number in enumerate(numbers):
            if not number:
                numbers[row], self._next = self._next, self._next + 1
        absent = {
            n: (box, away + 1) for n, (box, away) in self._seen.items() if away < LONGEST_ABSENCE
        }
        now = {number: (box, 0) for number, box in zip(numbers, corners, strict=True)}
        self._seen = absent | now
        return numbers
