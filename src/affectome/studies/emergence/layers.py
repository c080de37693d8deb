"""What the emergence study knows of each layer, as in ``result.json``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from affectome.studies.emergence.manipulation import Manipulations
from affectome.studies.emergence.readout import Readout
from affectome.studies.emergence.units import TwoSets, Untrained, by_layer
from affectome.units import Selectivity, overlap


def layer_results(
    units: Selectivity,
    given: Selectivity | None,
    blank: Untrained,
    sets: TwoSets,
    read: Readout,
    changed: Manipulations,
) -> tuple[dict[str, Any], ...]:
    """Bring together what is known of each layer."""
    partial = None if given is None else by_layer(given)
    recurring = _recurring(sets)
    layers = []
    for name, shares in by_layer(units).items():
        own = (units.table["layer"] == name).to_numpy()
        lesion, enhancement = changed.lesions.get(name), changed.enhancements.get(name)
        layers.append(
            {
                "name": name,
                "units": int(own.sum()),
                "selective": int(units.selective[own].sum()),
                **shares,
                "given_image_statistics": None
                if partial is None
                else {"selective_share": partial[name]["selective_share"]},
                "untrained": _untrained(blank.layers[blank.layers["layer"] == name]),
                "overlap": recurring.get(name),
                "decoding": dict(read.by_layer[name]),
                "lesion": None if lesion is None else lesion.to_dict(),
                "enhancement": None if enhancement is None else enhancement.to_dict(),
            }
        )
    return tuple(layers)


def _untrained(seeds: pd.DataFrame) -> dict[str, Any]:
    low, high = np.quantile(seeds["selective_share"], [0.025, 0.975])
    return {
        "selective_share": float(seeds["selective_share"].mean()),
        "selective_interval": [float(low), float(high)],
        "median_index": float(seeds["median_index"].mean()),
    }


def _recurring(sets: TwoSets) -> dict[str, dict[str, Any]]:
    if sets.both is None:
        return {}
    table = overlap(*sets.both, by="layer")
    rows = table[table["preferred"] == "any"].to_dict("records")
    return {row["layer"]: {k: row[k] for k in ("shared", "expected", "p")} for row in rows}
