"""Reading rows of a table, each with any subset of a model's modalities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from affectome.data.tables import read_table
from affectome.decoding.dropped import scaled_up
from affectome.errors import InputError
from affectome.people.cards import load_card
from affectome.people.deciding import decided
from affectome.people.multimodal.features import COLUMNS, cell_of, describer
from affectome.people.reading import Reading
from affectome.people.voice.model import load_head, probabilities
from affectome.safeguards import permit

WHO = ("person", "subject")


def read_rows(table_file: Path, model: Path, purpose: str | None = None) -> Iterator[Reading]:
    """Read a table with columns of texts and files, one reading a row.

    Each person that a row names is read only if they agreed to each modality that is there.

    Parameters
    ----------
    table_file
        With some of the columns ``text``, ``voice``, ``face`` and ``body``, and ``person`` (or
        ``subject``) where people are named.
    model
        Folder that ``affectome train fusion`` made.

    Raises
    ------
    InputError
        If the model is another, or the table has none of its modalities.
    PurposeError, ConsentError
        If a reading is refused.
    """
    card = load_card(model)
    if card.modality != "fusion":
        raise InputError(
            f"{model} reads {card.modality}; affectome train fusion makes one of several"
        )
    layer, settings, labels = load_head(model)[0], card.settings, list(card.labels)
    names, widths = settings["modalities"], settings["widths"]
    blocks = np.repeat(np.arange(len(names)), widths).tolist()
    table = read_table(table_file)
    columns = {m: name for m in names for name in COLUMNS[m] if name in table}
    if not columns:
        raise InputError(f"{table_file} has none of the columns of {', '.join(names)}")
    who = next((name for name in WHO if name in table), None)
    describe = {m: describer(m) for m in columns}
    for number, row in enumerate(table.to_dict("records"), 1):
        person = None if who is None else str(row[who])
        parts, there = [], np.zeros((1, len(names)), dtype=bool)
        for k, (m, width) in enumerate(zip(names, widths, strict=True)):
            cell = cell_of(row.get(columns.get(m, "")))
            found = None
            if cell is not None:
                permit(m, purpose, person)
                found = describe[m](cell, table_file.parent)
            there[0, k] = found is not None
            parts.append(np.zeros(width) if found is None else found)
        present = [m for m, flag in zip(names, there[0], strict=True) if flag]
        about: dict[str, Any] = {"file": str(table_file), "row": number, "person": person}
        if not present:
            yield Reading("fusion", abstains=True, because="nothing could be read", **about)
            continue
        z = scaled_up((np.concatenate(parts)[None] - layer.mean) / layer.spread, there, blocks)
        how = settings["subsets"][" + ".join(present)]
        p = probabilities(z @ layer.weights.T + layer.bias, how["temperature"])[0]
        about |= {"model": card.name, "licence": card.licence}
        about["notes"] = (f"read from {', '.join(present)}",)
        yield decided("fusion", labels, p, settings["least"], how["level"], **about)


def reader(model: str | None = None) -> Iterator[Reading]:
    """Say which command reads several modalities at once.

    Raises
    ------
    InputError
        Always.
    """
    raise InputError(
        "several modalities are read row by row: affectome fuse TABLE --model "
        f"{model or 'FOLDER'}; or read each by itself and pool the runs: affectome fuse RUN…"
    )
