"""Which published brain patterns a group's maps express."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from affectome.brains.signature import Signature, signature
from affectome.data import Skipped
from affectome.data.images import load_image, squeezed
from affectome.data.readers.maps import load_maps
from affectome.errors import InputError
from affectome.progress import Progress, silent

PRIMARY = "cosine"
LOW_COVERAGE = 0.8


@dataclass(frozen=True)
class Signatures:
    """How strongly maps express several patterns.

    Attributes
    ----------
    maps
        Name of the maps.
    found
        One a pattern.
    q
        Benjamini–Hochberg corrected p of the cosine, over all patterns and conditions: (pattern,
        condition) → q.
    skipped
        Maps and patterns that could not be used.
    warnings
        What a reader has to know.
    """

    maps: str
    found: tuple[Signature, ...]
    q: dict[tuple[str, str], float]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        patterns = []
        for one in self.found:
            entry = one.to_dict()
            for test in entry["tests"]:
                if test["measure"] == PRIMARY:
                    test["q"] = self.q[one.pattern, test["condition"]]
            patterns.append(entry)
        return {
            "schema": 1,
            "command": "signature",
            "maps": self.maps,
            "primary": PRIMARY,
            "patterns": patterns,
            "skipped": [{"file": s.file, "why": s.why} for s in self.skipped],
            "warnings": list(self.warnings),
        }

    def table(self) -> pd.DataFrame:
        """Give the values, one row for each map and pattern."""
        parts = [s.values.assign(pattern=s.pattern) for s in self.found]
        return pd.concat(parts, ignore_index=True)


def run(
    maps: str | Path,
    patterns: Mapping[str, Path],
    events: str | Path | None = None,
    *,
    label: str | None = None,
    resample: str = "pattern",
    progress: Progress = silent,
) -> Signatures:
    """Measure how strongly maps express each pattern.

    Parameters
    ----------
    maps
        Folder of maps or one image.
    patterns
        Name → image of weights, as :func:`name_patterns` gives it; one that can't be used is
        skipped and listed.
    events
        One row a map, with ``subject`` and a label where there are several a person.
    label
        Column that becomes the condition.
    resample
        ``"pattern"`` or ``"maps"``: which side is brought to the other's grid.
    progress
        Called with each pattern.

    Raises
    ------
    InputError
        If there are no maps, or no pattern can be used.
    """
    image, trials, skipped = load_maps(maps, events, label)
    found: list[Signature] = []
    for done, (name, file) in enumerate(patterns.items()):
        progress("signatures", done, len(patterns))
        try:
            weights = squeezed(load_image(file))
            if len(weights.shape) != 3:
                raise InputError(f"{file} has the shape {weights.shape}; a pattern is one volume")
            found.append(
                signature(
                    image,
                    weights,
                    name,
                    subjects=list(trials["subject"]),
                    conditions=list(trials["emotion"]) if "emotion" in trials else None,
                    resample=resample,
                )
            )
        except InputError as error:
            skipped.append(Skipped(str(file), str(error)))
    progress("signatures", len(patterns), len(patterns))
    if not found:
        raise InputError(f"no pattern can be used; the first: {skipped[-len(patterns)].why}")
    return Signatures(
        Path(maps).name, tuple(found), _corrected(found), tuple(skipped), tuple(_warnings(found))
    )


def name_patterns(patterns: Sequence[str | Path]) -> dict[str, Path]:
    """Name patterns: ``NAME=FILE`` as it says, a file alone by its own name.

    Raises
    ------
    InputError
        If there is none, or two have the same name.
    """
    named: dict[str, Path] = {}
    for pattern in patterns:
        name, _, file = str(pattern).partition("=")
        path = Path(pattern)
        if file and not path.exists():
            path = Path(file)
        else:
            name = path.name.split(".nii")[0].removesuffix(".img")
        if name in named:
            raise InputError(f"two patterns are called {name!r}; name them with NAME=FILE")
        named[name] = path
    if not named:
        raise InputError("no pattern was given; name one image of weights or more")
    return named


def _corrected(found: Sequence[Signature]) -> dict[tuple[str, str], float]:
    tests = [(s.pattern, t) for s in found for t in s.tests if t.measure == PRIMARY]
    if not tests:
        return {}
    q = multipletests(np.array([t.p for _, t in tests]), method="fdr_bh")[1]
    return {(name, t.condition): float(v) for (name, t), v in zip(tests, q, strict=True)}


def _warnings(found: Sequence[Signature]) -> list[str]:
    warnings = []
    if not found[0].tests:
        warnings.append("there is one subject only, so no group is tested")
    for one in found:
        covered = float(one.values["coverage"].median())
        if covered < LOW_COVERAGE:
            warnings.append(
                f"{one.pattern}: the maps cover {covered:.0%} of the pattern's squared weights; "
                "its value says nothing about the rest"
            )
    return warnings
