"""Sections of the neural-code report: how graded and sure, which units, states and people."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from affectome.reports.figures import Mark, scores
from affectome.reports.page import Figure, Section, Table
from affectome.reports.style import COLORS
from affectome.reports.words import interval, p_text
from affectome.studies.neural_code import figures as draw
from affectome.studies.neural_code.report_reading import MAIN, Result, chance, claim, main

LONG = 100.0


def graded(result: Result) -> Section | None:
    """Intensity and mixture."""
    found, mixed = result.get("intensity"), result.get("blends")
    if not found and not mixed:
        return None
    rows = []
    if found:
        r, ccc = (
            "undefined" if found[key] is None else f"{found[key]:.2f}" for key in ("r", "ccc")
        )
        rows.append(["intensity, r", r, f"{interval(found)} · {claim(found)}"])
        rows.append(["intensity, concordance", ccc, ""])
    if mixed:
        base = mixed["baseline"]
        rows.append(["blend, KL divergence", f"{mixed['kl']:.3f}", f"mean blend {base['kl']:.3f}"])
        rows.append(["blend, top two named", f"{mixed['top2']:.2f}", f"mean {base['top2']:.2f}"])
    return Section(
        "How intense, in which mixture", "", tables=[Table(["", "value", "against"], rows)]
    )


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
            f" They were learned from {sets['n_groups']} groups, which can promise "
            f"{sets['promised']:.0%} at most, whatever new groups are like."
        )
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
        text = (
            f"{counts['selective']} of {counts['tested']} units respond differently to the "
            f"classes (q < {counts['level']:g})."
        )
    lesion = result.get("lesion")
    if lesion:
        frozen, anew = lesion["frozen"], lesion["refitted"]
        text += (
            f" The {lesion['units']} units that differ most in training trials were taken from "
            f"the decoder. It falls from {lesion['base']:.2f} to {frozen['score']:.2f} when it "
            f"hears their mean instead ({frozen['random_mean']:.2f} with as many random units "
            f"that are as active; {claim(frozen)}), and to {anew['score']:.2f} when it is fitted "
            f"anew without them ({anew['random_mean']:.2f}; {claim(anew)})."
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
            "No model with several hidden states predicts held-out trials better than one state: "
            "the population does not jump between states here.",
        )
    differs = found["differs"]
    text = (
        f"A hidden Markov model with {found['n_states']} states has the best likelihood on "
        "held-out trials. Whether classes dwell in different states: "
        f"{p_text(differs) if differs['p'] is not None else differs['why']}."
    )
    figures = [Figure("states", draw.states(found), "Share of time in each state by class.")]
    if found["n_states"] > 1:
        # A state that no trial leaves has a dwell without bound, which is no length of a visit.
        stay = ", ".join(
            _seconds(seconds) if found["transitions"][state][state] < 1 - 1e-6 else "never left"
            for state, seconds in enumerate(found["dwell_s"])
        )
        text += f" Mean length of a visit, from the first state on: {stay}."
        figures.append(
            Figure(
                "state_graph",
                draw.state_graph(found),
                "Changes from state to state in trials of each class: the wider an arrow, the "
                "larger its share of the changes; the larger a dot, the more time is spent there.",
            )
        )
    return Section("Hidden states", text, figures)


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
        f"longer than {longer:.2g} s; these trials can't tell it from a longer one"
        if longer is not None
        else f"{slowest['value']:.2g} s (95 % {ends[0]:.2g} to {ends[1]:.2g}, {slowest['over']})"
    )
    text = f"The slowest dimension after the event has a time constant of {told}. "
    if line["value"] is not None:
        text += f"It holds what the event left in it: a line attractor ({p_text(line)})."
    elif line["p"] is not None:
        text += f"That it is a line attractor can't be said ({p_text(line)})."
    else:
        text += f"A line attractor was not tested: {line['why']}."
    if not found["converged"]:
        text += " The fit did not come to rest: take its numbers as rough."
    tie, regimes = found.get("intensity"), found.get("switching")
    if tie:
        text += (
            f" The slowest dimension tells the intensity of left-out trials with r = "
            f"{tie['r']:.2f} ({interval(tie)}; {claim(tie)})."
        )
    if regimes:
        low, high = regimes["gain"]["interval"]
        better = "predict" if regimes["better"] else "do not predict"
        text += (
            f" Dynamics that switch between {len(regimes['share'])} regimes {better} held-out "
            f"trials better than one linear system: {regimes['gain']['value']:+.5f} nats a sample "
            f"and unit (95 % {low:.5f} to {high:.5f})."
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
            f"{way['above_none']['value']:+.2f}" if "above_none" in way else "–",
            way["uses"],
        ]
        for way in found.get("across", ())
        if "score" in way
    ]
    header = ["from others to a new person", "accuracy", "95 %", "above none", "needs"]
    first, last = found["curve"][0], found["curve"][-1]
    text = (
        f"Everybody else's model reads a new person with {first['personal']:.2f}, and with "
        f"{last['personal']:.2f} after {last['shots']} trials of each class of that person: "
        f"better for {last['better_than_none']} of {last['people']} people."
    )
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
        [Table(header, rows)] if rows else [],
    )


def _count(light: Result) -> str:
    n = light["n_significant"]
    return "an unknown number (no p)" if n is None else f"{n:,} (p < .05, corrected)"
