"""What all models from a user's own table share: reading the table, and writing what came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.data.catalog import Skipped, table_of
from affectome.data.columns import map_columns, one_spelling
from affectome.data.outputs import result_head, write_json, write_manifest, write_text
from affectome.data.tables import read_table
from affectome.errors import InputError, no_column
from affectome.evidence import Evidence, manifest
from affectome.people.cards import Card
from affectome.people.registry import Trained, TrainOptions


def own_rows(catalog: Path, options: TrainOptions) -> tuple[Path, pd.DataFrame]:
    """Read a user's table, or that of a folder, with the columns called as we know them.

    Raises
    ------
    InputError
        If there is no table, or a column that was named is missing.
    """
    source = table_of(catalog)
    if source is None:
        raise InputError(f"{catalog} has no metadata.csv; give a table")
    return source, map_columns(read_table(source), options.columns, source)


def need_columns(table: pd.DataFrame, source: Path, *names: str) -> None:
    """Refuse a table that lacks a column."""
    for name in names:
        if name not in table:
            raise no_column(f"{source} has", name, table)


def own_labels(column: pd.Series) -> tuple[Any, list[str]]:
    """Give labels as text, shape (n,), and which of them were spelled in several ways."""
    settled, notes = one_spelling(column)
    return settled.to_numpy(dtype=str), notes


def write_trained(
    folder: Path,
    modality: str,
    card: Card,
    evidence: Evidence,
    catalog: Path,
    options: TrainOptions,
    *,
    inputs: Mapping[str, Path] | None = None,
    left_out: int = 0,
    skipped: Iterable[Skipped] = (),
    notes: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Trained:
    """Write card, manifest and ``result.json`` beside a model's weights.

    Parameters
    ----------
    folder
        Holds the weights already.
    modality
        As it is typed after ``affectome train``.
    card, evidence
        Of the model.
    catalog, options
        What it was made from, and how.
    inputs
        More files that the result depends on.
    left_out
        Rows in which nothing could be read.
    skipped, notes
        What could not be used, and what a reader has to know.
    settings
        More settings of the manifest.
    more
        More keys of ``result.json``.
    """
    write_json(folder / "card.json", card.to_dict())
    write_text(folder / "card.md", card.to_text())
    described = manifest(
        f"train {modality}",
        {"catalog": catalog, **(inputs or {})},
        options.random_state,
        settings={
            "target": options.target,
            "column": options.column,
            "holdout": list(options.holdout),
            "n_permutations": options.n_permutations,
            **options.columns,
            **(settings or {}),
        },
        split=evidence.split,
    )
    write_manifest(folder, described, ["result.json"])
    result = evidence.to_dict() | result_head(
        f"train {modality}",
        2,
        source=catalog,
        target=options.target,
        held_out=evidence.design.headline,
        trials=len(evidence.predictions),
        skipped=skipped,
        warnings=notes,
    )
    result |= {"model": card.name, "left_out": left_out, **(more or {})}
    write_json(folder / "result.json", result)
    return Trained(folder, card, result)
