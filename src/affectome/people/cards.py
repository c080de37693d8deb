"""Model cards: what a model was made from, how well it does, and whom it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from affectome.errors import InputError
from affectome.people import card_page

MODELS = Path(__file__).parent / "models"
TEXTS = ("name", "modality", "summary", "data", "licence", "intended", "not_for")
CURVES = {
    "reliability": ("Is it as often right as it is sure?", "how sure", "right"),
    "coverage": ("Does declining help?", "share kept, the surest first", "right"),
}


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
class Curve:
    """Points of a curve on held-out data, drawn in the card's page.

    Attributes
    ----------
    kind
        ``"reliability"``: how sure against how often right, or ``"coverage"``: the share of
        readings kept, the surest first, against how often those are right.
    x, y
        Points, both in 0–1.
    n
        Readings behind each point.
    bounds
        Exact 95 % binomial bounds of each ``y``.
    on
        Data they come from.
    ece
        Expected calibration error, of a reliability diagram.
    """

    kind: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    n: tuple[int, ...]
    bounds: tuple[tuple[float, float], ...] = ()
    on: str = ""
    ece: float | None = None


@dataclass(frozen=True)
class Usual:
    """How often a quantity lay where, in readings of held-out data.

    Attributes
    ----------
    edges
        Inner edges of the bins, rising.
    counts
        Readings in each bin, one more than edges.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


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
    gaps
        Groups of people or topics that it reads worse than others, a sentence each: the first
        thing that a card says.
    curves
        Reliability diagrams and curves of risk against coverage.
    failures
        What it is known to get wrong.
    intended, not_for
        Uses.
    settings
        Whatever a reader of the model needs: thresholds, scales, sizes.
    usual
        Quantities of readings and inputs of held-out data, which later ones are watched against.
    """

    name: str
    modality: str
    summary: str
    data: str
    licence: str
    labels: Mapping[str, str]
    metrics: Sequence[Metric] = ()
    gaps: Sequence[str] = ()
    curves: Sequence[Curve] = ()
    failures: Sequence[str] = ()
    intended: str = ""
    not_for: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Usual] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give the card as plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """Give the card as a page of Markdown."""
        return "\n".join(_lines(self)) + "\n"

    def to_html(self) -> str:
        """Give the card as a page of its own, with its curves drawn."""
        return card_page.whole(self)


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
        metrics = tuple(_metric(m) for m in plain.pop("metrics"))
        curves = tuple(_curve(c) for c in plain.pop("curves", ()))
        usual = {
            name: Usual(tuple(one["edges"]), tuple(one["counts"]))
            for name, one in plain.pop("usual", {}).items()
        }
        return _checked(Card(**plain, metrics=metrics, curves=curves, usual=usual))
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no model: there is no card.json in it") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{file} is not a model card: {error}") from error


def _metric(plain: Mapping[str, Any]) -> Metric:
    """Give a metric; a baseline that has no score for these data is left out."""
    interval = tuple(plain["interval"]) if plain["interval"] else None
    beside = {n: b for n, b in plain.get("baselines", {}).items() if b is not None}
    return Metric(**(dict(plain) | {"interval": interval, "baselines": beside}))


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


def _checked(card: Card) -> Card:
    """Refuse what is written by hand as another type, before a page is made of it."""
    for name in ("labels", "settings"):
        if not isinstance(getattr(card, name), Mapping):
            raise TypeError(f"{name} is an object of names and values")
    for name in ("gaps", "failures"):
        if not isinstance(getattr(card, name), list | tuple):
            raise TypeError(f"{name} is a list of sentences")
    lines = [getattr(card, name) for name in TEXTS]
    lines += [*card.gaps, *card.failures, *card.labels.values()]
    lines += [text for m in card.metrics for text in (m.name, m.on, m.over, m.group)]
    wrong = next((line for line in lines if not isinstance(line, str)), None)
    if wrong is not None or None in lines:
        raise TypeError(f"{wrong!r} stands where a text should")
    numbers = [n for m in card.metrics for n in (m.value, *(m.interval or ()))]
    numbers += [n for m in card.metrics for n in m.baselines.values()]
    if not all(isinstance(n, int | float) for n in numbers):
        raise TypeError("a metric holds what is not a number")
    if any(m.interval is not None and len(m.interval) != 2 for m in card.metrics):
        raise TypeError("an interval has two ends")
    if any(curve.kind not in CURVES for curve in card.curves):
        raise TypeError(f"a curve is one of {', '.join(CURVES)}")
    return card


def _curve(plain: dict[str, Any]) -> Curve:
    points = {name: tuple(plain[name]) for name in ("x", "y", "n")}
    bounds = tuple((low, high) for low, high in plain["bounds"])
    return Curve(**(plain | points | {"bounds": bounds}))


def _lines(card: Card) -> Iterator[str]:
    yield from (f"# {card.name}", "")
    if card.gaps:
        yield from (f"**Reads worse.** {'; '.join(card.gaps)}.", "")
    yield from (card.summary, "")
    for title, text in (
        ("Trained on", card.data),
        ("Licence", card.licence),
        ("Meant for", card.intended),
        ("Not for", card.not_for),
    ):
        if text:
            yield from (f"**{title}.** {text}", "")
    for title, metrics in (
        ("How well it does", [m for m in card.metrics if not m.group]),
        ("By label and by group", [m for m in card.metrics if m.group]),
    ):
        if metrics:
            yield from (f"## {title}", "", "| what | on | value | 95 % interval | beside |")
            yield "|---|---|---|---|---|"
            yield from (_metric_row(metric) for metric in metrics)
            yield ""
    for curve in card.curves:
        yield from _curve_lines(curve)
    if card.failures:
        yield from ("## What it gets wrong", "", *(f"- {f}" for f in card.failures), "")
    if card.labels:
        yield from ("## What the labels mean", "", "| label | meaning |", "|---|---|")
        yield from (f"| {label} | {meaning} |" for label, meaning in card.labels.items())


def _curve_lines(curve: Curve) -> Iterator[str]:
    title, x, y = CURVES[curve.kind]
    yield from (f"## {title}", "", f"On {curve.on}.", "")
    yield from (f"| {x} | {y} | 95 % bounds | readings |", "|---|---|---|---|")
    for k, n in enumerate(curve.n):
        bounds = "{:.2f} – {:.2f}".format(*curve.bounds[k]) if curve.bounds else ""
        yield f"| {curve.x[k]:.2f} | {curve.y[k]:.2f} | {bounds} | {n} |"
    yield ""


def _metric_row(metric: Metric) -> str:
    return f"| {' | '.join(card_page.metric_cells(metric))} |"
