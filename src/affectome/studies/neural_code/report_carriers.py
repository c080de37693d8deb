"""Sections of the neural-code report: how graded and sure, which units, states and people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from affectome.reports.figures import Mark, scores
from affectome.reports.page import Figure, Section, Table
from affectome.reports.style import COLORS
from affectome.reports.words import because, counted, interval
from affectome.studies.neural_code import figures as draw
from affectome.studies.neural_code.report_reading import (
    MAIN,
    Result,
    below,
    chance,
    claim,
    main,
)

LONG = 100.0


def graded(result: Result) -> Section | None:
    """Intensity and mixture."""
    found, mixed = result.get("intensity"), result.get("blends")
    if not found and not mixed:
        return None
    rows = []
    if found:
        excess = found["excess_over_baseline"]
        against = f"{interval(found)} · {claim(found)}"
        rows.append(["intensity, r", _number(found["r"]), against])
        rows.append(["intensity, concordance", _number(found["ccc"]), "1 is perfect"])
        rows.append(
            [
                f"intensity, r above the best baseline ({excess['baseline']})",
                _number(excess["value"]),
                interval(excess),
            ]
        )
    if mixed:
        base = mixed["baseline"]
        rows.append(["mixture, r of the weights", _number(mixed["r"]), claim(mixed)])
        rows.append(
            [
                "mixture, KL divergence in nats",
                f"{mixed['kl']:.3f}",
                f"{base['kl']:.3f} for the mean mixture of the training trials",
            ]
        )
        rows.append(
            [
                "mixture, two strongest named",
                f"{mixed['top2']:.2f}",
                f"{base['top2']:.2f} for the mean mixture",
            ]
        )
    caption = (
        "Concordance, divergence and the two strongest are of the same estimates as r, and have no "
        "p of their own."
    )
    return Section(
        "How intense, in which mixture", "", tables=[Table(["", "value", "against"], rows, caption)]
    )


def _number(value: float | None) -> str:
    return "undefined" if value is None or not np.isfinite(value) else f"{value:.2f}"


def calibration(result: Result) -> Section | None:
    """How sure the decoder is, and how large sets that hold are."""
    found = result.get("calibration")
    if not found:
        return None
    sets = found["conformal"]
    text = (
        f"The decoder can name a set of classes instead of one. The sets were made to hold the "
        f"true class in {sets['confidence']:.0%} of new trials; on held-out trials they hold it in "
        f"{sets['coverage']:.0%}. A set has {sets['mean_size']:.1f} classes on average, and in "
        f"{sets['abstained']:.0%} of trials it does not name exactly one."
    )
    if sets["promised"] < sets["confidence"] - 1e-9:
        text += (
            f" They were learned from {counted(sets['n_groups'], 'group')}, which can promise "
            f"{sets['promised']:.0%} at most, whatever new groups are like."
        )
    text += f" There is no p here, because {because(found)}."
    return Section(
        "How sure",
        text,
        [
            Figure(
                "reliability",
                draw.reliability(found),
                f"Share of right answers against confidence; on the line the decoder is as right "
                f"as it is sure. Expected calibration error {found['ece']:.2f}.",
            )
        ],
    )


def units(result: Result, units: pd.DataFrame, brain: Sequence[Figure]) -> Section:
    """Which units carry it, and what is lost without them."""
    counts = result["units"]
    if counts["selective"] is None:
        text = f"{counts['why'][0].upper()}{counts['why'][1:]}."
    else:
        respond = "responds" if counts["selective"] == 1 else "respond"
        text = (
            f"{counts['selective']} of {counted(counts['tested'], 'unit')} {respond} differently "
            f"to the classes (q < {counts['level']:g})."
        )
    lesion = result.get("lesion")
    if lesion:
        frozen, anew = lesion["frozen"], lesion["refitted"]
        chosen, place = f"{lesion['units']} units that differ most in training trials were", "their"
        if lesion["units"] == 1:
            chosen, place = "unit that differs most in training trials was", "its"
        text += (
            f" The {chosen} taken from the decoder. Its balanced accuracy was "
            f"{lesion['base']:.2f}; it is {frozen['score']:.2f} when the mean stands in {place} "
            f"place ({frozen['random_mean']:.2f} for as many random units; "
            f"{claim(frozen)}), and {anew['score']:.2f} when it is fitted anew without them "
            f"({anew['random_mean']:.2f}; {claim(anew)})."
        )
    light = result.get("searchlight")
    if light:
        best = light["best"]
        text += (
            f" In spheres of {light['radius']:g} {light['unit']} around {light['n_centres']:,} "
            f"centres it is read from {_count(light)}, best around "
            f"({best['x']:.0f}, {best['y']:.0f}, {best['z']:.0f}) with an AUC of "
            f"{best['auc']:.2f}."
        )
    if "selective" not in units:
        return Section("Which units carry it", text, list(brain))
    return Section(
        "Which units carry it",
        text,
        [
            Figure(
                "units",
                draw.unit_map(units, result["classes"]),
                "Selectivity index of every unit, the strongest first; coloured are those that are "
                "selective.",
            ),
            *brain,
        ],
    )


def states(result: Result) -> Section | None:
    """Hidden states and the changes between them."""
    found = result.get("states")
    if not found:
        return None
    if found["n_states"] == 1:
        return Section(
            "Hidden states",
            "No model with several hidden states predicts held-out trials clearly better than one "
            "state: the population does not jump between states here.",
        )
    differs = found["differs"]
    text = (
        f"A hidden Markov model with {found['n_states']} states predicts held-out trials as well "
        "as any with more, within a standard error. "
    )
    if differs["p"] is None:
        text += (
            f"Whether classes dwell in different states was not tested, because {because(differs)}."
        )
    elif below(differs):
        text += f"Classes dwell in different states ({claim(differs)})."
    else:
        text += f"That classes dwell in different states can't be said ({claim(differs)})."
    stay = ", ".join(_visit(found, state) for state in range(found["n_states"]))
    text += f" Mean length of a visit, from the first state on: {stay}."
    return Section(
        "Hidden states",
        text,
        [
            Figure("states", draw.states(found), "Share of time in each state by class."),
            Figure(
                "state_graph",
                draw.state_graph(found),
                "Changes from state to state in trials of each class: the wider an arrow, the "
                "larger its share of the changes; the larger a dot, the more time is spent there. "
                "The arrows describe; what is tested is the share of time.",
            ),
        ],
    )


def _visit(found: Result, state: int) -> str:
    """Mean length of a visit, as far as trials can show it."""
    if found["transitions"][state][state] >= 1 - 1e-6:
        return "never left"
    seconds = found["dwell_s"][state]
    return "longer than a trial" if seconds > found["trial_s"] else _seconds(seconds)


def _seconds(value: float) -> str:
    return f"{value:.2g} s" if value < LONG else f"{value:.0f} s"


def time_constants(result: Result) -> Section | None:
    """Slow dimensions, regimes, and their tie to intensity."""
    found = result.get("time_constants_s")
    if not found:
        return None
    slowest, line = found["slowest"], found["attractor"]
    longer, ends = slowest["longer_than"], slowest["interval"]
    told = (
        f"longer than {_seconds(longer)}; these trials can't tell it from a longer one"
        if longer is not None
        else f"of {_seconds(slowest['value'])} (95 % {_seconds(ends[0])} to {_seconds(ends[1])}, "
        f"{slowest['over']})"
    )
    text = f"The slowest dimension after the event has a time constant {told}. "
    if line["p"] is None:
        text += f"Whether it is a line attractor was not tested, because {because(line)}."
    elif line["value"] is not None and below(line):
        text += f"It holds what the event left in it: a line attractor ({claim(line)})."
    else:
        text += f"That it is a line attractor can't be said ({claim(line)})."
    if not found["converged"]:
        text += " The fit did not come to rest: take its numbers as rough."
    tie, regimes = found.get("intensity"), found.get("switching")
    if tie:
        tells = "tells" if below(tie) else "does not clearly tell"
        text += (
            f" The slowest dimension {tells} the intensity of left-out trials, r = "
            f"{_number(tie['r'])} ({interval(tie)}; {claim(tie)})."
        )
    if regimes:
        ends = regimes["gain"]["interval"]
        between = "too few trials for an interval"
        if ends is not None:
            between = f"95 % {ends[0]:+.5f} to {ends[1]:+.5f}"
        better = "predict" if regimes["better"] else "do not clearly predict"
        text += (
            f" Dynamics that switch between {len(regimes['share'])} regimes {better} held-out "
            f"trials better than one linear system: {regimes['gain']['value']:+.5f} nats a sample "
            f"and unit ({between}; no p, because {because(regimes['gain'])})."
        )
    return Section(
        "Slow dimensions",
        text,
        [
            Figure(
                "time_constants",
                draw.time_constants(found),
                "Time constants of the fitted linear dynamics, with the 95 % interval of the "
                "slowest. Levels of the trials and the mean course of each class are taken out; "
                f"trials of this length can't tell those beyond {found['longest_s']:.0f} s apart.",
            )
        ],
    )


def together(result: Result) -> Section | None:
    """What is read from who goes with whom."""
    found = result.get("connectivity")
    if not found:
        return None
    own = main(result)
    marks = [
        Mark("each unit's response", own["score"], own["interval"]),
        Mark(found["measure"], found["score"], found["interval"], COLORS["second"]),
    ]
    return Section(
        "Who goes with whom",
        f"Decoded from the {found['measure']} of {found['pairs']:,} pairs within each trial, "
        "whatever the units' responses.",
        [
            Figure(
                "connectivity",
                scores(marks, MAIN[own["metric"]], chance(result)),
                f"Pairs: {interval(found)}, {claim(found)}.",
            )
        ],
    )


def personal(result: Result) -> Section | None:
    """What a person's own trials add."""
    found = result.get("personal")
    if not found:
        return None
    rows = [
        [
            way["method"],
            f"{way['score']:.2f}",
            interval(way).removeprefix("95 % "),
            *_above(way.get("above_none")),
            way["uses"],
        ]
        for way in found.get("across", ())
        if "score" in way
    ]
    header = ["from others to a new person", "accuracy", "95 %", "above none", "95 %", "needs"]
    first, last = found["curve"][0], found["curve"][-1]
    text = (
        "Everybody else's model reads a new person with a balanced accuracy of "
        f"{first['personal']:.2f}"
    )
    if last["shots"]:
        text += (
            f", and with {last['personal']:.2f} after {counted(last['shots'], 'trial')} of each "
            f"class of that person: better for {last['better_than_none']} of {last['people']} "
            "people"
        )
    text += f". There is no p, because {because(found)}."
    caption = "Balanced accuracy on held-out people and stimuli. "
    if found.get("across"):
        caption += f"There is no p, because {because(found['across'][0])}."
    return Section(
        "A personal model",
        text,
        [
            Figure(
                "personal",
                draw.personal(found["curve"], 1 / len(result["classes"])),
                "Balanced accuracy on a new person's held-out trials against the trials of each "
                "class that the model was given of that person; the band runs from the worst to "
                "the best person.",
            )
        ],
        [Table(header, rows, caption)] if rows else [],
    )


def _above(more: Result | None) -> tuple[str, str]:
    if more is None:
        return "–", "–"
    ends = more["interval"]
    between = "no interval" if ends is None else f"{ends[0]:+.2f} to {ends[1]:+.2f}"
    return f"{more['value']:+.2f}", between


def _count(light: Result) -> str:
    n = light["n_significant"]
    return "an unknown number (no p)" if n is None else f"{n:,} (p < .05, corrected)"
