"""Model cards: what a model was made from, how well it does, and whom it fails."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from affectome.errors import InputError

MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Metric:
    """A number on held-out data with its interval and the baselines it is to be read beside.

    ``interval`` is 95 %, over what ``over`` names; ``group`` names a part of the data.
    """

    name: str
    value: float
    interval: tuple[float, float] | None = None
    on: str = ""
    over: str = ""
    group: str = ""
    baselines: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes
    ----------
    name, modality, summary
        What the model is, in a line.
    data
        What it was trained on, with source and split.
    licence
        Licence of the data, which binds the weights.
    labels
        Each label and what it means, in the order of the model.
    metrics
        Numbers on held-out data.
    failures
        What it is known to get wrong.
    intended, not_for
        Uses.
    settings
        Whatever a reader of the model needs: thresholds, scales, sizes.
    """

    name: str
    modality: str
    summary: str
    data: str
    licence: str
    labels: Mapping[str, str]
    metrics: Sequence[Metric] = ()
    failures: Sequence[str] = ()
    intended: str = ""
    not_for: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give the card as plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """Give the card as a page of Markdown."""
        return "\n".join(_lines(self)) + "\n"

    def to_html(self) -> str:
        """Give the card as a page of its own."""
        return (
            "<!doctype html><html lang='en'><meta charset='utf-8'>"
            f"<title>{escape(self.name)}</title>"
            "<meta name='viewport' content='width=device-width'>"
            "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;"
            "max-width:52em;margin:2em auto;padding:0 1em}td,th{text-align:left;"
            "padding:.1em .8em .1em 0;border-top:1px solid #8884}</style>"
            f"{_html(_lines(self))}</html>\n"
        )


def load_card(folder: Path) -> Card:
    """Read ``card.json`` of a model.

    Raises
    ------
    InputError
        If there is none, or it isn't one.
    """
    file = folder / "card.json"
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
        metrics = tuple(
            Metric(**(m | {"interval": tuple(m["interval"]) if m["interval"] else None}))
            for m in plain.pop("metrics")
        )
        return Card(**plain, metrics=metrics)
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no model: there is no card.json in it") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{file} is not a model card: {error}") from error


def shipped_cards() -> Iterator[Card]:
    """Cards of the models that come with the package, by name."""
    for file in sorted(MODELS.glob("*/card.json")):
        yield load_card(file.parent)


def find_card(name: str) -> Card:
    """Give the card of a shipped model by its name, or of a model's folder.

    Raises
    ------
    InputError
        If there is no such model.
    """
    cards = {card.name: card for card in shipped_cards()}
    if name in cards:
        return cards[name]
    if Path(name).is_dir():
        return load_card(Path(name))
    raise InputError(
        f"there is no model {name!r}; shipped are {', '.join(cards) or 'none'}; a folder that "
        "affectome train made can be named too"
    )


def _lines(card: Card) -> Iterator[str]:
    yield from (f"# {card.name}", "", card.summary, "")
    for title, text in (
        ("Trained on", card.data),
        ("Licence", card.licence),
        ("Meant for", card.intended),
        ("Not for", card.not_for),
    ):
        if text:
            yield from (f"**{title}.** {text}", "")
    if card.metrics:
        yield from ("## How well it does", "", "| what | on | value | 95 % interval | beside |")
        yield "|---|---|---|---|---|"
        yield from (_metric_row(metric) for metric in card.metrics)
        yield ""
    if card.failures:
        yield from ("## What it gets wrong", "", *(f"- {f}" for f in card.failures), "")
    if card.labels:
        yield from ("## What the labels mean", "", "| label | meaning |", "|---|---|")
        yield from (f"| {label} | {meaning} |" for label, meaning in card.labels.items())


def _html(lines: Iterable[str]) -> str:
    """Turn the few marks that a card's text uses into HTML."""
    found: list[str] = []
    for line in lines:
        text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(line))
        if line.startswith("#"):
            level = line.index(" ")
            found.append(f"<h{level}>{text[level + 1 :]}</h{level}>")
        elif line.startswith("|---"):
            continue
        elif line.startswith("|"):
            cells = "".join(f"<td>{cell.strip()}" for cell in text.strip("|").split("|"))
            found.append(f"<tr>{cells}")
        elif line.startswith("- "):
            found.append(f"<li>{text[2:]}")
        elif line:
            found.append(f"<p>{text}</p>")
    page = "\n".join(found)
    return re.sub(r"(?:<tr>.*\n?)+", lambda rows: f"<table>{rows.group()}</table>\n", page)


def _metric_row(metric: Metric) -> str:
    interval = "" if metric.interval is None else "{:.3f} – {:.3f}".format(*metric.interval)
    beside = ", ".join(f"{name} {value:.3f}" for name, value in metric.baselines.items())
    what = f"{metric.name}, {metric.group}" if metric.group else metric.name
    return f"| {what} | {metric.on} | {metric.value:.3f} | {interval} | {beside} |"
