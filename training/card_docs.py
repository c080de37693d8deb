"""Write the numbers of the shipped cards into the documents: ``python -m training.card_docs``.

A document holds ``<!-- words: scores -->`` and ``<!-- end -->`` on lines of their own; what stands
between them is replaced. ``tests/training/test_card_docs.py`` fails where a document is behind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from affectome.people.card_page import drawing, metric_cells
from affectome.people.cards import Card, find_card

DOCS = Path(__file__).parents[1] / "docs"
GREY = "#808080"
BLOCK = re.compile(r"^<!-- (\w+): (\w+) -->\n.*?^<!-- end -->$", re.M | re.S)


def scores(card: Card) -> str:
    """Metrics on all held-out data."""
    rows = [metric_cells(metric) for metric in card.metrics if not metric.group]
    return table(("what", "on", "value", "95 % interval", "beside"), rows)


def inflation(card: Card) -> str:
    """What tuning on the reported texts, and eight bits a weight, do to macro-F1."""
    by_name = {metric.name: metric.value for metric in card.metrics}
    ours = by_name["macro-F1"]
    tuned = by_name["macro-F1 if thresholds had been tuned on the texts reported"]
    wide = by_name["macro-F1 of the weights before 8 bits"]
    return (
        "Published figures of .54 to .55 tuned thresholds on the texts they report. Here that "
        f"would turn {ours:.3f} into {tuned:.3f}, an inflation of {tuned - ours:.3f}. Eight bits a "
        f"weight instead of 32 change macro-F1 by {ours - wide:+.3f}."
    )


def groups(card: Card) -> str:
    """Metrics by label and by group, and the gaps that were found."""
    parted = [m for m in card.metrics if m.group and m.name not in {"F1", "sets hold it", "recall"}]
    rows = [metric_cells(metric)[:4] for metric in parted]
    found = "; ".join(card.gaps)
    said = f"Read worse: {found}." if found else "No gap has an interval that leaves zero out."
    return f"{said}\n\n{table(('what', 'on', 'value', '95 % interval'), rows)}"


def curves(card: Card) -> str:
    """Pictures of the curves, and what they are of."""
    lines = []
    for number, curve in enumerate(card.curves, 1):
        error = "" if curve.ece is None else f", calibration error {curve.ece:.3f}"
        lines.append(f"![{curve.kind}](figures/{card.name}_{number}.svg)")
        lines.append(f"*{curve.kind.capitalize()}, {curve.on}{error}.*\n")
    return "\n".join(lines).rstrip()


def failures(card: Card) -> str:
    """What the model gets wrong."""
    return "\n".join(f"- {failure}" for failure in card.failures)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


WRITERS = {f.__name__: f for f in (scores, inflation, groups, curves, failures)}


def filled(text: str) -> str:
    """Give a document with its blocks written anew."""

    def write(found: re.Match[str]) -> str:
        model, block = found.groups()
        return f"<!-- {model}: {block} -->\n{WRITERS[block](find_card(model))}\n<!-- end -->"

    return BLOCK.sub(write, text)


def main() -> None:
    """Write the blocks and the figures."""
    for name in ("words", "voice"):
        file = DOCS / f"{name}.md"
        file.write_text(filled(file.read_text(encoding="utf-8")), encoding="utf-8")
        for number, curve in enumerate(find_card(name).curves, 1):
            target = DOCS / "figures" / f"{name}_{number}.svg"
            target.write_text(drawing(curve, GREY) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
