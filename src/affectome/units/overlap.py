"""Do the same units prefer the same classes in a second set of trials?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from affectome.errors import InputError
from affectome.evidence import p_value
from affectome.units.selectivity import Selectivity


def overlap(
    a: Selectivity,
    b: Selectivity,
    by: str | None = None,
    n_draws: int = 9999,
    random_state: int = 0,
) -> pd.DataFrame:
    r"""Count the units that are selective for the same class in both sets, against chance.

    Of ``N`` units, ``K_c`` are selective for class ``c`` in the first set and ``n_c`` in the
    second. If the two had nothing to do with each other, the number that both share would follow
    the hypergeometric distribution, with the mean ``K_c n_c / N``. Over all classes the counts
    are dependent (a unit has one preference), so their sum is compared with draws from the
    multivariate hypergeometric distribution; p is then at least ``1 / (n_draws + 1)``.

    Parameters
    ----------
    a, b
        Selectivity of the same units in two sets of trials.
    by
        Column of the units, such as ``"layer"`` or ``"region"``: each of its values is tested by
        itself. All units together when not given.
    n_draws
        Draws for the sum over classes.
    random_state
        Seed of the draws.

    Returns
    -------
    pandas.DataFrame
        For each value of ``by`` a row a class, and one with ``preferred`` = ``"any"``: ``units``,
        ``selective_a``, ``selective_b``, ``shared``, ``expected``, ``p``.

    Raises
    ------
    InputError
        If the units or the classes differ, or the column does not exist.
    """
    names = [c for c in ("layer", "channel", by) if c in a.table]
    if len(a.table) != len(b.table) or not a.table[names].equals(b.table[names]):
        raise InputError(
            f"overlap compares the same units in two sets; got {len(a.table)} and "
            f"{len(b.table)} units"
        )
    if a.classes != b.classes:
        raise InputError(
            f"overlap compares the same classes in two sets; got {', '.join(a.classes)} and "
            f"{', '.join(b.classes)}"
        )
    if by is not None and by not in a.table:
        raise InputError(
            f"the units have no column {by!r}; they have {', '.join(map(str, a.table))}"
        )
    first, second = _preferences(a), _preferences(b)
    places = np.zeros(len(first)) if by is None else a.table[by].to_numpy()
    rng = np.random.default_rng(random_state)
    rows = []
    for place in pd.unique(places):
        inside = places == place
        for row in _compare(first[inside], second[inside], a.classes, n_draws, rng):
            rows.append(row if by is None else {by: place, **row})
    return pd.DataFrame(rows)


def shared_units(a: Selectivity, b: Selectivity) -> NDArray[np.bool_]:
    """Whether each unit is selective for the same class in both sets, shape (n_units,)."""
    first = _preferences(a)
    return (first > 0) & (first == _preferences(b))


def _preferences(found: Selectivity) -> NDArray[np.int64]:
    """0 for a unit that is not selective, else 1 + the place of its class."""
    codes = pd.Categorical(found.table["preferred"], categories=found.classes).codes
    return np.where(found.selective, codes.astype(np.int64) + 1, 0)


def _compare(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    classes: tuple[str, ...],
    n_draws: int,
    rng: np.random.Generator,
) -> list[dict[str, object]]:
    k, n = len(classes), len(first)
    chosen = np.bincount(first, minlength=k + 1)
    again = np.bincount(second, minlength=k + 1)
    shared = np.bincount(first[first == second], minlength=k + 1)
    rows = [
        {
            "preferred": name,
            "units": n,
            "selective_a": int(chosen[c]),
            "selective_b": int(again[c]),
            "shared": int(shared[c]),
            "expected": float(chosen[c] * again[c] / n),
            "p": float(stats.hypergeom.sf(shared[c] - 1, n, chosen[c], again[c])),
        }
        for c, name in enumerate(classes, start=1)
    ]
    total = int(shared[1:].sum())
    rows.append(
        {
            "preferred": "any",
            "units": n,
            "selective_a": int(chosen[1:].sum()),
            "selective_b": int(again[1:].sum()),
            "shared": total,
            "expected": float((chosen[1:] * again[1:]).sum() / n),
            "p": p_value(total, _matches(chosen, again, n_draws, rng)),
        }
    )
    return rows


def _matches(
    chosen: NDArray[np.int64], again: NDArray[np.int64], n_draws: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw how many units match by chance, given how many have each preference in either set.

    The units of one preference are dealt preferences of the second set without replacement, one
    hypergeometric draw after another; what is left is dealt to the next.
    """
    left = np.repeat(again[:, None], n_draws, axis=1)
    matches = np.zeros(n_draws, np.int64)
    for c in range(1, len(chosen)):
        wanted, pool = np.full(n_draws, chosen[c]), left.sum(axis=0)
        for d in range(len(again)):
            pool = pool - left[d]
            drawn = rng.hypergeometric(left[d], pool, wanted)
            left[d] -= drawn
            wanted -= drawn
            if d == c:
                matches += drawn
    return matches
