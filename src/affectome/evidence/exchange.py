"""How labels are arranged under the null, and what trials have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from affectome.errors import InputError
from affectome.evidence.labels import row_codes

Codes = NDArray[np.intp]
Draw = Callable[[int, np.random.Generator], NDArray[Any]]

FEWEST_ARRANGEMENTS = 20
"""With fewer, no p of .05 is within reach."""
AT_ONCE = 4_000_000


class NoNullError(InputError):
    """No arrangement of the labels is as likely as the real one: there can be no p."""


@dataclass(frozen=True, eq=False)
class Exchange:
    """How labels are arranged under the null.

    Attributes
    ----------
    scheme
        What trades places with what, in words.
    n_groups
        How many things trade places.
    why_not
        Why there is no valid arrangement; None where there is one.
    by_null
        Draws arrangements for a p.
    by_others
        Draws arrangements that say how far the scores of *other* people would lie: labels that
        trade places within a person keep that person's mean rating or share of classes, which is
        right for p; here each person takes the labels of another one.
    one_course
        Whether all runs met one order of labels, of which nothing may trade places.
    """

    scheme: str
    n_groups: int
    why_not: str | None = None
    by_null: Draw | None = field(default=None, repr=False)
    by_others: Draw | None = field(default=None, repr=False)
    one_course: bool = False

    def draw(self, n_draws: int, random_state: int = 0) -> NDArray[Any]:
        """Arrange the labels anew.

        Parameters
        ----------
        n_draws
            Arrangements.
        random_state
            Seed.

        Returns
        -------
        ndarray
            Shape (n_draws, *y.shape).

        Raises
        ------
        NoNullError
            If no arrangement is as likely as the real one.
        """
        if self.by_null is None:
            raise NoNullError(f"no p, because {self.why_not}")
        return self.by_null(n_draws, np.random.default_rng(random_state))

    def spread_over(self, units: Codes) -> Exchange:
        """Give the exchange of trials whose label is that of their unit, codes (n_trials,)."""

        def of_trials(draw: Draw | None) -> Draw | None:
            return draw and (lambda n, rng: np.asarray(draw(n, rng)[:, units]))

        return replace(self, by_null=of_trials(self.by_null), by_others=of_trials(self.by_others))

    def draw_others(self, n_draws: int, random_state: int = 0) -> NDArray[Any] | None:
        """Draw labels of other people, as :meth:`draw`; None where nothing can be drawn."""
        how = self.by_others or self.by_null
        return None if how is None else how(n_draws, np.random.default_rng(random_state))


@dataclass(frozen=True, eq=False)
class Factors:
    """What trials have in common, as codes (n_trials,), None where it is not named.

    Attributes
    ----------
    who
        The person, or whatever else brings an offset of its own.
    home
        What people belong to: a site, a family, a day of measurement.
    stimulus, theme
        What was shown, and what that belongs to.
    run
        What was recorded in one go: subject, session and run.
    session
        Sessions or runs of a person that may have one label each.
    time
        Order within a run, shape (n_trials,); None where the rows have no order in time.
    timed
        Whether ``time`` comes from a column rather than from the order of the rows.
    names
        Factor → the name of its column.
    """

    who: Codes | None = None
    home: Codes | None = None
    stimulus: Codes | None = None
    theme: Codes | None = None
    session: Codes | None = None
    run: Codes | None = None
    time: NDArray[np.float64] | None = None
    timed: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def name(self, factor: str) -> str:
        """Name of the column that a factor comes from."""
        return self.names.get(factor, factor)

    @property
    def within(self) -> str:
        """The words " within …" where the person is named."""
        return "" if self.who is None else f" within {self.name('who')}"


def constant_within(values: NDArray[Any], groups: Codes) -> bool:
    """Whether every group holds one value only."""
    codes = row_codes(values)
    first = np.full(int(groups.max()) + 1, -1)
    first[groups] = codes
    return bool(np.array_equal(first[groups], codes))


def together(n: int, *codes: Codes | None) -> Codes:
    """Codes of what is the same by all the given codes; one code where none is given."""
    given = [one for one in codes if one is not None]
    if not given:
        return np.zeros(n, dtype=np.intp)
    return np.asarray(pd.factorize(pd.MultiIndex.from_arrays(given))[0])


def enough(log_number: float) -> bool:
    """Whether there are as many arrangements as a test needs."""
    return log_number >= math.log(FEWEST_ARRANGEMENTS) - 1e-9


def log_within(labels: NDArray[Any], blocks: Codes) -> float:
    """Logarithm of the number of distinct arrangements within blocks: multinomials multiplied."""
    codes = row_codes(labels)
    _, alike = np.unique(blocks * (int(codes.max()) + 1) + codes, return_counts=True)
    return float(gammaln(np.bincount(blocks) + 1).sum() - gammaln(alike + 1).sum())


def too_few(log_number: float, what: str) -> str:
    """Say that there are too few arrangements, and how many."""
    number = round(math.exp(log_number))
    return (
        f"{what} have {number} distinct arrangement{'s' * (number != 1)}, and a p of .05 needs "
        f"{FEWEST_ARRANGEMENTS}"
    )


def one_by_one(draw: Callable[[np.random.Generator], NDArray[Any]]) -> Draw:
    """Draw many arrangements by drawing them in turn."""

    def many(n: int, rng: np.random.Generator) -> NDArray[Any]:
        return np.stack([draw(rng) for _ in range(n)])

    return many


def shuffle(blocks: Codes, n: int, rng: np.random.Generator) -> Codes:
    """Source of each place, shuffled within blocks, shape (n, n_places)."""
    source = np.empty((n, blocks.size), dtype=np.intp)
    place = np.argsort(blocks, kind="stable")
    step = max(1, AT_ONCE // blocks.size)
    for start in range(0, n, step):
        keys = rng.random((min(step, n - start), blocks.size)) + blocks
        source[start : start + step, place] = np.argsort(keys, axis=1)
    return source


def whole(
    y: NDArray[Any], units: Codes, blocks: Codes | None, name: str, fold: Codes | None
) -> Exchange:
    """Units trade their one label, within blocks or within what a fold tests."""
    first = np.unique(units, return_index=True)[1]
    labels, n = y[first], first.size
    inside = np.zeros(n, dtype=np.intp) if blocks is None else blocks[first]
    part = None if fold is None or blocks is not None else first_fold(units, fold)[first]
    if part is not None and enough(log_of_parts(labels, part)):

        def by_part(n_draws: int, rng: np.random.Generator) -> NDArray[Any]:
            return np.asarray(labels[shuffle_parts(part, n_draws, rng)][:, units])

        return Exchange(f"labels permuted over whole values of {name}", n, None, by_part)
    number = log_within(labels, inside)
    if not enough(number):
        return Exchange("none", n, too_few(number, f"the labels of {n} values of {name}"))

    def draw(n_draws: int, rng: np.random.Generator) -> NDArray[Any]:
        return np.asarray(labels[shuffle(inside, n_draws, rng)][:, units])

    return Exchange(f"labels permuted over whole values of {name}", n, None, draw)


def first_fold(units: Codes, fold: Codes) -> Codes:
    """Smallest number of a fold that tests the unit of each trial.

    In a double hold-out a stimulus is tested in several folds, and none of them tests a stimulus of
    another part.
    """
    first = np.full(units.max() + 1, fold.max() + 1)
    np.minimum.at(first, units[fold >= 0], fold[fold >= 0])
    return np.unique(first, return_inverse=True)[1][units]


def shuffle_parts(parts: Codes, n: int, rng: np.random.Generator) -> Codes:
    """Unit that each unit's label comes from, shape (n, n_units).

    Parts of equally many units trade places as wholes, and units are shuffled within a part: the
    classes that a part holds move together, so folds that were dealt by class stay so.
    """
    sizes = np.bincount(parts)
    places = np.argsort(sizes[parts] * sizes.size + parts, kind="stable")
    rank = np.argsort(np.argsort(sizes + rng.random((n, sizes.size)), axis=1), axis=1)
    source = np.empty((n, parts.size), dtype=np.intp)
    source[:, places] = np.argsort(rank[:, parts] + rng.random((n, parts.size)), axis=1)
    return source


def log_of_parts(labels: NDArray[Any], parts: Codes) -> float:
    """Logarithm of the number of distinct arrangements that :func:`shuffle_parts` can give."""
    codes = row_codes(labels)
    order = np.lexsort((codes, parts))
    sizes = np.bincount(parts)
    held = [part.tobytes() for part in np.split(codes[order], np.cumsum(sizes)[:-1])]
    alike = np.unique(held, return_counts=True)[1]
    as_large = np.unique(sizes, return_counts=True)[1]
    swaps = gammaln(as_large + 1).sum() - gammaln(alike + 1).sum()
    return log_within(labels, parts) + float(swaps)
