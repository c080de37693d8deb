"""Which published brain patterns a group's maps express."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.brains.signature import N_SURROGATES, PRIMARY, GroupTest, Signature, signature
from affectome.data import Skipped, result_head
from affectome.data.images import load_image, squeezed
from affectome.data.readers.maps import load_maps
from affectome.errors import InputError, unknown
from affectome.evidence import fdr
from affectome.progress import Progress, silent

LOW_COVERAGE = 0.8
SIDES = ("pattern", "maps")
HELD_OUT = "nothing is fitted to these maps, so nobody is held out"


@dataclass(frozen=True)
class Signatures:
    """How strongly maps express several patterns.

    Attributes
    ----------
    maps
        Name of the maps.
    found
        One a pattern; the p of the cosines are corrected over all patterns and conditions.
    skipped
        Maps and patterns that could not be used.
    warnings
        What a reader has to know.
    target
        Column of the conditions that are tested apart; None where there are none.
    """

    maps: str
    found: tuple[Signature, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    target: str | None = None

    @property
    def tests(self) -> tuple[tuple[Signature, GroupTest], ...]:
        """Every pattern with the test of its cosine in each condition."""
        return tuple((s, t) for s in self.found for t in s.tests if t.measure == PRIMARY)

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            **result_head(
                "signature",
                3,
                source=self.maps,
                target=self.target,
                held_out=HELD_OUT,
                trials=len(self.found[0].values),
                skipped=self.skipped,
                warnings=self.warnings,
            ),
            "primary": PRIMARY,
            "patterns": [one.to_dict() for one in self.found],
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
    target: str | None = None,
    subject: str | None = None,
    resampling: str = "pattern",
    n_surrogates: int = N_SURROGATES,
    random_state: int = 0,
    progress: Progress = silent,
) -> Signatures:
    """Measure how strongly maps express each pattern, beside random patterns as smooth as it.

    Parameters
    ----------
    maps
        Folder of maps or one image.
    patterns
        Name → image of weights, as :func:`name_patterns` gives it; one that can't be used is
        skipped and listed.
    events
        One row a map, with ``subject`` and a label where there are several a person.
    target
        Column that becomes the condition.
    subject
        Column that says who, where it is called otherwise.
    resampling
        ``"pattern"`` or ``"maps"``: which side is brought to the other's grid.
    n_surrogates, random_state
        Random patterns that each expression is held against, and their seed.
    progress
        Called with each pattern.

    Raises
    ------
    InputError
        If there are no maps, or no pattern can be used.
    """
    if resampling not in SIDES:
        raise unknown("resampling", resampling, SIDES)
    image, trials, skipped, said = load_maps(maps, events, target, subject)
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
                    resampling=resampling,
                    n_surrogates=n_surrogates,
                    random_state=random_state,
                )
            )
        except InputError as error:
            skipped.append(Skipped(str(file), str(error)))
    progress("signatures", len(patterns), len(patterns))
    if not found:
        raise InputError(f"no pattern can be used; the first: {skipped[-len(patterns)].why}")
    corrected = _corrected(found)
    return Signatures(
        Path(maps).name,
        corrected,
        tuple(skipped),
        (*said, *_warnings(corrected)),
        "emotion" if "emotion" in trials else None,
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


def _corrected(found: Sequence[Signature]) -> tuple[Signature, ...]:
    """Correct what stands on one page together."""
    p = [float("nan") if t.p is None else t.p for s in found for t in s.tests]
    q = iter(fdr(p).tolist())
    n = sum(t.p is not None for s in found for t in s.tests)
    said = f"Benjamini-Hochberg over the {n} tests of this result"

    def with_q(test: GroupTest) -> GroupTest:
        value = next(q)
        if test.null is None:
            return test
        return replace(test, q=value, null=test.null.corrected(said))

    return tuple(replace(s, tests=tuple(with_q(t) for t in s.tests)) for s in found)


def _warnings(found: Sequence[Signature]) -> list[str]:
    warnings = []
    if max(t.n_subjects for t in found[0].tests) == 1:
        warnings.append(
            "there is one subject only: p says what these maps hold, nothing about other people"
        )
    for one in found:
        covered = float(one.values["coverage"].median())
        if covered < LOW_COVERAGE:
            warnings.append(
                f"{one.pattern}: the maps cover {covered:.0%} of the pattern's squared weights; "
                "its value says nothing about the rest"
            )
        why = next((t.why for t in one.tests if t.why), None)
        if why is not None:
            warnings.append(f"{one.pattern}: {why}")
        elif one.thresholded:
            warnings.append(
                f"{one.pattern}: small weights were cut from the pattern, and surrogates stay "
                "within what is left; p asks whether the weights there matter, not whether the "
                "place does"
            )
    return warnings
