"""``affectome train``: a model of words, voices or pictures from your own table, with a card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli.running import finish, progress_bar, say
from affectome.errors import InputError
from affectome.people.registry import MODALITIES, TrainOptions, find_modality

COMPARED = ("voice", "physiology", "face", "body")


def train(
    modality: Annotated[str, typer.Argument(help=f"One of {', '.join(MODALITIES)}.")],
    catalog: Annotated[
        Path, typer.Argument(help="Table with a row a trial, or a folder with metadata.csv.")
    ],
    target: Annotated[
        str, typer.Option(help="Column to learn: a label, or a rating as numbers.")
    ] = "emotion",
    column: Annotated[
        str | None, typer.Option(help="Column that holds the texts or the names of the files.")
    ] = None,
    holdout: Annotated[
        list[str] | None,
        typer.Option(
            help="Column whose values are held out whole; may be repeated; 'random' holds out "
            "rows. By default subject and stimulus where the table names them."
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="Column whose groups are compared; may be repeated. A group that is read worse "
            "stands in the card's first line. Groups are never inferred."
        ),
    ] = None,
    permutations: Annotated[int, typer.Option(min=0, help="Permutations for p; 0 for none.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of folds and permutations.")] = 0,
    purpose: Annotated[
        str | None, typer.Option(help="Purpose, where the modality needs one.")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="Pictures: alexnet, vgg16, efficientnet-lite0, emonet, module:factory, "
            "file.py:factory or a saved program .pt2 that looks at them."
        ),
    ] = None,
    preprocessing: Annotated[
        str | None, typer.Option(help="Pictures: what the network wants, such as side=224.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("model"),
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json alone.")] = False,
) -> None:
    """Make a model from your own data, scored on people and stimuli that it did not see."""
    options = TrainOptions(
        target=target,
        column=column,
        holdout=tuple(holdout or ()),
        n_permutations=permutations,
        random_state=seed,
        purpose=purpose,
        groups=tuple(group or ()),
        network=network,
        preprocessing=preprocessing,
    )
    chosen = find_modality(modality)
    if options.groups and modality not in COMPARED:
        raise InputError(
            f"--group is for {', '.join(COMPARED)}; of {modality} write the readings and use "
            "affectome bias"
        )
    if (network or preprocessing) and chosen.name != "pictures":
        raise InputError(f"--network looks at pictures; {chosen.name} have none")
    with progress_bar() as progress:
        made = chosen.load_trainer().train(catalog, out, options, progress)
    if not as_json:
        say(made.card.summary)
        say(f"model: {made.folder}; read with: affectome read --model {made.folder} FILE")
    finish(made.result, as_json)
