"""The report of ``affectome pls``: which regions carry the units of a network, across people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectome.brains.across_people import Reading, Region
from affectome.reports.figures import Mark, matrix, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS
from affectome.reports.words import because, interval, p_text
from affectome.studies.across_people.study import AcrossPeopleStudy

N_MARKS = 30
MOST_SHOWN = 30
CHANCE = (
    "People respond alike to a picture, so any table of numbers about pictures can be read from "
    "other people's maps to some degree; “shuffled” is what is read when the units of the stimuli "
    "trade places and all is fitted anew, and p holds the real ones against that. With new stimuli "
    "there is nothing to recognise."
)


def across_people_page(study: AcrossPeopleStudy, brains: Sequence[Figure] = ()) -> Page:
    """Lay out the report.

    Parameters
    ----------
    study
        What the study gave.
    brains
        Weights in a glass brain.
    """
    found = study.found
    what = "categories" if found.categorical else "units"
    sections = [
        Section(
            "Region by region",
            f"Correlation of predicted and actual {what} over each person's trials, mean over "
            f"{what} and people; lines are 95 % intervals over people. {CHANCE}",
            [_drawn(study)],
            [_regions(study), *_new_stimuli(study), *_beyond(study)],
        ),
        Section(
            f"The {what}, one by one, in {found.regions[0].name}",
            _named_words(study),
            [] if len(found.units) > MOST_SHOWN else [_confusions(study)],
            [_units(study), *([_clusters(study)] if study.clusters else [])],
        ),
    ]
    if brains:
        sections.append(Section("Where the weights are", WEIGHTS, brains))
    return Page(
        title=f"From voxels to {what} · {study.source}",
        question=f"Which regions carry these {what}, in the same way in all people?",
        answer=answer(study),
        warnings=study.notes,
        skipped=[{"file": s.file, "why": s.why} for s in study.skipped],
        facts={
            "regions": str(len(found.regions)),
            what: str(len(found.units)),
            "components": str(study.n_components),
            "held out": "one person at a time; beside it people and stimuli at once",
        },
        sections=sections,
    )


WEIGHTS = (
    "Weights of the model of all people, in weights.nii.gz; in reliability.nii.gz they are divided "
    "by their standard error over draws of people. This says how alike people are, not whether a "
    "voxel carries a unit: there is no p of a voxel."
)


def answer(study: AcrossPeopleStudy) -> str:
    """Say in a sentence or two what came out."""
    found = study.found
    what = "categories" if found.categorical else "units"
    first = found.regions[0]
    said = [f"In {first.name}, {what} are read in new people with {_told(first.people)}"]
    if first.both is not None:
        said.append(f"in new people and of new stimuli with {_told(first.both)}")
    left = [
        f"{one.people.r.value:.2f} without {one.control} ({p_text(one.people.r.to_dict())})"
        for one in first.beyond
    ]
    best = max(found.regions, key=lambda one: one.people.r.value)
    parts = [f"{'; '.join(said)}."]
    if len(found.regions) > 1:
        parts.append(
            f"Of {len(found.regions)} regions {best.name} gives most ({best.people.r.value:.2f})."
        )
    if left:
        parts.append(f"Of what controls leave of the {what}, r = {', '.join(left)}.")
    return " ".join(parts)


def _told(one: Reading) -> str:
    chance = "" if np.isnan(one.chance) else f", shuffled {round(one.chance, 2) + 0.0:.2f}"
    sure = one.r.to_dict()
    p = p_text(sure) if one.r.p is not None else f"no p: {because(sure)}"
    known = "" if one.r.interval is None else f"{interval(sure)}; "
    return f"r = {one.r.value:.2f} ({known}{p}{chance})"


def _drawn(study: AcrossPeopleStudy) -> Figure:
    marks = []
    for one in study.found.regions[:N_MARKS]:
        r = one.people.r
        marks.append(Mark(one.name, r.value, r.interval))
        if not np.isnan(one.people.chance):
            marks.append(Mark("shuffled", one.people.chance, None, COLORS["neutral"]))
        if one.both is not None:
            new = one.both.r
            marks.append(Mark("new stimuli, too", new.value, new.interval, COLORS["second"]))
    figure = scores(marks, "r in people who were not seen")
    return Figure("regions", figure, "Each region, and what chance and new stimuli leave of it.")


def _regions(study: AcrossPeopleStudy) -> Table:
    null = study.found.regions[0].people.r.null
    drawn = "" if null is None else f"{null.n_arrangements:,} arrangements: {null.scheme}. "
    return Table(
        ("region", "voxels", "r", "95 %", "shuffled", "p", "named right", "shuffled"),
        [
            [one.name, f"{one.n_voxels:,}", *_cells(one.people), *_named(one)]
            for one in study.found.regions
        ],
        f"New people, the same stimuli. {drawn}Each p stands beside its q in result.json.",
    )


def _new_stimuli(study: AcrossPeopleStudy) -> list[Table]:
    rows = []
    for one in study.found.regions:
        if one.both is not None:
            value, _, *rest = _cells(one.both)
            rows.append([one.name, value, *rest])
    words = (
        "New people and new stimuli: both were held out at once. Parts of the people are read by "
        "one fit, so there is no interval over people."
    )
    return [Table(("region", "r", "shuffled", "p"), rows, words)] if rows else []


def _beyond(study: AcrossPeopleStudy) -> list[Table]:
    rows = []
    for region in study.found.regions:
        for one in region.beyond:
            new = ["", "", ""] if one.both is None else _cells(one.both)
            left, shuffled, p = (_cells(one.people)[k] for k in (0, 2, 3))
            lost = f"{region.people.r.value - one.people.r.value:+.3f}"
            rows.append([region.name, one.control, left, lost, shuffled, p, new[0], new[-1]])
    head = ("region", "without", "r", "what went", "shuffled", "p", "r, new stimuli", "p")
    gone = {one.control: one.explained for one in study.found.regions[0].beyond}
    words = "; ".join(f"{name} explains {share:.0%} of the units" for name, share in gone.items())
    told = f"What is read of the units once a control has been taken from them: {words}."
    return [Table(head, rows, told)] if rows else []


def _cells(one: Reading) -> list[str]:
    known = "" if one.r.interval is None else "{:.2f}\u00a0to\u00a0{:.2f}".format(*one.r.interval)
    chance = "" if np.isnan(one.chance) else f"{round(one.chance, 2) + 0.0:.2f}"
    return [f"{one.r.value:.3f}", known, chance, "no p" if one.r.p is None else f"{one.r.p:.2g}"]


def _named(one: Region) -> list[str]:
    found = one.people
    chance = "" if np.isnan(found.named_chance) else f"{found.named_chance:.0%}"
    return [f"{found.named.value:.0%}", chance]


def _named_words(study: AcrossPeopleStudy) -> str:
    if study.found.categorical:
        return "The category that is predicted most for a trial, against its own."
    return (
        "A unit is named right in a person where its prediction goes most with the unit itself, of "
        "all units."
    )


def _confusions(study: AcrossPeopleStudy) -> Figure:
    names = list(study.found.units["unit"])
    counts = np.zeros((len(names),) * 2)
    np.add.at(counts, tuple(study.found.confusion.T), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = matrix(shares, names, names, "predicted from voxels", "goes most with", (0, 1))
    return Figure("confusions", figure, "Shares of people (or trials), rows adding up to 1.")


def _units(study: AcrossPeopleStudy) -> Table:
    rows = [
        [
            str(row["unit"]),
            f"{row['r']:.3f}",
            "no p" if np.isnan(row["p"]) else f"{row['p']:.2g}",
            "" if np.isnan(row["q"]) else f"{row['q']:.2g}",
            "" if np.isnan(row["named"]) else f"{row['named']:.0%}",
        ]
        for _, row in study.found.units.iterrows()
    ]
    return Table(("unit", "r", "p", "q", "named right"), rows, "q is over the units of this table.")


def _clusters(study: AcrossPeopleStudy) -> Table:
    names = list(study.found.units["unit"])
    rows = []
    for one in study.clusters:
        groups = [
            " + ".join(n for n, m in zip(names, one.members, strict=True) if m == k)
            for k in range(one.n)
        ]
        known = "" if one.interval is None else "{} to {}".format(*one.interval)
        rows.append([one.variant, str(one.n), known, "; ".join(groups)])
    return Table(("held against", "clusters that are told apart", "95 %", "which"), rows)
