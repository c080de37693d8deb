"""``affectome study emonet``: categories of emotion read from pictures (Kragel et al. 2019)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli import options
from affectome.cli.running import finish, progress_bar, say, settings
from affectome.data import check_output, read_catalog
from affectome.evidence import manifest
from affectome.people.pictures.backbone import FILE, SHIPPED
from affectome.reports.page import write_run
from affectome.studies.emonet import run
from affectome.studies.emonet.report import answer, emonet_page


def emonet(
    context: typer.Context,
    pictures: Annotated[
        Path, typer.Argument(help="Folder with metadata.csv, folder of class folders, or a table.")
    ],
    out: options.Folder,
    weights: Annotated[
        str | None,
        typer.Option(help="EmoNet's weights: file, folder or https://…#sha256=…."),
    ] = None,
    file: options.File = None,
    target: Annotated[
        str | None,
        options.column(
            "--target", "--label", words="Column with the category; else its ratings are used."
        ),
    ] = None,
    subject: options.Subject = None,
    stimulus: options.Stimulus = None,
    group: options.Group = None,
    every: Annotated[
        float, typer.Option(help="Seconds between the frames of a film that are looked at.")
    ] = 1.0,
    n_permutations: options.Permutations = 1000,
    bootstrap: Annotated[int, typer.Option(min=0, help="Draws for the clusters.")] = 1000,
    random_state: options.RandomState = 0,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Read categories from pictures, beside networks that saw objects only and untrained ones."""
    check_output(out, overwrite)
    catalog = read_catalog(
        pictures, file=file, target=target, subject=subject, stimulus=stimulus, group=group
    )
    with progress_bar() as progress:
        study = run(
            catalog,
            out,
            weights=weights,
            every=every,
            n_permutations=n_permutations,
            n_bootstrap=bootstrap,
            random_state=random_state,
            progress=progress,
        )
    inputs: dict[str, Path | list[str]] = {
        "pictures": catalog.table["file"].tolist(),
        "networks": SHIPPED / FILE,
    }
    if weights is not None and Path(weights).exists():
        inputs["emonet"] = Path(weights)
    record = manifest(
        "study emonet",
        inputs,
        random_state,
        settings=settings(context, "weights"),
        split=study.evidence.split,
    )
    result = study.to_dict()
    if not as_json:
        say(answer(study))
    page = emonet_page(study, Path(pictures).name)
    tables = {"colours": study.colours}
    if study.responses is not None:
        tables["units"] = study.responses
    say(f"report: {write_run(out, result, page, record, tables)}")
    finish(result, as_json)
