"""The application: which commands there are, and how an error reaches the user."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from affectome.cli.running import load
from affectome.errors import AffectomeError

COMMANDS = {
    "demo": ("affectome.cli.demo:demo", "Run the main job on the embedded pictures."),
    "audit": ("affectome.cli.audit:audit", "Find why a score would be too good."),
    "region": ("affectome.cli.region:region", "Choose the region of a film to look at."),
    "signature": ("affectome.cli.signature:signature", "Express published patterns in brain maps."),
    "encode": (
        "affectome.cli.encode:encode",
        "Predict single voxels, neurons or sensors from features of the stimuli.",
    ),
    "pls": (
        "affectome.cli.pls:pls",
        "Read a network's units, or categories, from the voxels of people who were not seen.",
    ),
    "rsa": (
        "affectome.cli.rsa:rsa",
        "Compare how a population arranges the conditions with models of them.",
    ),
    "compare": (
        "affectome.cli.compare:compare",
        "Compare a CNN, an RNN and a linear decoder on film EEG, under three splits.",
    ),
}
COMMANDS |= {
    "read": (
        "affectome.cli.read:read",
        "Read emotion from texts, voices and pictures, and how sure that is.",
    ),
    "train": (
        "affectome.cli.train:train",
        "Make a model of words, voices or pictures from your own table.",
    ),
    "screen": (
        "affectome.cli.screen:screen_pictures",
        "Rank, filter, copy or list a folder of pictures by what they evoke.",
    ),
}
COMMANDS["fuse"] = ("affectome.cli.fuse:fuse", "Make one reading of several modalities.")
COMMANDS["studio"] = ("affectome.cli.studio:studio", "Open the studio in the browser.")
COMMANDS["live"] = ("affectome.cli.live:live", "Read a film, camera or microphone as it runs.")
COMMANDS |= {
    "monitor": (
        "affectome.cli.monitor:monitor",
        "Watch readings for drift from what the model was measured on.",
    ),
    "bias": ("affectome.cli.bias:bias", "See whom a model reads worse."),
}
MODELS = {
    "list": ("affectome.cli.models:list_models", "List the models that are shipped."),
    "card": (
        "affectome.cli.models:show_card",
        "Show what a model was made from and how good it is.",
    ),
}
WEIGHTS = {
    "list": (
        "affectome.cli.weights:list_weights",
        "List the packages of weights, what needs them, and where they are.",
    ),
    "fetch": (
        "affectome.cli.weights:fetch_weights",
        "Bring packages of weights into your cache, pinned by hash.",
    ),
    "verify": (
        "affectome.cli.weights:verify_weights",
        "Check the cache against the hashes.",
    ),
}
STUDIES = {
    "emergence": (
        "affectome.cli.study_emergence:emergence",
        "Emotion-selective filters in networks trained on objects.",
    ),
    "emonet": (
        "affectome.cli.study_emonet:emonet",
        "Categories of emotion read from pictures, beside networks that saw objects only.",
    ),
    "mouse-faces": (
        "affectome.cli.study_mouse_faces:mouse_faces",
        "Facial expressions of mice, their intensity and the neurons that follow them.",
    ),
    "neural-code": (
        "affectome.cli.study_neural_code:neural_code",
        "Emotion states in neural populations, EEG and fMRI.",
    ),
}
PRIVACY = {
    name: (f"affectome.cli.privacy:{name}", words)
    for name, words in {
        "notice": "Make the notice that people are shown before they are read.",
        "consent": "Record that a person agreed to be read.",
        "withdraw": "Take back a person's consents and erase the readings of them.",
        "export": "Give all that is kept of a person.",
        "erase": "Erase a person.",
        "log": "Show who was read, for what and when.",
        "verify": "Check every byte of the log.",
    }.items()
}
OPTIONS: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


def build(arguments: Sequence[str]) -> typer.Typer:
    """Put the application together, importing only the command that is asked for.

    Torch, numba and MNE take seconds to import, and ``--help`` needs none of them.
    """
    app = typer.Typer(
        help="Decode emotion from pictures, faces, neurons and brain scans, "
        "and see whether the reading is real.",
        **OPTIONS,
    )
    study = typer.Typer(help="Run one of the studies, end to end.", **OPTIONS)
    models = typer.Typer(help="Look at the models that are shipped.", **OPTIONS)
    weights = typer.Typer(help="Bring the weights that come apart from the program.", **OPTIONS)
    privacy = typer.Typer(help="Consents, the notice, and the log of who was read.", **OPTIONS)
    groups = (
        (app, COMMANDS),
        (study, STUDIES),
        (models, MODELS),
        (weights, WEIGHTS),
        (privacy, PRIVACY),
    )
    for parent, commands in groups:
        for name, (target, words) in commands.items():
            parent.command(name, help=words)(load(target) if name in arguments else _named)
    app.add_typer(study, name="study")
    app.add_typer(models, name="models")
    app.add_typer(weights, name="weights")
    app.add_typer(privacy, name="privacy")
    return app


def _named() -> None:
    """Stand for a command that was not asked for."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 done with skipped inputs, 2 could not be done."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        build(words)(args=words)
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
