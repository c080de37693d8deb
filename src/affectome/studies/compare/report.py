"""The report of ``affectome compare``: every decoder under every split, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from affectome.reports.figures import Mark, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS
from affectome.reports.words import p_text

Result = Mapping[str, Any]
METRIC = "balanced_accuracy"
DRAWN = {
    "linear": COLORS["trained"],
    "CNN": COLORS["second"],
    "RNN": COLORS["good"],
    "film alone": COLORS["untrained"],
}


def film_eeg_page(result: Result, stamps: Sequence[str] = ()) -> Page:
    """Lay out the report.

    Parameters
    ----------
    result
        What ``result.json`` holds.
    stamps
        What no reader may miss.
    """
    return Page(
        title=f"Decoders compared · {result['source']}",
        question=f"Which decoder reads the {result['target']}, and does it hold for new people and "
        "new films?",
        answer=answer(result),
        stamps=stamps,
        warnings=result["warnings"],
        skipped=result["skipped"],
        facts={name: str(size) for name, size in result["sizes"].items()}
        | {f"folds, {name}": str(split["n_folds"]) for name, split in result["splits"].items()},
        sections=[
            Section(
                "One table",
                "Random trials come from people and films that were also trained on, so that a "
                "decoder may recognise those. New people share no person with training; new people "
                "and new films share neither. Film alone looks the film up and reads no EEG.",
                [
                    Figure(
                        "comparison",
                        _figure(result),
                        "Balanced accuracy on held-out trials; lines are 95 % intervals over "
                        "held-out groups.",
                    )
                ],
                [_table(result), _tests(result), _against_linear(result)],
            )
        ],
    )


def answer(result: Result) -> str:
    """Say what came out in two sentences made from the numbers."""
    names = list(result["splits"])
    strictest, easiest = names[-1], names[0]
    best = max(_read(result, strictest), key=lambda cell: cell[METRIC]["score"])
    own = best[METRIC]
    first = (
        f"With {strictest} the best decoder, {best['decoder']}, reads {len(result['classes'])} "
        f"classes with a balanced accuracy of {_scored(own)} (chance {result['chance']:.2f}). "
        f"{_tested(result, strictest)}"
    )
    if easiest == strictest:
        return first
    same = next(c for c in _read(result, easiest) if c["decoder"] == best["decoder"])
    return f"{first} With {easiest} the same decoder would seem to reach {_scored(same[METRIC])}."


def _tested(result: Result, split: str) -> str:
    """Say how likely chance is, from the linear decoder, which alone has a null."""
    own = next(c for c in _read(result, split) if c["decoder"] == "linear")[METRIC]
    if own["p"] is None:
        return f"There is {own.get('why') or 'no p'}."
    held = result["splits"][split]["held_out"].removeprefix("held out: ")
    return f"Held out were {held}; for the linear decoder {p_text(own)}, q = {own['q']:.3f}."


def _read(result: Result, split: str) -> list[Mapping[str, Any]]:
    return [c for c in result["table"] if c["split"] == split and c["decoder"] != "film alone"]


def _scored(found: Mapping[str, Any]) -> str:
    if found["interval"] is None:
        return f"{found['score']:.2f}"
    low, high = found["interval"]
    return f"{found['score']:.2f} [{low:.2f}, {high:.2f}]"


def _figure(result: Result) -> str:
    marks = [
        Mark(
            f"{cell['split']} · {cell['decoder']}",
            cell[METRIC]["score"],
            cell[METRIC]["interval"],
            DRAWN[cell["decoder"]],
        )
        for cell in result["table"]
    ]
    return scores(marks, "balanced accuracy", result["chance"])


def _table(result: Result) -> Table:
    names = list(result["splits"])
    rows: dict[str, list[str]] = {}
    for cell in result["table"]:
        rows.setdefault(cell["decoder"], [cell["decoder"]]).append(_scored(cell[METRIC]))
    return Table(
        ["decoder", *names],
        list(rows.values()),
        f"Balanced accuracy and its 95 % interval; chance is {result['chance']:.2f}.",
    )


def _tests(result: Result) -> Table:
    """Give the p of the decoder that has one, and once why the others have none."""
    rows: list[list[str]] = []
    without: dict[str, list[str]] = {}
    for cell in result["table"]:
        own = cell[METRIC]
        if own["p"] is not None:
            said = f"{p_text(own)}, q = {own['q']:.3f} ({own['null']['scheme']})"
            rows.append([cell["decoder"], cell["split"], said])
            continue
        why = own.get("why") or "no p"
        names = without.setdefault(why, [])
        if cell["decoder"] not in names:
            names.append(cell["decoder"])
    if not rows:
        rows = [[", ".join(names), "all", why] for why, names in without.items()]
        return Table(["decoder", "split", "against chance"], rows)
    others = "".join(f" {' and '.join(names)}: {why}." for why, names in without.items())
    return Table(
        ["decoder", "split", "against chance"], rows, f"q is over all p of this page.{others}"
    )


def _against_linear(result: Result) -> Table:
    rows = []
    for cell in result["table"]:
        excess = cell["above_linear"]
        if excess is not None and cell["decoder"] != "film alone":
            ends = excess["interval"]
            between = "too few groups" if ends is None else f"{ends[0]:+.2f} to {ends[1]:+.2f}"
            rows.append([cell["decoder"], cell["split"], f"{excess['value']:+.2f}", between])
    return Table(
        ["network", "split", "above linear", "95 %"],
        rows,
        "Paired difference on the same trials; its interval stands in for a p.",
    )
