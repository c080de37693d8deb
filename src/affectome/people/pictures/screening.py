"""Screen a folder of pictures: read each once, keep what a rule asks for, abstain where unsure.

What was read is kept shard by shard, so that a run that was killed goes on where it was; memory
holds a batch of pictures for each core. Nothing is ever deleted or moved.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import torch
from numpy.typing import NDArray
from scipy.special import ndtr

from affectome.data import Skipped
from affectome.data.tars import open_file
from affectome.errors import InputError, unknown
from affectome.execution import Shards, cut
from affectome.execution.plan import Plan, Step
from affectome.execution.rates import rate, sampled, seconds_each
from affectome.networks.store import digest
from affectome.people.cards import Card
from affectome.people.pictures.reader import PicturesReader
from affectome.people.reading import Estimate, Reading
from affectome.progress import Progress, silent

BATCH = 8
ROW_BYTES = 1500
"""What a picture's row takes in memory, and at most in a shard."""
READ = "read"
"""Folder within a run's where what was read is kept."""
KEPT = "kept"
KEEP, LEAVE, ABSTAIN = "keep", "leave", "abstain"
SIDES = {
    "positive": ("valence", 1),
    "pleasant": ("valence", 1),
    "negative": ("valence", -1),
    "unpleasant": ("valence", -1),
    "arousing": ("arousal", 1),
    "calm": ("arousal", -1),
}
Given = tuple[Path, Reading | Skipped]
ARITHMETIC = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Rule:
    """What is kept.

    Attributes
    ----------
    keep
        ``positive``, ``negative``, ``arousing``, ``calm``, or the name of an emotion or label.
    threshold
        Probability that it takes to keep. A picture is left where the opposite reaches it (a side)
        or the emotion does not; between them the rule abstains.
    """

    keep: str
    threshold: float

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"--threshold is a probability between 0 and 1; got {self.threshold}")

    def check(self, dimensions: Collection[str], emotions: Collection[str]) -> None:
        """Refuse what a model with these dimensions and emotions (or labels) does not read.

        Raises
        ------
        InputError
            If it reads no such thing.
        """
        if self.keep in SIDES:
            name, _ = SIDES[self.keep]
            if name not in dimensions:
                raise InputError(f"this model reads no {name}; keep one of its labels")
        elif self.keep not in map(str.lower, emotions):
            raise unknown("--keep", self.keep, [*SIDES, *map(str.lower, emotions)])

    def probability(self, reading: Reading, settings: dict[str, Any]) -> float | None:
        """Probability that a picture is what is kept; None where nothing could be read."""
        if reading.abstains:
            return None
        if self.keep in SIDES:
            name, sign = SIDES[self.keep]
            spread = settings["dimensions"][name]["spread"]
            off = getattr(reading, name).value - settings["middle"]
            return float(ndtr(sign * off / spread))
        return {name.lower(): p for name, p in reading.emotions.items()}[self.keep]

    def decide(self, probability: float | None) -> str:
        """Keep, leave or abstain."""
        if probability is None:
            return ABSTAIN
        if probability >= self.threshold:
            return KEEP
        if self.keep in SIDES and 1 - probability < self.threshold:
            return ABSTAIN
        return LEAVE


@dataclass(frozen=True, eq=False)
class Screened:
    """What became of a folder.

    Attributes
    ----------
    table
        A row a picture, those that are kept first and the surest of them first: ``file`` (within
        the folder), ``decision``, ``probability``, ``valence``, ``arousal`` with ``_low`` and
        ``_high``, and the likeliest emotion: ``emotion`` and ``emotion_p``, which are called
        ``unvalidated_emotion`` … where they are a guess.
    skipped
        Files that can't be read.
    resumed
        Pictures that an earlier run had read.
    guessed
        Whether emotions are a guess, not EmoNet's or those of a model's own labels.
    worth
        How good the model is at it, from its card.
    emonet
        EmoNet's weights, where they were used.
    """

    table: pd.DataFrame
    skipped: tuple[Skipped, ...]
    resumed: int
    guessed: bool
    worth: str
    emonet: Path | None


def fast_arithmetic() -> str:
    """Name the arithmetic that this processor is fastest in."""
    capable: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    fast = capable.get("amx_bf16", False) or capable.get("avx512_bf16", False)
    return "bfloat16" if fast else "float32"


def screen(
    folder: Path,
    files: Sequence[Path],
    rule: Rule,
    out: Path,
    *,
    model: Path | None = None,
    precision: str = "float32",
    n_jobs: int | None = None,
    progress: Progress = silent,
) -> Screened:
    """Read every picture of a folder and decide about it.

    Parameters
    ----------
    folder, files
        The folder and the pictures in it, sorted.
    rule
        What is kept.
    out
        Where what was read is kept; another rule on the same pictures reads nothing again.
    model
        Folder of a model of the user's own.
    precision
        ``"float32"`` or ``"bfloat16"``.
    n_jobs
        Shards at once, each on one thread; see :func:`affectome.execution.run_blocks`.
    progress
        Called after every shard.

    Raises
    ------
    InputError
        If the rule names what the model does not read, or no picture can be read.
    """
    reader = _reader(model, precision)
    settings = dict(reader.card.settings)
    rule.check(settings.get("dimensions", {}), reader.emotions)
    asked = {
        "pictures": digest([str(file) for file in files]),
        "model": hashlib.sha256(json.dumps(reader.card.to_dict()).encode()).hexdigest(),
        "precision": precision,
    }
    emonet = reader.emonet
    if emonet is not None:
        asked["emonet"] = digest([emonet])
    guessed = "emotions" in settings and emonet is None
    parts = cut(len(files), BATCH)
    shards = Shards(out / READ, asked, len(parts))
    resumed = sum(len(parts[number]) for number in shards.done())
    blocks = [(model, precision, folder, files[part.start : part.stop]) for part in parts]

    def tell(done: int) -> None:
        progress("pictures", parts[done - 1].stop if done else 0, len(files))

    rows: list[dict[str, Any]] = []
    for content in shards.run(_read_part, blocks, n_jobs, threads=True, progress=tell):
        rows += json.loads(content)
    table, skipped = _decided(rows, rule, settings, guessed)
    return Screened(table, skipped, resumed, guessed, _worth(reader.card, rule), emonet)


def plan_screen(
    files: Sequence[Path],
    *,
    model: Path | None = None,
    precision: str = "float32",
    n_jobs: int | None = None,
) -> Plan:
    """Predict what :func:`screen` takes, from the speed of this machine.

    Parameters
    ----------
    files, model, precision, n_jobs
        As they will be given.
    """
    reader = _reader(model, precision)
    seconds, read = sampled(reader.shorten, files, n_jobs)

    def measure(jobs: int | None) -> dict[str, float]:
        side = reader.side
        noise = np.random.default_rng(0).integers(0, 255, (BATCH, side, side, 3), np.uint8)
        each = seconds_each(reader.read_pixels, (list(noise),), BATCH, jobs)
        return {"seconds": each, "bytes": float(psutil.Process().memory_info().rss)}

    known = rate(f"screen, {reader.card.name}, {precision}", measure, n_jobs)
    held = known["bytes"] + ROW_BYTES * len(files)
    return Plan(
        (
            Step("decode the pictures", seconds, held, read=read),
            Step("networks", len(files) * known["seconds"], held, disk=ROW_BYTES * len(files)),
        )
    )


def _worth(card: Card, rule: Rule) -> str:
    """Say how good a model is at what the rule asks, with interval and baselines."""
    wanted = f"{SIDES[rule.keep][0]}, r" if rule.keep in SIDES else ""
    one = next((m for m in card.metrics if m.name == wanted), None)
    if one is None:
        return f"the model: {card.summary}"
    ends = "" if one.interval is None else " ({:.2f} to {:.2f})".format(*one.interval)
    beside = ", ".join(f"{name} {value:.2f}" for name, value in one.baselines.items())
    return f"the model: {one.name} = {one.value:.2f}{ends} on {one.on}; beside it {beside}"


def not_looked_at(folder: Path, out: Path, files: Sequence[Path]) -> str | None:
    """Say how many files of other kinds lie beside the pictures; None where there are none."""
    looked_at = {*files, *(archive for file in files for archive in file.parents)}
    kinds = Counter(
        file.suffix.lower() or "no ending"
        for file in set(folder.rglob("*")) - looked_at
        if file.is_file()
        and not file.name.startswith(".")
        and out.resolve() not in file.resolve().parents
    )
    if not kinds:
        return None
    told = ", ".join(f"{n} of {kind}" for kind, n in kinds.most_common(6))
    return f"files of other kinds, which were not looked at: {told}"


def copy_kept(folder: Path, out: Path, table: pd.DataFrame) -> int:
    """Copy kept pictures to ``kept/``, in their subfolders; what is there already stays."""
    kept = table["file"][table["decision"] == KEEP]
    for name in kept:
        target = out / KEPT / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_file(folder / name) as whole, target.open("wb") as copied:
                shutil.copyfileobj(whole, copied)
    return len(kept)


def _row(reading: Reading) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in ("valence", "arousal"):
        estimate = getattr(reading, name)
        if estimate is not None and estimate.interval is not None:
            row[name] = round(estimate.value, 4)
            row[f"{name}_low"], row[f"{name}_high"] = (round(x, 4) for x in estimate.interval)
    if reading.emotions:
        row["emotions"] = {name: round(p, 4) for name, p in reading.emotions.items()}
    if reading.abstains:
        row["abstains"] = reading.because
    return row


def _decided(
    rows: list[dict[str, Any]], rule: Rule, settings: dict[str, Any], guessed: bool
) -> tuple[pd.DataFrame, tuple[Skipped, ...]]:
    skipped = tuple(Skipped(row["file"], row["why"]) for row in rows if "why" in row)
    kept: list[dict[str, Any]] = []
    for row in rows:
        if "why" in row:
            continue
        p = rule.probability(_reading(row), settings)
        emotions = row.pop("emotions", {})
        top = max(emotions, key=lambda name: emotions[name], default=None)
        name = "unvalidated_emotion" if guessed else "emotion"
        told = {name: top, f"{name}_p": emotions.get(top)} if top is not None else {}
        kept.append({**row, "probability": p, "decision": rule.decide(p), **told})
    if not kept:
        why = f": {skipped[0].file}: {skipped[0].why}" if skipped else ""
        raise InputError(f"none of {len(rows)} pictures can be read{why}")
    table = pd.DataFrame(kept)
    order = table["decision"].map({KEEP: 0, ABSTAIN: 1, LEAVE: 2})
    table = table.assign(_order=order).sort_values(
        ["_order", "probability", "file"], ascending=[True, False, True], na_position="last"
    )
    first = ["file", "decision", "probability"]
    others = [c for c in table if c not in {*first, "_order"}]
    table = table[[*first, *others]].reset_index(drop=True)
    return table, skipped


def _reading(row: dict[str, Any]) -> Reading:
    known: dict[str, Any] = {n: Estimate(row[n]) for n in ("valence", "arousal") if n in row}
    because = row.get("abstains", "")
    return Reading(
        "pictures", row.get("emotions", {}), abstains=bool(because), because=because, **known
    )


def _read_part(model: Path | None, precision: str, folder: Path, files: Sequence[Path]) -> bytes:
    """Give the rows of some pictures as JSON."""
    reader = _reader(model, precision)
    rows = []
    for first in range(0, len(files), BATCH):
        for file, given in _read_batch(reader, files[first : first + BATCH]):
            name = file.relative_to(folder).as_posix()
            found = {"why": given.why} if isinstance(given, Skipped) else _row(given)
            rows.append({"file": name, **found})
    # A name that is no UTF-8 becomes what JSON writes for it.
    return json.dumps(rows, ensure_ascii=False).encode(errors="backslashreplace")


@lru_cache(maxsize=1)
def _reader(model: Path | None, precision: str) -> PicturesReader:
    """Give a process its reader, which is kept for the next part."""
    return PicturesReader(model, ARITHMETIC[precision])


def _read_batch(reader: PicturesReader, files: Sequence[Path]) -> list[Given]:
    found: dict[Path, NDArray[np.uint8] | Skipped] = {}
    for file in files:
        try:
            found[file] = reader.shorten(file)
        except InputError as error:
            why = str(error).removeprefix(f"{file} ").removeprefix(f"{file}: ")
            found[file] = Skipped(str(file), why)
    pixels = {file: p for file, p in found.items() if not isinstance(p, Skipped)}
    readings = reader.read_pixels(list(pixels.values())) if pixels else []
    read = {file: reader.by_emonet(file, one) for file, one in zip(pixels, readings, strict=True)}
    return [(f, p if isinstance(p, Skipped) else read[f]) for f, p in found.items()]
