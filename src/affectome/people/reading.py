"""A reading: what a text or sound was estimated to express, or a picture to evoke.

All modalities give the same :class:`Reading`, so that they can stand in one table and be fused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from affectome import display
from affectome.errors import InputError
from affectome.people import page

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DIMENSIONS = ("valence", "arousal", "dominance")
UNVALIDATED = "unvalidated estimate"
"""Stands in a note where the emotions of a reading were never held against labels."""


@dataclass(frozen=True)
class Estimate:
    """A number and the interval that holds the raters' with the stated share of readings.

    Attributes
    ----------
    value
        On the scale of the corpus, which the model's card names; 1–5 for words, 1–7 for pictures.
    interval
        Lower and upper bound; None where a model gives none.
    confidence
        Share of readings whose interval holds the rating.
    scale
        Lowest and highest rating that raters could give.
    """

    value: float
    interval: tuple[float, float] | None = None
    confidence: float = 0.9
    scale: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give ``{"value", "interval", "confidence", "scale"}``."""
        return {
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
            "confidence": self.confidence,
            "scale": None if self.scale is None else list(self.scale),
        }


@dataclass(frozen=True)
class Reading:
    """One reading of one person, by one model.

    Attributes
    ----------
    modality
        ``"words"``, ``"voice"``, ``"pictures"`` …
    emotions
        Calibrated probability of each label; empty where the model abstains because there was
        nothing to read.
    valence, arousal, dominance
        Estimates with intervals; None where the modality has no validated source for them.
    intensity
        0–1: probability that anything but neutral is expressed.
    blend
        Share of each emotion that is likely to be there, adding up to 1; neutral left out.
    labels
        The decision: every label above its threshold, or the top one where only one can hold.
    set
        Conformal set: holds the raters' labels in nine of ten readings.
    abstains, because
        Whether the model declines to decide, and why; ``because`` is empty where it decides.
    file, row
        What was read; ``row`` counts lines or rows of a table from 1.
    person
        Who, as the user's catalog names them.
    start_s, end_s
        Seconds within a sound or film.
    span
        First character and the one after the last, within a longer text.
    model, licence
        Name of the model, and the licence of what it was trained on.
    attribution
        What the reading rests on: pairs of a word (or segment) and its weight, in their order.
    attributed_to
        The label that the attribution explains.
    box
        Left, top, width, height in pixels, for pictures.
    quality
        Measures of the input, such as blur or signal-to-noise ratio.
    parts
        Readings of the parts of something long, in order: sentences or windows.
    notes
        What a user should know of this one input.
    """

    modality: str
    emotions: Mapping[str, float] = field(default_factory=dict)
    valence: Estimate | None = None
    arousal: Estimate | None = None
    dominance: Estimate | None = None
    intensity: float | None = None
    blend: Mapping[str, float] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    abstains: bool = False
    because: str = ""
    file: str | None = None
    row: int | None = None
    person: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    span: tuple[int, int] | None = None
    model: str = ""
    licence: str = ""
    attribution: tuple[tuple[str, float], ...] = ()
    attributed_to: str | None = None
    box: tuple[float, float, float, float] | None = None
    quality: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.abstains != bool(self.because):
            raise InputError("a reading that abstains says why, and no other does")
        for label, probability in self.emotions.items():
            if not 0 <= probability <= 1:
                raise InputError(f"the probability of {label!r} lies in 0–1; got {probability}")

    def to_dict(self) -> dict[str, Any]:
        """Give the reading as plain numbers, lists and strings: a line of ``--json``."""
        plain: dict[str, Any] = {
            "file": self.file,
            "row": self.row,
            "modality": self.modality,
            "emotions": dict(self.emotions),
            **{
                name: None if estimate is None else estimate.to_dict()
                for name, estimate in self._estimates()
            },
            "intensity": self.intensity,
            "blend": dict(self.blend),
            "labels": list(self.labels),
            "set": list(self.set),
            "abstains": self.abstains,
            "because": self.because or None,
            "person": self.person,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "span": None if self.span is None else list(self.span),
            "model": self.model,
            "licence": self.licence,
            "attribution": [list(pair) for pair in self.attribution],
            "attributed_to": self.attributed_to,
            "box": None if self.box is None else list(self.box),
            "quality": dict(self.quality),
            "notes": list(self.notes),
        }
        if self.parts:
            plain["parts"] = [part.to_dict() for part in self.parts]
        return plain

    def to_json(self) -> str:
        """Give the reading as one line of JSON, numbers with six digits."""
        return json.dumps(_rounded(self.to_dict()), ensure_ascii=False, allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Give a table: one row for the reading, or one a part where it has parts."""
        return Readings(self.parts or (self,)).to_frame()

    def _estimates(self) -> list[tuple[str, Estimate | None]]:
        return [(name, getattr(self, name)) for name in DIMENSIONS]

    def __repr__(self) -> str:
        where = f" of {self.file}" if self.file else ""
        if self.abstains:
            return f"Reading({self.modality}{where}): abstains, {self.because}"
        head = ", ".join(self.labels) or "no label"
        if not self.emotions and self.quality:
            head = "  ".join(f"{name} {value:.3g}" for name, value in self.quality.items())
        lines = [f"Reading({self.modality}{where}): {head}"]
        top = sorted(self.emotions.items(), key=lambda item: -item[1])[:4]
        marked = any(UNVALIDATED in note for note in self.notes)
        doubt = f"  ({UNVALIDATED})" if marked and top else ""
        if top:
            lines.append("  " + "  ".join(f"{label} {p:.2f}" for label, p in top) + doubt)
        known = [(name, e) for name, e in self._estimates() if e is not None]
        if known:
            lines.append("  " + "  ".join(f"{name} {_with_interval(e)}" for name, e in known))
        if self.parts:
            lines.append(f"  {len(self.parts)} parts; .to_frame() has a row for each")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return page.fragment([self])

    def open(self, file: str | Path | None = None) -> Path:
        """Show the reading in the browser; the page is one file without outside links."""
        return _open([self], file)

    def save(self, file: str | Path) -> Path:
        """Write the reading as the suffix says: .html, .csv, .json or .jsonl."""
        return _save(Readings((self,)), file)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the probabilities of the ten likeliest emotions."""
        return _plot(Readings((self,)), ax)


class Readings(Sequence[Reading]):
    """Several readings, in the order of what was read."""

    def __init__(self, readings: Iterable[Reading] = ()) -> None:
        self._all = tuple(readings)

    @overload
    def __getitem__(self, index: int) -> Reading: ...
    @overload
    def __getitem__(self, index: slice) -> Readings: ...
    def __getitem__(self, index: int | slice) -> Reading | Readings:
        """Give one reading, or some of them."""
        return Readings(self._all[index]) if isinstance(index, slice) else self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Reading]:
        return iter(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Readings) and self._all == other._all

    def __hash__(self) -> int:
        return hash(tuple(id(reading) for reading in self._all))

    def to_frame(self) -> pd.DataFrame:
        """Give a tidy table, one row a reading.

        Returns
        -------
        DataFrame
            ``file``, ``row``, ``modality``, ``person``, ``start_s``, ``end_s``; a column
            ``emotion.LABEL`` a label; ``valence``, ``valence_low``, ``valence_high`` and so for
            arousal and dominance; ``intensity``, ``labels``, ``set`` (joined by ``|``),
            ``abstains``, ``because``, ``model``, ``licence``; ``box`` (left, top, width, height,
            joined by ``|``) and a column ``quality.NAME`` a measure of the input, where there are
            any.
        """
        import pandas as pd  # noqa: PLC0415  half a second that a single reading can spare

        rows = [_row(reading) for reading in self._all]
        labels = list(dict.fromkeys(label for r in self._all for label in r.emotions))
        measures = list(dict.fromkeys(name for r in self._all for name in r.quality))
        columns = [
            *("file", "row", "modality", "person", "start_s", "end_s"),
            *(f"emotion.{label}" for label in labels),
            *(f"{name}{part}" for name in DIMENSIONS for part in ("", "_low", "_high")),
            *("intensity", "labels", "set", "abstains", "because", "model", "licence"),
            *(("box",) if any(r.box for r in self._all) else ()),
            *(f"quality.{name}" for name in measures),
        ]
        frame = pd.DataFrame(rows, columns=columns)
        numbers = [c for c in columns if c.startswith(("emotion.", "quality.", *DIMENSIONS))]
        numbers += ["intensity", "start_s", "end_s"]
        frame[numbers] = frame[numbers].astype(float)
        return frame.astype({"row": "Int64", "abstains": bool})

    def __repr__(self) -> str:
        abstaining = sum(reading.abstains for reading in self._all)
        head = f"Readings: {len(self._all)}, of which {abstaining} abstain"
        shown = [repr(reading).splitlines()[0] for reading in self._all[:5]]
        more = [f"… and {len(self._all) - 5} more; .to_frame() has them all"]
        return "\n  ".join([head, *shown, *(more if len(self._all) > 5 else [])])

    def _repr_html_(self) -> str:
        return page.fragment(self._all)

    def open(self, file: str | Path | None = None) -> Path:
        """Show the readings in the browser; the page is one file without outside links."""
        return _open(self._all, file)

    def save(self, file: str | Path) -> Path:
        """Write the readings as the suffix says: .html, .csv, or .json with a line a reading."""
        return _save(self, file)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean probabilities of the ten likeliest emotions."""
        return _plot(self, ax)


def blend_of(
    emotions: Mapping[str, float], least: float = 0.1, neutral: str = "neutral"
) -> dict[str, float]:
    """Shares of the emotions with a probability of at least ``least``, adding up to 1."""
    likely = {k: p for k, p in emotions.items() if p >= least and k != neutral}
    total = sum(likely.values())
    return {k: p / total for k, p in sorted(likely.items(), key=lambda item: -item[1])}


def _row(reading: Reading) -> dict[str, Any]:
    row: dict[str, Any] = {f"emotion.{label}": p for label, p in reading.emotions.items()}
    row |= {f"quality.{name}": value for name, value in reading.quality.items()}
    if reading.box:
        row["box"] = "|".join(f"{side:.0f}" for side in reading.box)
    for name in DIMENSIONS:
        estimate = getattr(reading, name)
        if estimate is not None:
            low, high = estimate.interval or (None, None)
            row |= {name: estimate.value, f"{name}_low": low, f"{name}_high": high}
    for name in ("file", "row", "modality", "person", "start_s", "end_s", "intensity", "model"):
        row[name] = getattr(reading, name)
    return row | {
        "labels": "|".join(reading.labels),
        "set": "|".join(reading.set),
        "abstains": reading.abstains,
        "because": reading.because,
        "licence": reading.licence,
    }


def _with_interval(estimate: Estimate) -> str:
    if estimate.interval is None:
        return f"{estimate.value:.2f}"
    low, high = estimate.interval
    return f"{estimate.value:.2f} [{low:.2f}, {high:.2f}]"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return value


def _open(readings: Sequence[Reading], file: str | Path | None) -> Path:
    return display.open_page(page.whole(readings), file, "reading")


def _save(readings: Readings, file: str | Path) -> Path:
    # A second of imports that a single reading can spare.
    from affectome.data.outputs import (  # noqa: PLC0415
        for_spreadsheet,
        write_table,
        write_text,
    )

    target = Path(file)
    suffix = target.suffix.lower()
    if suffix == ".html":
        return write_text(target, page.whole(readings))
    if suffix == ".csv":
        return write_table(target, for_spreadsheet(readings.to_frame()))
    if suffix in {".json", ".jsonl"}:
        return write_text(target, "".join(f"{one.to_json()}\n" for one in readings))
    raise InputError(f"{target} has no suffix that can be saved; take .html, .csv, .json or .jsonl")


def _plot(readings: Readings, ax: Axes | None) -> Axes:
    from affectome.data.shown import plot_counts  # noqa: PLC0415  as in _save

    frame = readings.to_frame().filter(regex=r"^emotion\.")
    mean = frame.mean().rename(lambda name: name.removeprefix("emotion."))
    return plot_counts(ax, mean.sort_values(ascending=False).head(10), "probability")
