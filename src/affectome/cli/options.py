"""Options that several commands share: one name, one meaning and one check for each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

FEWEST = 20
"""Arrangements below which p can't reach .05."""


def column(*names: str, words: str) -> Any:
    """Make an option that names a column of the user's table."""
    return typer.Option(*names, metavar="COL", help=words)


def checked_permutations(number: int) -> int:
    """Refuse too few arrangements to say anything."""
    if number != 0 and number < FEWEST:
        raise typer.BadParameter(f"{number} is neither 0 (for no p) nor {FEWEST} or more")
    return number


def checked_jobs(number: int | None) -> int | None:
    """Refuse no jobs at all."""
    if number == 0:
        raise typer.BadParameter("0 is neither 1 or more nor -1 for all cores")
    return number


Target = Annotated[str | None, column("--target", "--label", words="Column to decode.")]
Subject = Annotated[str | None, column("--subject", words="Column that says who: people, animals.")]
Stimulus = Annotated[
    str | None, column("--stimulus", words="Column that says what was shown: film, picture, item.")
]
Session = Annotated[str | None, column("--session", words="Column of the sessions.")]
Run = Annotated[str | None, column("--run", words="Column of the runs within a session.")]
Group = Annotated[
    str | None, column("--group", words="Column of other things to hold out whole: theme, family.")
]
Onset = Annotated[str | None, column("--onset", words="Column with the seconds of the events.")]
File = Annotated[str | None, column("--file", words="Column with the names of the files.")]
Holdout = Annotated[
    list[str] | None,
    typer.Option(
        "--holdout",
        metavar="COL",
        help="Column whose values are held out whole; may be repeated; 'random' holds out trials. "
        "By default people and stimuli, where they are named.",
    ),
]
Window = Annotated[
    str | None,
    typer.Option("--window", metavar="FROM,TO", help="Seconds around each event, such as -1,2."),
]
Response = Annotated[
    str | None,
    typer.Option(
        "--response", metavar="FROM,TO", help="Seconds of the response in the window, such as 0,2."
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline", metavar="FROM,TO", help="Seconds whose mean is subtracted, such as -1,0."
    ),
]
Events = Annotated[
    Path | None, typer.Option("--events", help="Table with a row an event, a trial or a map.")
]
Mask = Annotated[Path | None, typer.Option("--mask", help="NIfTI: mask of voxels.")]
Atlas = Annotated[Path | None, typer.Option("--atlas", help="NIfTI: atlas of regions.")]
Resampling = Annotated[
    str,
    typer.Option(
        "--resampling", help="NIfTI: none, data or labels: what is brought to the other's grid."
    ),
]
Permutations = Annotated[
    int,
    typer.Option(
        "--n-permutations",
        "--permutations",
        callback=checked_permutations,
        help="Arrangements in each null, 20 or more; 0 for no p.",
    ),
]
Rearranged = Annotated[
    int,
    typer.Option(
        "--n-permutations", "--permutations", min=FEWEST, help="Arrangements in each null."
    ),
]
RandomState = Annotated[
    int,
    typer.Option("--random-state", "--seed", min=0, help="Seed of everything that is drawn."),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--n-jobs",
        "--jobs",
        min=-1,
        callback=checked_jobs,
        help="Blocks of work at once; -1 for all cores. Results don't depend on it.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="WHERE",
        help="local:N processes, the address of a dask scheduler (tcp://host:8786), or a YAML file "
        "for SLURM. Results don't depend on it.",
    ),
]
Plan = Annotated[
    bool,
    typer.Option(
        "--plan", help="Only say what it would take: time, memory, disk and bytes to read."
    ),
]
OUT = typer.Option("--out", help="Folder for report, tables and result.json.")
Out = Annotated[Path | None, OUT]
Folder = Annotated[Path, OUT]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the results that --out holds.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print result.json alone.")]
