"""What the emergence study knows of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from affectome.evidence import Null, Score
from affectome.studies.emergence.manipulation import Manipulations
from affectome.studies.emergence.readout import Readout
from affectome.studies.emergence.units import Untrained, by_layer
from affectome.units import Effect, Overlap, Selectivity
from affectome.units.overlap import ANY


@dataclass(frozen=True)
class Blank:
    """What untrained networks show of a layer.

    Attributes
    ----------
    selective_share, selective_range
        Share of selective units: mean over networks, and where 95 % of them lie.
    median_index
        Median selectivity index, mean over networks.
    shared, expected
        Units that two sets share, and what rearranged labels share: means over networks; None
        where two sets were not compared.
    """

    selective_share: float
    selective_range: tuple[float, float]
    median_index: float
    shared: float | None
    expected: float | None

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers."""
        return {
            "selective_share": self.selective_share,
            "selective_range": list(self.selective_range),
            "median_index": self.median_index,
            "shared": self.shared,
            "expected": self.expected,
        }


@dataclass(frozen=True)
class Recurrence:
    """Units of a layer that are selective for the same class in two sets of pictures."""

    shared: int
    expected: float
    p: float | None
    q: float | None
    null: Null | None
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers."""
        found: dict[str, Any] = {
            "shared": self.shared,
            "expected": self.expected,
            "p": self.p,
            "q": self.q,
        }
        if self.null is None or self.p is None:
            return found | {"why": self.why}
        return found | {"null": self.null.to_dict()}


@dataclass(frozen=True, eq=False)
class Layer:
    """What is known of a layer; parts that were not measured are None.

    Attributes
    ----------
    units, selective
        Number of units, and of those that are selective.
    selective_share, median_index
        Their share; median selectivity index of the units that vary.
    given_statistics
        Share of selective units with image statistics held constant.
    lesion_kept, lesion_refitted, enhancement
        What happens without the strongest units, where the decoder of the last layer is kept and
        where one of this layer is fitted anew; and where they are turned up.
    """

    name: str
    units: int
    selective: int
    selective_share: float
    median_index: float
    given_statistics: float | None
    untrained: Blank
    overlap: Recurrence | None
    decoding: Mapping[str, Score]
    lesion_kept: Effect | None
    lesion_refitted: Effect | None
    enhancement: Effect | None

    def to_dict(self) -> dict[str, Any]:
        """Give the layer as in ``result.json``."""
        effects = {"frozen": self.lesion_kept, "refitted": self.lesion_refitted}
        return {
            "name": self.name,
            "units": self.units,
            "selective": self.selective,
            "selective_share": self.selective_share,
            "median_index": self.median_index,
            "given_image_statistics": None
            if self.given_statistics is None
            else {"selective_share": self.given_statistics},
            "untrained": self.untrained.to_dict(),
            "overlap": None if self.overlap is None else self.overlap.to_dict(),
            "decoding": {name: one.to_dict() for name, one in self.decoding.items()},
            "lesion": None
            if self.lesion_kept is None
            else {name: e.to_dict() for name, e in effects.items() if e is not None},
            "enhancement": None if self.enhancement is None else self.enhancement.to_dict(),
        }


def layer_results(
    units: Selectivity,
    given: Selectivity | None,
    blank: Untrained,
    again: Overlap | None,
    read: Readout,
    changed: Manipulations,
) -> tuple[Layer, ...]:
    """Bring together what is known of each layer."""
    partial = None if given is None else by_layer(given)
    recurring = {} if again is None else _recurring(again)
    layers = []
    for name, shares in by_layer(units).items():
        own = (units.table["layer"] == name).to_numpy()
        layers.append(
            Layer(
                name,
                int(own.sum()),
                int(units.selective[own].sum()),
                shares["selective_share"],
                shares["median_index"],
                None if partial is None else partial[name]["selective_share"],
                _untrained(blank.layers[blank.layers["layer"] == name]),
                recurring.get(name),
                read.by_layer[name],
                changed.lesions.get(name),
                changed.refitted.get(name),
                changed.enhancements.get(name),
            )
        )
    return tuple(layers)


def _untrained(seeds: pd.DataFrame) -> Blank:
    low, high = np.quantile(seeds["selective_share"], [0.025, 0.975])
    compared = bool(seeds["shared"].notna().all())
    return Blank(
        float(seeds["selective_share"].mean()),
        (float(low), float(high)),
        float(seeds["median_index"].mean()),
        float(seeds["shared"].mean()) if compared else None,
        float(seeds["expected"].mean()) if compared else None,
    )


def _recurring(again: Overlap) -> dict[str, Recurrence]:
    rows = again.table[again.table["preferred"] == ANY].to_dict("records")
    return {
        str(row["layer"]): Recurrence(
            int(row["shared"]),
            float(row["expected"]),
            None if row["why"] else float(row["p"]),
            None if row["why"] else float(row["q"]),
            again.null,
            str(row["why"]),
        )
        for row in rows
    }
