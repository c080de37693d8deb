"""Data sets with or without an effect, in designs that real studies have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

from affectome.evidence import Split, purged_time_split

N_UNITS = 10
Rng = np.random.Generator


class Data(NamedTuple):
    """Measurements (n, units), labels or ratings, table of trials, and what is held out."""

    X: NDArray[np.float64]
    y: NDArray[Any]
    trials: pd.DataFrame
    holdout: str | Split | None


def people(effect: float, rng: Rng, n: int = 12, sizes: tuple[int, int] = (20, 20)) -> Data:
    """Two classes vary within people, who have offsets of their own; the effect differs by half."""
    size = rng.integers(sizes[0], sizes[1] + 1, n)
    who = np.repeat(np.arange(n), size)
    y = np.concatenate([rng.permutation(np.arange(k) % 2) for k in size])
    X = rng.normal(size=(who.size, N_UNITS)) + rng.normal(size=(n, N_UNITS))[who]
    X[:, 0] += effect * (1 + 0.5 * rng.normal(size=n))[who] * y
    return Data(X, y, pd.DataFrame({"subject": who}), "subject")


def people_rate(effect: float, rng: Rng, n: int = 12) -> Data:
    """Twelve people rate 20 things each, around a mean of their own."""
    who = np.repeat(np.arange(n), 20)
    y = rng.normal(size=who.size) + 0.5 * rng.normal(size=n)[who]
    X = rng.normal(size=(who.size, N_UNITS)) + rng.normal(size=(n, N_UNITS))[who]
    X[:, 0] += effect * (0.5 + 0.25 * rng.normal(size=n))[who] * y
    return Data(X, y, pd.DataFrame({"subject": who}), "subject")


def traits(effect: float, rng: Rng, n: int = 20) -> Data:
    """Two kinds of people, ten trials each."""
    who = np.repeat(np.arange(n), 10)
    y = rng.permutation(np.arange(n) % 2)[who]
    X = rng.normal(size=(who.size, N_UNITS)) + rng.normal(size=(n, N_UNITS))[who]
    X[:, 0] += 1.5 * effect * y
    return Data(X, y, pd.DataFrame({"subject": who}), "subject")


def homes(
    effect: float,
    rng: Rng,
    sizes: tuple[int, int] = (6, 4),
    mixed: bool = False,
    name: str = "site",
) -> Data:
    """People of a site or family are alike; the label is the site's or leans on it."""
    who = np.repeat(np.arange(sizes[0] * sizes[1]), 8)
    home = who // sizes[1]
    if mixed:
        lean = 1.5 * rng.normal(size=sizes[0])
        y = (lean[home[::8]] + rng.normal(size=home[::8].size) > 0).astype(int)[who]
    else:
        y = rng.permutation(np.arange(sizes[0]) % 2)[home]
    X = rng.normal(size=(who.size, N_UNITS)) + rng.normal(size=(who.max() + 1, N_UNITS))[who]
    X += rng.normal(size=(sizes[0], N_UNITS))[home]
    X[:, 0] += 1.5 * effect * y
    return Data(X, y, pd.DataFrame({"subject": who, name: home}), None)


def clips(effect: float, rng: Rng, n: int = 16, each: int = 4, shown: int = 5) -> Data:
    """Sixteen films cut into four clips each; clips of a film are alike and have its label."""
    clip = np.repeat(np.arange(n * each), shown)
    film = clip // each
    y = rng.permutation(np.arange(n) % 2)[film]
    X = rng.normal(size=(clip.size, N_UNITS)) + rng.normal(size=(n * each, N_UNITS))[clip]
    X += rng.normal(size=(n, N_UNITS))[film]
    X[:, 0] += 1.5 * effect * y
    return Data(X, y, pd.DataFrame({"clip": clip, "film": film}), None)


def days(effect: float, rng: Rng) -> Data:
    """Ten people, eight days with a mood each, the same for all, and so is what a day brings."""
    who, day, _ = np.indices((10, 8, 5)).reshape(3, -1)
    y = rng.permutation(np.arange(8) % 2)[day]
    X = rng.normal(size=(who.size, N_UNITS)) + rng.normal(size=(10, N_UNITS))[who]
    X += rng.normal(size=(8, N_UNITS))[day]
    X[:, 0] += 1.5 * effect * y
    return Data(X, y, pd.DataFrame({"subject": who, "day": day}), None)


def slow_people(effect: float, rng: Rng, memory: float = 0.8) -> Data:
    """Seven people whose units and ratings are slow, over 60 to 160 moments."""
    size = rng.integers(60, 161, 7)
    slow = np.concatenate([_slow(n, memory, rng, N_UNITS + 1) for n in size])
    who = np.repeat(np.arange(7), size)
    slow += rng.normal(size=(7, N_UNITS + 1))[who]
    X, y = slow[:, :N_UNITS].copy(), slow[:, N_UNITS]
    X[:, 0] += effect * y
    onset = np.concatenate([np.arange(n) for n in size])
    return Data(X, y, pd.DataFrame({"subject": who, "onset": onset}), "subject")


def films(effect: float, rng: Rng, n: int = 24, shown: int = 6) -> Data:
    """Twenty-four films shown six times each; the label is the film's, which has a pattern."""
    film = np.repeat(np.arange(n), shown)
    y = rng.permutation(np.arange(n) % 2)[film]
    X = rng.normal(size=(film.size, N_UNITS)) + rng.normal(size=(n, N_UNITS))[film]
    X[:, 0] += effect * y
    return Data(X, y, pd.DataFrame({"film": film}), None)


def crossed(
    effect: float,
    rng: Rng,
    shape: tuple[int, int, int] = (12, 16, 1),
    dropped: float = 0.0,
    identity: float = 1.0,
) -> Data:
    """People see the same films; the label is the film's; both have patterns of their own."""
    who, film, _ = np.indices(shape).reshape(3, -1)
    y = rng.permutation(np.arange(shape[1]) % 2)[film]
    X = rng.normal(size=(who.size, N_UNITS)) + rng.normal(size=(shape[0], N_UNITS))[who]
    X += identity * rng.normal(size=(shape[1], N_UNITS))[film]
    X[:, 0] += effect * y
    return _some(X, y, who, film, dropped, rng)


def crossed_rated(
    effect: float,
    rng: Rng,
    shape: tuple[int, int, int] = (12, 20, 1),
    dropped: float = 0.0,
    classes: bool = False,
) -> Data:
    """Every person rates every film; ratings depend on the film, the person and chance."""
    who, film, _ = np.indices(shape).reshape(3, -1)
    y = rng.normal(size=shape[1])[film] + rng.normal(size=who.size)
    if not classes:
        y = y + 0.5 * rng.normal(size=shape[0])[who]
    X = rng.normal(size=(who.size, N_UNITS)) + rng.normal(size=(shape[0], N_UNITS))[who]
    X += rng.normal(size=(shape[1], N_UNITS))[film]
    X[:, 0] += 0.7 * effect * y
    return _some(X, (y > np.median(y)).astype(int) if classes else y, who, film, dropped, rng)


def _some(
    X: NDArray[np.float64],
    y: NDArray[Any],
    who: NDArray[np.intp],
    film: NDArray[np.intp],
    dropped: float,
    rng: Rng,
) -> Data:
    kept = np.sort(rng.permutation(len(y))[round(dropped * len(y)) :])
    if dropped == 0:
        kept = np.arange(len(y))
    return Data(X[kept], y[kept], pd.DataFrame({"subject": who[kept], "film": film[kept]}), None)


def themes(effect: float, rng: Rng, alike: float = 0.8, classes: bool = False) -> Data:
    """Pictures of forty themes of unequal size, whose ratings are alike within a theme."""
    size = np.minimum(1 + rng.geometric(0.25, 40), 25)
    theme = np.repeat(np.arange(40), size)
    y = np.sqrt(alike) * rng.normal(size=40)[theme]
    y = y + np.sqrt(1 - alike) * rng.normal(size=theme.size)
    X = rng.normal(size=(theme.size, N_UNITS)) + rng.normal(size=(40, N_UNITS))[theme]
    X[:, 0] += effect * y
    label = np.digitize(y, [-0.5, 0.5]) if classes else y
    return Data(X, label, pd.DataFrame({"theme": theme}), "theme")


def blocks(
    effect: float, rng: Rng, memory: float = 0.95, n: int = 8, one_order: bool = False
) -> Data:
    """Eight people, labels in blocks of six trials, units that drift; one order for all, or not."""
    length, n_blocks = 6, 12
    orders = [rng.permutation(np.arange(n_blocks) % 2) for _ in range(n)]
    order = [orders[0]] * n if one_order else orders
    y = np.concatenate([np.repeat(one, length) for one in order])
    X = np.concatenate([_slow(length * n_blocks, memory, rng) for _ in range(n)])
    if one_order:
        X += np.tile(_slow(length * n_blocks, memory, rng), (n, 1))
    X[:, 0] += 2 * effect * y
    onset = np.tile(np.arange(length * n_blocks), n)
    who = np.repeat(np.arange(n), length * n_blocks)
    return Data(X, y, pd.DataFrame({"subject": who, "onset": onset}), "subject")


def one_person(effect: float, rng: Rng, memory: float = 0.9) -> Data:
    """One person, thirty blocks of eight trials, units that drift, blocks held out."""
    y = np.repeat(rng.permutation(np.arange(30) % 2), 8)
    X = _slow(240, memory, rng)
    X[:, 0] += 2 * effect * y
    return Data(
        X, y, pd.DataFrame({"onset": np.arange(240), "block": np.arange(240) // 8}), "block"
    )


def clock(effect: float, rng: Rng) -> Data:
    """Eight people, calm first and fear after it, units that drift alike in all."""
    y = np.tile(np.repeat([0, 1], 20), 8)
    X = np.tile(_slow(40, 0.98, rng), (8, 1)) + rng.normal(size=(320, N_UNITS))
    X[:, 0] += effect * y
    who, onset = np.repeat(np.arange(8), 40), np.tile(np.arange(40), 8)
    return Data(X, y, pd.DataFrame({"subject": who, "onset": onset}), "subject")


def mixed(effect: float, rng: Rng, memory: float = 0.95) -> Data:
    """Eight people, labels mixed at random, units that drift."""
    y = np.concatenate([rng.permutation(np.arange(40) % 2) for _ in range(8)])
    X = np.concatenate([_slow(40, memory, rng) for _ in range(8)])
    X[:, 0] += 2 * effect * y
    who, onset = np.repeat(np.arange(8), 40), np.tile(np.arange(40), 8)
    return Data(X, y, pd.DataFrame({"subject": who, "onset": onset}), "subject")


def sessions(effect: float, rng: Rng) -> Data:
    """Eight people, four sessions of one mood each, which have patterns of their own."""
    who, session, _ = np.indices((8, 4, 12)).reshape(3, -1)
    y = np.concatenate([np.repeat(rng.permutation([0, 0, 1, 1]), 12) for _ in range(8)])
    X = rng.normal(size=(who.size, N_UNITS)) + rng.normal(size=(8, 4, N_UNITS))[who, session]
    X[:, 0] += 1.5 * effect * y
    return Data(X, y, pd.DataFrame({"subject": who, "session": session}), "subject")


def series(effect: float, rng: Rng, memory: float = 0.8) -> Data:
    """Four minutes of slow units and a slow rating, one a second."""
    slow = _slow(240, memory, rng, N_UNITS + 1)
    X, y = slow[:, :N_UNITS].copy(), slow[:, N_UNITS]
    X[:, 0] += effect * y
    split = purged_time_split(np.arange(240.0), gap=10, n_splits=6)
    return Data(X, y, pd.DataFrame({"onset": np.arange(240.0)}), split)


def _slow(n: int, memory: float, rng: Rng, n_units: int = N_UNITS) -> NDArray[np.float64]:
    """First-order series of variance one, (n, n_units)."""
    noise = rng.normal(size=(n + 100, n_units)) * np.sqrt(1 - memory**2)
    return np.asarray(lfilter([1], [1, -memory], noise, axis=0)[100:])


Maker = Callable[[float, Rng], Data]
DESIGNS: dict[str, Maker] = {
    "12 people, classes within people": people,
    "5 people": lambda e, r: people(e, r, 5),
    "3 people": lambda e, r: people(e, r, 3),
    "10 people of 4 to 60 trials": lambda e, r: people(e, r, 10, (4, 60)),
    "12 people, ratings around their own mean": people_rate,
    "20 people of two kinds": traits,
    "24 people of 8 sites, whose labels are the site's": lambda e, r: homes(e, r, (8, 3)),
    "30 people of 10 families, labels lean on them": lambda e, r: homes(
        e, r, (10, 3), mixed=True, name="family"
    ),
    "24 films": films,
    "16 films cut into clips": clips,
    "12 people × 16 films": crossed,
    "12 people × 16 films, a fifth missing": lambda e, r: crossed(e, r, dropped=0.2),
    "5 people × 8 films": lambda e, r: crossed(e, r, (5, 8, 1)),
    "12 people × 16 films, strong identity": lambda e, r: crossed(e, r, identity=3.0),
    "8 people × 12 films, three times each": lambda e, r: crossed(e, r, (8, 12, 3)),
    "12 people rate 20 films": crossed_rated,
    "12 people rate 20 films, one of 240 missing": lambda e, r: crossed_rated(
        e, r, dropped=1 / 240
    ),
    "12 people rate 20 films, half missing": lambda e, r: crossed_rated(e, r, dropped=0.5),
    "12 people label 20 films": lambda e, r: crossed_rated(e, r, classes=True),
    "12 people label 20 films, one missing": lambda e, r: crossed_rated(
        e, r, dropped=1 / 240, classes=True
    ),
    "40 themes of unequal size, ratings": themes,
    "40 themes of unequal size, classes": lambda e, r: themes(e, r, classes=True),
    "blocks of labels and drift": blocks,
    "blocks and drift, one order for all": lambda e, r: blocks(e, r, one_order=True),
    "one person, blocks and drift": one_person,
    "the clock tells the label": clock,
    "mixed labels and drift": mixed,
    "sessions of one mood": sessions,
    "days of one mood, the same for all": days,
    "slow series": series,
    "7 people, slow ratings": slow_people,
}
