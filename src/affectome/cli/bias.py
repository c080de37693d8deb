"""``affectome bias``: whom a model reads worse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli import options
from affectome.cli.running import finish, say, settings
from affectome.data import check_output, result_head
from affectome.data.tables import read_table
from affectome.errors import InputError
from affectome.evidence import manifest
from affectome.people.bias import bias as compare_groups
from affectome.people.monitoring import likeliest
from affectome.people.runs import read_run, with_labels
from affectome.people.watch_pages import bias_page
from affectome.reports.page import write_run


def bias(
    context: typer.Context,
    readings: Annotated[
        Path, typer.Argument(help="Folder of affectome read --out, or a file of JSON lines.")
    ],
    labels: Annotated[Path, typer.Option(help="Table with a row a file: its label and groups.")],
    group: Annotated[
        list[str], typer.Option(help="Column whose groups are compared; may be repeated.")
    ],
    target: Annotated[str, typer.Option(help="Column of the label.")] = "emotion",
    subject: Annotated[
        str | None,
        typer.Option(help="Column that says who is read; by default subject, where it is there."),
    ] = None,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare how well groups of your own table are read; no group is ever inferred."""
    if out is not None:
        check_output(out, overwrite)
    found = read_run(readings)
    table = read_table(labels)
    if subject is None and "subject" in table:
        subject = "subject"
    asked = [target, *group, *([] if subject is None else [subject])]
    rows = with_labels(found, table, asked, str(labels))
    rows = rows[rows[target].notna()]
    said = [likeliest(found[k]) for k in rows.index]
    there = [label is not None for label in said]
    if not any(there):
        raise InputError(f"{readings}: no reading with a label names an emotion")
    rows, named = rows[there], [label for label in said if label is not None]
    compared = compare_groups(
        rows[target].astype(str).str.strip(),
        named,
        rows[group],
        None if subject is None else rows[subject].astype(str),
        "readings" if subject is None else f"{subject}s",
    )
    unknown = sorted(set(rows[target].astype(str)) - {k for r in found for k in r.emotions})
    said_of = f"the model does not know these labels: {', '.join(unknown[:10])}"
    head = result_head(
        "bias",
        2,
        source=readings,
        target=target,
        held_out=None,
        trials=len(rows),
        skipped=[],
        warnings=[said_of] if unknown else [],
    )
    result = compared.to_dict() | head | {"not_read": there.count(False)}
    page = bias_page(compared, labels.name)
    if not as_json:
        say(page.answer)
    if out is not None:
        inputs = {"readings": readings, "labels": labels}
        described = manifest("bias", inputs, 0, settings=settings(context))
        tables = {"groups": compared.to_frame()}
        say(f"report: {write_run(out, result, page, described, tables)}")
    finish(result, as_json)
