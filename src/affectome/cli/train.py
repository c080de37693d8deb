"""``affectome train``: a model of words, voices or pictures from your own table, with a card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli import options
from affectome.cli.running import finish, progress_bar, say
from affectome.data import check_output
from affectome.errors import InputError
from affectome.people.registry import MODALITIES, TrainOptions, find_modality

COMPARED = ("voice", "physiology", "face", "body")


def train(
    modality: Annotated[str, typer.Argument(help=f"One of {', '.join(MODALITIES)}.")],
    catalog: Annotated[
        Path, typer.Argument(help="Table with a row a trial, or a folder with metadata.csv.")
    ],
    target: Annotated[
        str,
        options.column(
            "--target", "--label", words="Column to learn: a label, or a rating as numbers."
        ),
    ] = "emotion",
    column: Annotated[
        str | None,
        options.column(
            "--column", "--file", words="Column that holds the texts or the names of the files."
        ),
    ] = None,
    subject: options.Subject = None,
    stimulus: options.Stimulus = None,
    session: options.Session = None,
    holdout: options.Holdout = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL",
            help="Column whose groups are compared; may be repeated. A group that is read worse "
            "stands in the card's first line. Groups are never inferred.",
        ),
    ] = None,
    n_permutations: options.Permutations = 500,
    random_state: options.RandomState = 0,
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
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Make a model from your own data, scored on people and stimuli that it did not see."""
    trainer = find_modality(modality).load_trainer()
    check_output(out, overwrite)
    named = {"subject": subject, "stimulus": stimulus, "session": session}
    asked = TrainOptions(
        target=target,
        column=column,
        holdout=tuple(holdout or ()),
        n_permutations=n_permutations,
        random_state=random_state,
        purpose=purpose,
        groups=tuple(group or ()),
        network=network,
        preprocessing=preprocessing,
        columns={name: given for name, given in named.items() if given is not None},
    )
    chosen = find_modality(modality)
    if asked.groups and modality not in COMPARED:
        raise InputError(
            f"--group is for {', '.join(COMPARED)}; of {modality} write the readings and use "
            "affectome bias"
        )
    if (network or preprocessing) and chosen.name != "pictures":
        raise InputError(f"--network looks at pictures; {chosen.name} have none")
    with progress_bar() as progress:
        made = trainer.train(catalog, out, asked, progress)
    if not as_json:
        say(made.card.summary)
        say(f"model: {made.folder}; read with: affectome read --model {made.folder} FILE")
    finish(made.result, as_json)
