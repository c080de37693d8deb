"""``affectome models``: the models that come with the package, and their cards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from affectome.cli.running import emit, load
from affectome.people.cards import find_card, shipped_cards


def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the models that are shipped, a line each."""
    cards = list(shipped_cards())
    if as_json:
        emit(json.dumps([card.to_dict() for card in cards], ensure_ascii=False) + "\n")
        return
    for card in cards:
        emit(f"{card.name:<12}{card.modality:<10}{card.summary}\n")


def show_card(
    name: Annotated[str, typer.Argument(help="Name of a model, or the folder of your own.")],
    out: Annotated[Path | None, typer.Option(help="File (.html) for the card as a page.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file that --out names.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Show a model card: data, licence, split, metrics, failures, what the labels mean."""
    card = find_card(name)
    if out is not None:
        load("affectome.data.outputs:check_output_file")(out, (".html",), overwrite)
        out.write_text(card.to_html(), encoding="utf-8")
    if as_json:
        emit(json.dumps(card.to_dict(), ensure_ascii=False) + "\n")
    elif out is None:
        emit(card.to_text())
