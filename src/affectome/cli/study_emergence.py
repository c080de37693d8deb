"""``affectome study emergence``: emotion selectivity in any network, end to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from affectome.cli import options
from affectome.cli.running import announce, finish, parse_pair, parse_ratings, progress_bar
from affectome.data import Catalog, check_output, read_catalog
from affectome.evidence import manifest
from affectome.reports.page import write_run
from affectome.studies.emergence import EmergenceResult, run
from affectome.studies.emergence.plan import plan as predict
from affectome.studies.emergence.report import emergence_page

NETWORK_HELP = (
    "alexnet, vgg16, efficientnet-lite0, emonet, or your own: package.module:factory, "
    "file.py:factory, or a program saved by torch.export (.pt2)."
)
RESPONSES = "responses"
"""Folder in a run's folder where responses are kept, so that a killed run goes on."""


def emergence(
    pictures: Annotated[
        Path, typer.Argument(help="Folder with metadata.csv, folder of class folders, or a table.")
    ],
    out: options.Folder,
    network: Annotated[str, typer.Option(help=NETWORK_HELP)] = "vgg16",
    weights: Annotated[
        str, typer.Option(help="imagenet, untrained, or a file of weights.")
    ] = "imagenet",
    layers: Annotated[
        str | None,
        typer.Option(help="Modules to read, with commas; all convolutions if not given."),
    ] = None,
    preprocessing: Annotated[
        str | None,
        typer.Option(help="What your network sees: side=224,cut=whole,top=255,mean=…/…/…,sd=…."),
    ] = None,
    file: options.File = None,
    rating: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=COL]", help="A rating, such as valence=V.Mean; repeatable."),
    ] = None,
    target: options.Target = None,
    subject: options.Subject = None,
    stimulus: options.Stimulus = None,
    session: options.Session = None,
    group: options.Group = None,
    cut: Annotated[
        str | None,
        typer.Option(metavar="LOW,HIGH", help="Bounds of valence where there are no labels."),
    ] = None,
    stimuli2: Annotated[
        Path | None, typer.Option(help="A second set of pictures, to see which units recur.")
    ] = None,
    holdout: Annotated[
        str,
        typer.Option(
            help="What is held out: what --group, --stimulus and --subject name (group), or single "
            "pictures (random, stamped on the report)."
        ),
    ] = "group",
    folds: Annotated[
        int | None,
        typer.Option(
            "--n-splits",
            "--folds",
            min=2,
            help="Folds; 10, or fewer with few pictures, if not given.",
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    untrained: Annotated[int, typer.Option(min=1, help="Untrained networks to compare with.")] = 5,
    random_draws: Annotated[
        int, typer.Option(min=20, help="Random draws for each lesion and enhancement.")
    ] = 20,
    manipulated: Annotated[
        int, typer.Option(min=0, help="Most pictures to manipulate units on; 0 leaves that out.")
    ] = 24,
    n_permutations: options.Rearranged = 1000,
    random_state: options.RandomState = 0,
    plan: options.Plan = False,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Which filters of an object network prefer pleasant or unpleasant pictures?"""
    check_output(out, overwrite)
    columns: dict[str, Any] = {
        "file": file,
        "target": target,
        "ratings": parse_ratings(rating or []),
        "subject": subject,
        "stimulus": stimulus,
        "session": session,
        "group": group,
        "cut": parse_pair(cut, "--cut"),
    }
    catalog, *second = [
        read_catalog(path, **columns) for path in (pictures, stimuli2) if path is not None
    ]
    asked: dict[str, Any] = {
        "catalog2": second[0] if second else None,
        "weights": weights,
        "network_layers": layers.split(",") if layers else None,
        "preprocessing": preprocessing,
        "precision": precision,
        "n_untrained": untrained,
        "n_random": random_draws,
        "n_manipulated": manipulated,
    }
    announce(predict(catalog, network, **asked), out, plan, as_json)
    with progress_bar() as progress:
        result = run(
            catalog,
            network,
            **asked,
            holdout=holdout,
            n_splits=folds,
            n_permutations=n_permutations,
            random_state=random_state,
            folder=out / RESPONSES,
            progress=progress,
        )
    chosen = {
        **columns,
        "weights": weights,
        "layers": layers,
        "preprocessing": preprocessing,
        "n_splits": folds,
    }
    write_emergence(out, result, [catalog, *second], chosen)
    finish(result.to_dict(), as_json)


def write_emergence(
    out: Path, result: EmergenceResult, catalogs: list[Catalog], chosen: Mapping[str, Any]
) -> Path:
    """Write report, tables, manifest and ``result.json``; give the path of the report.

    ``chosen`` holds the options that say what is read and how, beside the study's own settings.
    """
    numbers, settings = result.to_dict(), asdict(result.settings)
    facts = {
        "network": f"{result.network['name']}, {result.network['weights']}",
        "arithmetic": result.network["precision"],
        **{name: f"{n} pictures" for name, n in result.classes.items()},
        **{name: str(value) for name, value in settings.items() if value is not None},
    }
    page = emergence_page(numbers, result.units, result.curves, result.drivers, facts)
    inputs = {
        f"pictures {number}": catalog.table["file"].tolist()
        for number, catalog in enumerate(catalogs, start=1)
    }
    record = manifest(
        "study emergence",
        inputs,
        result.settings.random_state,
        settings={**chosen, **settings, "network": result.network["name"]},
        weights={result.network["name"]: result.network["sha256"]},
        split=result.split,
    )
    return write_run(out, numbers, page, record, result.tables())
