"""The application: which commands there are, and how an error reaches the user."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from importlib.util import find_spec

import typer

from affectome.cli.running import load
from affectome.errors import AffectomeError

COMMANDS = {
    "demo": "affectome.cli.demo:demo",
    "audit": "affectome.cli.audit:audit",
    "region": "affectome.cli.region:region",
    "signature": "affectome.cli.signature:signature",
}
STUDIES = {
    "emergence": "affectome.cli.study_emergence:emergence",
    "mouse-faces": "affectome.cli.study_mouse_faces:mouse_faces",
    "neural-code": "affectome.cli.study_neural_code:neural_code",
}


def build() -> typer.Typer:
    """Put the application together."""
    app = typer.Typer(
        name="affectome",
        help="Decode emotion from pictures, faces, neurons and brain scans, "
        "and see whether the reading is real.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    study = typer.Typer(help="Run one of the studies, end to end.", no_args_is_help=True)
    for parent, commands in ((app, COMMANDS), (study, STUDIES)):
        for name, target in commands.items():
            if find_spec(target.partition(":")[0]) is not None:
                parent.command(name)(load(target))
    app.add_typer(study, name="study")
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 done with skipped inputs, 2 could not be done."""
    try:
        build()(args=arguments)
    except AffectomeError as error:
        _fail(str(error))
    except MemoryError:
        _fail("there is not enough memory for this; use fewer trials or units at a time")
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            _fail(f"the disk is full while writing {error.filename or 'the results'}; free some")
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}")
    except Exception as error:
        if os.environ.get("AFFECTOME_TRACEBACK"):
            traceback.print_exc()
        _fail(
            f"an error inside affectome, please report it: {type(error).__name__}: "
            f"{' '.join(str(error).split())} (AFFECTOME_TRACEBACK=1 shows where)"
        )


def _fail(message: str) -> None:
    sys.stderr.write(f"affectome: {message}\n")
    sys.exit(2)
