r"""What may trade places when there is no effect.

A permutation p holds if the arrangements that it compares are as likely as the real one when labels
and measurements have nothing to do with each other. Which are, follows from how labels came about:

* **Labels of stimuli** (every trial of a film has the film's label) move with whole stimuli, for
  all people alike. Where stimuli belong to themes, whole themes trade places, among themes of
  about their size, and labels are dealt anew within them.
* **Labels of people** (a trait, a diagnosis) move with whole people, within what people belong to
  (a site, a family, a litter); where all of it has one label, it moves as a whole.
* **Labels of trials of stimuli that several people met** (each rated each film): a stimulus takes
  the labels of another one, from the same person where that person met it, else from somebody who
  did, around the person's own mean. So missing and repeated cells need no other scheme.
* **Labels of trials of one person**: they trade places within the person, session and run.
  Where neighbours in time are alike, whole stretches of equal labels trade places, and slow
  ratings are shifted along the circle; where labels drift with the clock, they trade
  places within fifths of a run. Where the clock alone tells stretches apart, nothing may
  trade places, and there is no p.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from affectome.evidence.exchange import (
    FEWEST_ARRANGEMENTS,
    Codes,
    Exchange,
    Factors,
    constant_within,
    enough,
    first_fold,
    log_of_parts,
    log_within,
    one_by_one,
    shuffle,
    shuffle_parts,
    together,
    too_few,
    whole,
)
from affectome.evidence.labels import is_rating
from affectome.evidence.serial import shared_order, trials

SIMILAR = 1.5
FEWEST_SIMILAR = 6


def exchange_of(  # noqa: PLR0911 - one return a level at which labels can stand
    y: NDArray[Any], factors: Factors, fold: Codes | None = None
) -> Exchange:
    """Decide what may trade places.

    Parameters
    ----------
    y
        Classes or ratings, shape (n_trials,); 0 and 1 of several labels, (n_trials, n_labels).
    factors
        What trials have in common.
    fold
        Fold that tests each trial. Folds that were dealt by class stay dealt by class.

    Returns
    -------
    Exchange
    """
    f = factors
    if f.who is not None and constant_within(y, f.who):
        return _of_people(y, f.who, f, fold)
    if f.stimulus is not None:
        if f.theme is not None and constant_within(y, f.theme):
            return _in_order(y, f.theme, f.name("theme"), f, fold)
        if constant_within(y, f.stimulus):
            if f.who is not None and constant_within(f.who, f.stimulus):
                if np.bincount(f.stimulus).max() == 1:
                    return _of_trials(y, f)
                around = f" within {f.name('who')}"
                return whole(y, f.stimulus, f.who, f.name("stimulus") + around, None)
            if f.theme is not None:
                return _themes(y, f.stimulus, f.theme, f.name("theme"))
            return _in_order(y, f.stimulus, f.name("stimulus"), f, fold)
        if f.who is not None and not constant_within(f.who, f.stimulus):
            return _rated_by_people(y, f.who, f.stimulus, f, fold)
        if f.who is None:
            return _themes(y, np.arange(len(y)), f.stimulus, f.name("stimulus"))
    return _of_trials(y, f)


def _of_people(y: NDArray[Any], who: Codes, f: Factors, fold: Codes | None) -> Exchange:
    """People trade places within their site or family, which do so where all in them are alike."""
    if f.home is None:
        return whole(y, who, None, f.name("who"), fold)
    if constant_within(y, f.home):
        return whole(y, f.home, None, f.name("home"), fold)
    within = whole(y, who, f.home, f"{f.name('who')} within {f.name('home')}", None)
    # Other people would come from other families, whose labels lean otherwise.
    return replace(within, by_others=_themes(y, who, f.home, f.name("home")).by_null)


def _of_trials(y: NDArray[Any], f: Factors) -> Exchange:
    """Trials trade places within the person; whole sessions do where each has one label."""
    blocks = together(len(y), f.who)
    if f.session is not None:
        inside = together(len(y), blocks, f.session)
        if constant_within(y, inside):
            return _of_sessions(y, inside, blocks, f.session, f)
        if log_within(y, inside) >= math.log(FEWEST_ARRANGEMENTS):
            blocks = inside
    return trials(y, blocks, f)


def _of_sessions(
    y: NDArray[Any], inside: Codes, blocks: Codes, session: Codes, f: Factors
) -> Exchange:
    """Sessions of a person trade places; for all alike where people met one order of labels."""
    if f.who is not None:
        first = np.unique(inside, return_index=True)[1]
        common = shared_order(y[first], f.who[first], session[first].astype(float))
        if common is not None:
            return common.spread_over(inside)
    return whole(y, inside, blocks, f"{f.name('session')}s{f.within}", None)


def _in_order(y: NDArray[Any], units: Codes, name: str, f: Factors, fold: Codes | None) -> Exchange:
    """Whole stimuli trade labels; in stretches where all people met them in one order of labels."""
    place = _common_place(units, f)
    if place is None:
        return whole(y, units, None, name, fold)
    first = np.unique(units, return_index=True)[1]
    one = np.zeros(first.size, dtype=np.intp)
    where = f"values of {name}, which all met in one order"
    inner = trials(y[first], one, Factors(time=place, timed=f.timed, run=one), where)
    if inner.scheme == f"labels permuted over {where}":
        return whole(y, units, None, name, fold)
    return inner.spread_over(units)


def _common_place(units: Codes, f: Factors) -> NDArray[np.float64] | None:
    """Mean place of each unit in time where people met the units in the same order, else None."""
    if f.time is None or not f.timed:
        return None
    run = np.zeros(units.size, dtype=np.intp) if f.run is None else f.run
    place = pd.Series(f.time).groupby(run).rank(pct=True).to_numpy()
    count = np.bincount(units)
    mean = np.bincount(units, place) / count
    whole = float(place.var())
    return mean if whole > 0 and float((mean[units] - place.mean()).var()) > 0.5 * whole else None


def _themes(y: NDArray[Any], stimulus: Codes, theme: Codes, name: str) -> Exchange:
    """Themes take the labels of other themes of about their size, dealt anew within them."""
    first = np.unique(stimulus, return_index=True)[1]
    deal = _ThemeDeal(y[first], theme[first])
    if not enough(deal.log_number):
        return Exchange("none", deal.n, too_few(deal.log_number, f"{deal.n} values of {name}"))

    def draw(rng: np.random.Generator) -> NDArray[Any]:
        return np.asarray(deal.labels(rng)[stimulus])

    scheme = f"labels of whole values of {name} of about the same size exchanged"
    return Exchange(scheme, deal.n, None, one_by_one(draw))


class _ThemeDeal:
    """Labels of items (pictures) that belong to themes of unequal size."""

    def __init__(self, y: NDArray[Any], theme: Codes) -> None:
        self.y, self.theme = y, theme
        self.size = np.bincount(theme)
        self.n = self.size.size
        self.order = np.argsort(theme, kind="stable")
        self.start = np.cumsum(self.size) - self.size
        self.stratum = _strata_of_size(self.size)
        self.log_number = float(gammaln(np.bincount(self.stratum) + 1).sum())
        self.rating = y.ndim == 1 and is_rating(y)
        if self.rating:
            self.mean = np.bincount(theme, y) / self.size
            self.left = y - self.mean[theme]

    def labels(self, rng: np.random.Generator) -> NDArray[Any]:
        """Labels of the items, shape (n_items, …)."""
        source = shuffle(self.stratum, 1, rng)[0]
        shuffled = self.order[shuffle(self.theme[self.order], 1, rng)[0]]
        rank = np.empty(self.y.shape[0], dtype=np.intp)
        rank[self.order] = np.arange(rank.size) - np.repeat(self.start, self.size)
        of = source[self.theme]
        found = self.y[shuffled[self.start[of] + rank % self.size[of]]]
        if self.rating:
            # A theme of few items has few deviations to give; the rest comes from all themes.
            over = np.flatnonzero(rank >= self.size[of])
            spread = np.sqrt(self.size / np.maximum(self.size - 1, 1))
            other = rng.integers(rank.size, size=over.size)
            found = found.astype(float)
            found[over] = self.mean[of[over]] + self.left[other] * spread[self.theme[other]]
        return np.asarray(found)


def _strata_of_size(size: Codes) -> Codes:
    """Strata of groups whose sizes differ by half at most, six groups or more in each."""
    order = np.argsort(size, kind="stable")
    stratum = np.empty(size.size, dtype=np.intp)
    number, begun = 0, 0
    for place, group in enumerate(order):
        wide = size[group] > SIMILAR * size[order[begun]]
        if wide and place - begun >= FEWEST_SIMILAR and size.size - place >= FEWEST_SIMILAR:
            number, begun = number + 1, place
        stratum[group] = number
    return stratum


def _rated_by_people(
    y: NDArray[Any], who: Codes, stimulus: Codes, f: Factors, fold: Codes | None
) -> Exchange:
    """A stimulus takes the labels of another one, person by person."""
    cells = _Cells(y, who, stimulus)
    first = np.unique(stimulus, return_index=True)[1]
    theme = None if f.theme is None else f.theme[first]
    n = first.size if theme is None else int(theme.max()) + 1
    name = f.name("stimulus" if theme is None else "theme")
    stratum = np.zeros(n, dtype=np.intp) if theme is None else _strata_of_size(np.bincount(theme))
    number = float(gammaln(np.bincount(stratum) + 1).sum())
    if not enough(number):
        return Exchange("none", n, too_few(number, f"{n} values of {name}"))
    part = None if fold is None or theme is not None else first_fold(stimulus, fold)[first]
    if part is not None and not enough(log_of_parts(np.arange(n), part)):
        part = None
    n_people = int(who.max()) + 1

    def sources(rng: np.random.Generator) -> Codes:
        if part is not None:
            return shuffle_parts(part, 1, rng)[0]
        source = shuffle(stratum, 1, rng)[0]
        return source if theme is None else _item_of(source, theme, rng)

    def draw(rng: np.random.Generator) -> NDArray[Any]:
        return cells.labels(sources(rng), np.arange(n_people), rng)

    def others(rng: np.random.Generator) -> NDArray[Any]:
        return cells.labels(sources(rng), rng.permutation(n_people), rng)

    met = f"{name} exchanged for all values of {f.name('who')} alike"
    if not cells.complete:
        met += ", labels that are not there taken from others who met it"
    return Exchange(met, n, None, one_by_one(draw), one_by_one(others))


def _item_of(source: Codes, theme: Codes, rng: np.random.Generator) -> Codes:
    """Item that each item takes its labels from, where themes take them from ``source``."""
    size = np.bincount(theme)
    order = np.argsort(theme, kind="stable")
    start = np.cumsum(size) - size
    rank = np.empty(theme.size, dtype=np.intp)
    rank[order] = np.arange(theme.size) - np.repeat(start, size)
    turn = rng.integers(0, size)[source[theme]]
    of = source[theme]
    return np.asarray(order[start[of] + (rank + turn) % size[of]])


class _Cells:
    """Labels by person and stimulus, with missing and repeated cells."""

    def __init__(self, y: NDArray[Any], who: Codes, stimulus: Codes) -> None:
        self.y, self.who, self.stimulus = y, who, stimulus
        shape = (int(who.max()) + 1, int(stimulus.max()) + 1)
        cell = who * shape[1] + stimulus
        count = np.bincount(cell, minlength=shape[0] * shape[1])
        self.order = np.argsort(cell, kind="stable")
        start = np.cumsum(count) - count
        self.rank = np.empty(len(y), dtype=np.intp)
        self.rank[self.order] = np.arange(len(y)) - np.repeat(start, count)
        self.count, self.start = count.reshape(shape), start.reshape(shape)
        self.complete = bool((self.count > 0).all())
        self.donors = [np.flatnonzero(column) for column in self.count.T]
        self.n_donors = np.array([one.size for one in self.donors])
        self.donor = np.zeros((shape[1], int(self.n_donors.max())), dtype=np.intp)
        for number, one in enumerate(self.donors):
            self.donor[number, : one.size] = one
        self.rating = y.ndim == 1 and is_rating(y)
        if self.rating:
            self.mean = np.bincount(who, y) / np.bincount(who)

    def labels(self, source: Codes, person: Codes, rng: np.random.Generator) -> NDArray[Any]:
        """Give every trial the label of ``person[who]`` for the source of its stimulus."""
        wanted = source[self.stimulus]
        wished = person[self.who]
        giver = wished.copy()
        absent = self.count[giver, wanted] == 0
        if absent.any():
            chance = rng.random(self.count.shape)[self.who, wanted]
            pick = (chance * self.n_donors[wanted]).astype(np.intp)
            giver = np.where(absent, self.donor[wanted, pick], giver)
        row = self.order[
            self.start[giver, wanted] + self.rank % np.maximum(self.count[giver, wanted], 1)
        ]
        found = self.y[row]
        if self.rating:
            found = found + self.mean[wished] - self.mean[giver]
        return np.asarray(found)
