"""Labels of trials in time: free, in whole stretches, along the circle, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectome.evidence.exchange import (
    Codes,
    Draw,
    Exchange,
    Factors,
    enough,
    log_within,
    one_by_one,
    shuffle,
    together,
    too_few,
)
from affectome.evidence.labels import is_rating, row_codes
from affectome.evidence.stretches import log_orders, new_orders

ALIKE_AT = 0.05
"""Neighbours count as alike, and the clock as telling, below this p."""
CHECKED = 199
TOLD_BY_ROWS = 0.25
"""Where only the order of rows is known, less than that may be a habit of who made the table."""
TRIALS_A_POWER = 6
FIFTHS = 5
FEWEST_SWINGS = 20
PLENTY = 1000
"""Orders that a p of .001 needs."""
FEWEST_RUNS = 5
"""Five runs trade places in 120 ways."""
RUNS_ALIKE = "places in runs, of which several had the same labels throughout"
ORDERS_ALIKE = "sessions, which more people met in one order of labels than by chance"
UNTIMED = (
    " (rows count as in the order of time; name another order by order=COLUMN, or say order='none')"
)


def trials(  # noqa: PLR0911 - one return a scheme
    y: NDArray[Any], blocks: Codes, f: Factors, what: str = ""
) -> Exchange:
    """Trials trade places within blocks, as far as the order of time lets them."""
    where = what or f"trials{f.within}"
    n = len(y)
    number = log_within(y, blocks)
    if not enough(number):
        n_blocks = int(blocks.max()) + 1
        return Exchange("none", n, too_few(number, f"labels of {where} in {n_blocks} parts"))

    def free(n_draws: int, rng: np.random.Generator) -> NDArray[Any]:
        return np.asarray(y[shuffle(blocks, n_draws, rng)])

    others = one_by_one(_Others(y, f.who)) if f.who is not None else free
    plain = Exchange(f"labels permuted over {where}", n, None, free, others)
    if f.time is None:
        return plain
    clock = _Clock(y, blocks, f.time, f.run)
    alike = clock.same_sequences(y)
    if alike is not None and (f.timed or clock.is_serial(y, free)):
        return _for_all_alike(y, alike, f.timed, RUNS_ALIKE)
    if clock.is_serial(y, free):
        block = clock.blocks_of(y)
        whole = None if block is None else _whole_blocks(y, block, blocks, f, where)
        return whole or _stretches(y, clock, where, f, others)
    drawn = np.concatenate([y[None], free(CHECKED, np.random.default_rng(0))])
    least = 0.0 if f.timed else TOLD_BY_ROWS
    if clock.share_told(y) <= least or _rarity(clock.told(drawn)) > ALIKE_AT:
        return plain
    fifths = together(n, blocks, clock.fifth)
    if not enough(log_within(y, fifths)):
        return Exchange("none", n, f"the clock tells the labels of {where}", None, others)

    def inside(n_draws: int, rng: np.random.Generator) -> NDArray[Any]:
        return np.asarray(y[shuffle(fifths, n_draws, rng)])

    scheme = f"labels permuted over {where} within fifths of a run, since they drift with the clock"
    return Exchange(scheme, n, None, inside, others)


def shared_order(y: NDArray[Any], who: Codes, place: NDArray[np.float64]) -> Exchange | None:
    """Exchange for all people alike, where more of them met labels in one order than by chance.

    What comes at a place (the second day, fatigue) then comes at it for all of them, as the label
    does. None where orders are as different as chance has them.
    """
    clock = _Clock(y, who, place, None)
    rng = np.random.default_rng(0)
    drawn = [y, *y[shuffle(who, CHECKED, rng)]]
    if _rarity(np.array([clock.n_alike(labels) for labels in drawn], dtype=float)) > ALIKE_AT:
        return None
    sequences = clock.same_sequences(y)
    return sequences and _for_all_alike(y, sequences, True, ORDERS_ALIKE)


class _Others:
    """Each person takes the labels of another one, in random order."""

    def __init__(self, y: NDArray[Any], who: Codes) -> None:
        self.y = y
        self.rows = [np.flatnonzero(who == person) for person in range(int(who.max()) + 1)]

    def __call__(self, rng: np.random.Generator) -> NDArray[Any]:
        source = np.empty(len(self.y), dtype=np.intp)
        for mine, other in zip(self.rows, rng.permutation(len(self.rows)), strict=True):
            source[mine] = np.resize(rng.permutation(self.rows[other]), mine.size)
        return np.asarray(self.y[source])


def _rarity(statistics: NDArray[np.float64]) -> float:
    """Share of arrangements with a statistic as large as the first one's."""
    return float(np.mean(statistics >= statistics[0] - 1e-9 * abs(statistics[0])))


class Sequences(NamedTuple):
    """Trials by the sequence of labels of their run, the place in it, and both; a trial of each."""

    number: Codes
    place: Codes
    unit: Codes
    first: Codes


class _Clock:
    """Trials in the order of time within blocks, and what that order tells of labels."""

    def __init__(
        self, y: NDArray[Any], blocks: Codes, time: NDArray[np.float64], of_run: Codes | None
    ) -> None:
        run = blocks if of_run is None else together(len(y), blocks, of_run)
        self.order = np.lexsort((time, run))
        self.run = run[self.order]
        self.rating = y.ndim == 1 and is_rating(y)
        self.levels = () if self.rating or y.ndim > 1 else np.unique(y)[1:]
        self.next = self.run[1:] == self.run[:-1]
        size = np.bincount(run)
        place = np.arange(len(y)) - (np.cumsum(size) - size)[self.run]
        share = (place + 0.5) / size[self.run]
        self.fifth = np.empty(len(y), dtype=np.intp)
        self.fifth[self.order] = np.minimum((share * FIFTHS).astype(np.intp), FIFTHS - 1)
        degree = int(np.clip(np.median(size) // TRIALS_A_POWER, 1, 3))
        powers = np.column_stack([(2 * share - 1) ** k for k in range(degree + 1)])
        self.basis = np.linalg.qr(powers)[0]
        self.runs = [np.flatnonzero(self.run == r) for r in range(int(self.run.max()) + 1)]

    def is_serial(self, y: NDArray[Any], draw: Draw) -> bool:
        """Whether neighbours are more alike than labels that trade places freely."""
        drawn = draw(CHECKED, np.random.default_rng(0))
        return _rarity(self.alike(np.concatenate([y[None], drawn]))) <= ALIKE_AT

    def same_sequences(self, y: NDArray[Any]) -> Sequences | None:
        """Runs by their sequence of labels; None where no two runs have the same."""
        codes = row_codes(y)
        keys: dict[bytes, int] = {}
        number, place = np.empty_like(codes), np.empty_like(codes)
        for rows in self.runs:
            trials_ = self.order[rows]
            number[trials_] = keys.setdefault(codes[trials_].tobytes(), len(keys))
            place[trials_] = np.arange(rows.size)
        if len(keys) == len(self.runs):
            return None
        unit = together(len(y), number, place)
        return Sequences(number, place, unit, np.unique(unit, return_index=True)[1])

    def blocks_of(self, y: NDArray[Any]) -> Codes | None:
        """Blocks of equal length that the stretches of equal labels are made of; None for none."""
        if self.rating:
            return None
        size = int(np.gcd.reduce(self.stretches(y)[1]))
        if size == 1:
            return None
        block = np.empty(len(y), dtype=np.intp)
        block[self.order] = np.arange(len(y)) // size
        return block

    def stretches(self, y: NDArray[Any]) -> tuple[Codes, Codes]:
        """First place, in the order of time, and length of the stretches of equal labels."""
        ordered = row_codes(y)[self.order]
        first = np.flatnonzero(np.r_[True, (ordered[1:] != ordered[:-1]) | ~self.next])
        return first, np.diff(np.r_[first, len(y)])

    def n_alike(self, y: NDArray[Any]) -> int:
        """Pairs of runs with the same sequence of labels."""
        codes = row_codes(y)
        count = Counter(codes[self.order[rows]].tobytes() for rows in self.runs)
        return sum(n * (n - 1) // 2 for n in count.values())

    def alike(self, labels: NDArray[Any]) -> NDArray[np.float64]:
        """How alike neighbours are in each arrangement (n_draws, n_trials): Σ of their products."""
        return np.sum(
            [(t[:, 1:] * t[:, :-1])[:, self.next].sum(1) for t in self._targets(labels)], 0
        )

    def told(self, labels: NDArray[Any]) -> NDArray[np.float64]:
        """Sum of squares that a curve in the place within a run explains, for all runs alike."""
        told = [np.square(t @ self.basis) for t in self._targets(labels)]
        return np.asarray(np.sum(told, axis=0).sum(axis=1))

    def share_told(self, y: NDArray[Any]) -> float:
        """Share of the labels' variance within runs that the place within a run explains."""
        total = sum(float(np.square(t).sum()) for t in self._targets(y[None]))
        return float(self.told(y[None])[0]) / total if total > 0 else 0.0

    def _targets(self, labels: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
        """Ratings, or one mark a class, around the mean of the run, in the order of time."""
        ordered = labels[:, self.order]
        if self.rating:
            yield self._centred(ordered.astype(float))
        elif labels.ndim > 2:
            for k in range(labels.shape[2]):
                yield self._centred(ordered[..., k].astype(float))
        else:
            for level in self.levels:
                yield self._centred((ordered == level).astype(float))

    def _centred(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        # Nothing trades places between runs, so all arrangements have the means of the first.
        mean = np.bincount(self.run, values[0]) / np.bincount(self.run)
        return values - mean[self.run]


def _whole_blocks(
    y: NDArray[Any], block: Codes, blocks: Codes, f: Factors, where: str
) -> Exchange | None:
    """Blocks of as many trials with one label each trade places, as trials do, where they can."""
    first = np.unique(block, return_index=True)[1]
    assert f.time is not None
    of_blocks = replace(
        f,
        who=None if f.who is None else f.who[first],
        run=None if f.run is None else f.run[first],
        time=f.time[first],
    )
    what = f"blocks of {len(y) // first.size} {where}"
    found = trials(y[first], blocks[first], of_blocks, what)
    return None if found.by_null is None else found.spread_over(block)


def _stretches(y: NDArray[Any], clock: _Clock, where: str, f: Factors, others: Draw) -> Exchange:
    """Whole stretches of equal labels trade places; ratings are shifted along the circle."""
    inner = _shifts(y, clock, where) if clock.rating else _runs(y, clock, where)
    hint = "" if f.timed else UNTIMED
    if inner.by_null is None:
        return replace(inner, why_not=f"{inner.why_not}{hint}", by_others=others)
    if _rarity(clock.told(np.concatenate([y[None], inner.draw(CHECKED)]))) <= ALIKE_AT:
        why = f"the clock alone tells the labels of {where} apart{hint}"
        return Exchange("none", inner.n_groups, why, None, others)
    return replace(inner, by_others=others)


def _for_all_alike(y: NDArray[Any], sequence: Sequences, timed: bool, where: str) -> Exchange:
    """Runs had the same labels at the same places: what trades places, does in all of them alike.

    Whatever comes at a place (a film that is not named, fatigue) comes at it in every such run.
    """
    first = sequence.first
    place, number = sequence.place[first].astype(float), sequence.number[first]
    alone = Factors(time=place, run=number, timed=timed)
    labels = y[first]
    if len(np.unique(row_codes(labels))) == first.size:
        told = "the place in the run tells the label"
        return Exchange("none", first.size, told, one_course=True)
    inner = trials(labels, number, alone, where)
    if inner.by_null is None:
        return replace(inner, by_others=None, one_course=True)
    # Other people would have met one order, too: nothing but it makes their scores differ alike.
    return inner.spread_over(sequence.unit)


def _runs(y: NDArray[Any], clock: _Clock, where: str) -> Exchange:
    """Stretches of equal labels, laid end to end in a new order within a run.

    Where orders in which equal labels don't meet are few, too few to tell many units apart, labels
    may meet: it makes slower arrangements than the real one, and so a cautious test.
    """
    first, length = clock.stretches(y)
    label, run, n = row_codes(y)[clock.order[first]], clock.run[first], first.size
    number = log_within(label, run)
    if not enough(number):
        return Exchange("none", n, too_few(number, f"{n} stretches of equal labels of {where}"))
    orders = sum(log_orders(label[run == one], length[run == one]) for one in set(run))
    apart = orders >= np.log(PLENTY)

    def draw(n_draws: int, rng: np.random.Generator) -> NDArray[Any]:
        order = new_orders(label, run, n_draws, rng) if apart else shuffle(run, n_draws, rng)
        labels = np.empty((n_draws, *y.shape), dtype=y.dtype)
        for found, one in zip(labels, order, strict=True):
            found[clock.order] = y[clock.order[np.repeat(first[one], length[one])]]
        return labels

    scheme = f"whole stretches of equal labels of {where} permuted, since neighbours are alike"
    return Exchange(scheme, n, None, draw)


def _shifts(y: NDArray[Any], clock: _Clock, where: str) -> Exchange:
    """Ratings of whole runs trade places, or are shifted along the circle of each run.

    Shifts break a series in two where it was whole, so each run needs swings enough; runs trade
    places whole. Where runs took the same course, which may be that of a film that all saw, they
    are shifted by the same share of their length.
    """
    ordered = np.asarray(y, dtype=float)[clock.order]
    series = [ordered[rows] for rows in clock.runs]
    memory = _memory(series)
    length = float(np.median([one.size for one in series]))
    swings = length / memory
    one_course = len(series) > 1 and _same_course(series)
    if not one_course and len(series) >= FEWEST_RUNS:
        return _runs_trade(y, series, clock, where)
    if swings < FEWEST_SWINGS:
        why = (
            f"ratings of {where} stay like themselves for {memory:.0f} trials, which makes "
            f"{swings:.0f} swings in a run, and {FEWEST_SWINGS} are needed"
        )
        return Exchange("none", round(swings), why)

    def draw(rng: np.random.Generator) -> NDArray[Any]:
        labels = np.empty_like(y)
        share = rng.random(1 if one_course else len(series))
        for rows, one, part in zip(clock.runs, series, np.resize(share, len(series)), strict=True):
            least = min(max(1, int(np.ceil(memory))), one.size // 3)
            by = least + int(part * (max(one.size - 2 * least, 0) + 1))
            labels[clock.order[rows]] = np.roll(one, by)
        return labels

    how = (
        "all alike, since runs took the same course" if one_course else "since neighbours are alike"
    )
    scheme = f"ratings of {where} shifted along the circle of each run, {how}"
    return Exchange(scheme, round(swings), None, one_by_one(draw))


def _runs_trade(
    y: NDArray[Any], series: list[NDArray[np.float64]], clock: _Clock, where: str
) -> Exchange:
    """Ratings of a run go to another run whole, or a stretch of them as long as that run."""

    def draw(rng: np.random.Generator) -> NDArray[Any]:
        labels = np.empty_like(y)
        for rows, other in zip(clock.runs, rng.permutation(len(series)), strict=True):
            labels[clock.order[rows]] = _of_length(series[other], rows.size, rng)
        return labels

    scheme = f"ratings of {where} exchanged between whole runs, since neighbours are alike"
    return Exchange(scheme, len(series), None, one_by_one(draw))


def _of_length(
    series: NDArray[np.float64], size: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A stretch of a run, or the run there and back again, which leaves its memory as it was."""
    if series.size < size:
        back = np.concatenate([series, series[::-1]])
        series = np.resize(back, size + series.size)
    start = int(rng.integers(series.size - size + 1))
    return series[start : start + size]


def _same_course(series: list[NDArray[np.float64]]) -> bool:
    """Whether runs rise and fall together more than they would if each began elsewhere."""
    size = min(one.size for one in series)
    course = np.stack([one[:size] for one in series])
    course -= course.mean(axis=1, keepdims=True)
    course /= np.maximum(course.std(axis=1, keepdims=True), 1e-12)
    rng = np.random.default_rng(0)
    by = rng.integers(0, size, (CHECKED, len(series)))
    shifted = [
        np.sum([np.roll(one, k) for one, k in zip(course, ks, strict=True)], axis=0) for ks in by
    ]
    power = np.square([course.sum(axis=0), *shifted]).sum(axis=1)
    return _rarity(power) <= ALIKE_AT


def _memory(series: list[NDArray[np.float64]]) -> float:
    """Trials that ratings stay like themselves: 1 + 2 Σ r_k up to the first r_k below .05."""
    longest = max(one.size for one in series)
    total, count = np.zeros(longest), np.zeros(longest)
    for one in series:
        left = one - one.mean()
        full = np.correlate(left, left, "full")[left.size - 1 :]
        total[: left.size] += full
        count[: left.size] += np.arange(left.size, 0, -1)
    r = total / np.maximum(count, 1)
    r = r / max(r[0], 1e-12)
    below = np.flatnonzero(r < 0.05)
    stop = int(below[0]) if below.size else longest
    return float(max(1.0, 1 + 2 * r[1:stop].sum()))
