"""``affectome audit``: why a score would be too good, found before anyone trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.audit import audit as run_audit
from affectome.audit.findings import ORDER, Severity
from affectome.cli import options
from affectome.cli.running import finish, progress_bar, say, settings
from affectome.data import check_output
from affectome.reports.audit import write_audit

FAILED = 3


def audit(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(
            help="Table (CSV, TSV, Parquet), Recording (Zarr folder), or folder of pictures, "
            "films, sounds or texts."
        ),
    ] = None,
    target: options.Target = None,
    subject: options.Subject = None,
    stimulus: options.Stimulus = None,
    session: options.Session = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL",
            help="Column with groups, besides those that are proposed; may be repeated.",
        ),
    ] = None,
    file: options.File = None,
    target_from_name: Annotated[
        str | None,
        typer.Option(
            help="Read the target from file names: the number of the part (3), or a regular "
            "expression whose first group is the label."
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(help="Names of the columns, a,b,c, of a table without a header."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="Code of a finding that is known, such as AFX006; may be repeated."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="CSV of predictions: id or row, truth, prediction or score, and what was varied "
            "(layer, threshold). Were they chosen on the trials that are reported?"
        ),
    ] = None,
    corpora: Annotated[
        Path | None,
        typer.Option(help="TOML with naming schemes of your own, tried before the known ones."),
    ] = None,
    fail_on: Annotated[
        Severity | None,
        typer.Option(help="Exit with 3 where there is a finding as severe as this, or more."),
    ] = None,
    random_state: options.RandomState = 0,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Find why a score would be too good, before anyone trains."""
    if out is not None:
        check_output(out, overwrite)
    named = [name for name in (subject, stimulus, session) if name is not None]
    with progress_bar() as progress:
        found = run_audit(
            source,
            target,
            groups=tuple(dict.fromkeys((*named, *(group or ())))),
            file=file,
            target_from_name=target_from_name,
            names=tuple(n.strip() for n in names.split(",")) if names else (),
            ignore=tuple(ignore or ()),
            predictions=predictions,
            corpora=corpora,
            random_state=random_state,
            progress=progress,
        )
    result = found.to_dict()
    if not as_json:
        say(result["verdict"])
        for one in found.findings:
            say(f"{one.severity:<7}{one.code} {one.kind:<18}{one.what}")
            say(f"{'':14} {one.price}")
        if any(one.severity != "low" for one in found.findings):
            say(f"Not looked for: {'; '.join(found.not_looked_for)}.")
    if out is not None:
        given = {"source": source, "predictions": predictions, "corpora": corpora}
        chosen = settings(context, "fail_on")
        say(f"report: {write_audit(found, out, random_state, given, chosen)}")
    severe = fail_on is not None and any(
        ORDER[one.severity] <= ORDER[fail_on] for one in found.findings
    )
    try:
        finish(result, as_json)
    finally:
        if severe:
            raise typer.Exit(FAILED)
