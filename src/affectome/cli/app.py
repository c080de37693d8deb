"""The application: which commands there are, and how an error reaches the user."""

from __future__ import annotations

import errno
import os
import re
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from affectome.cli.running import emit, load, only_ours
from affectome.errors import AffectomeError, did_you_mean

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
COMMANDS |= {
    "status": ("affectome.cli.runs:status", "Say how a run is, and how far."),
    "resume": ("affectome.cli.runs:resume", "Go on with a run that was stopped."),
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
GROUPS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "": COMMANDS,
    "study": STUDIES,
    "models": MODELS,
    "weights": WEIGHTS,
    "privacy": PRIVACY,
}
LONG = {
    *(("", name) for name in ("compare", "demo", "encode", "pls", "rsa", "screen")),
    *(("study", name) for name in STUDIES),
}
"""Commands whose work is cut into blocks, and can be run on a cluster."""
OPTIONS: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


INTERRUPTED = 130
COMPLETION = "_AFFECTOME_COMPLETE"
"""Set by the shell that asks how a line could go on."""
ClickError: type[Exception] = typer.BadParameter.__mro__[2]
"""What typer raises for words that it doesn't know; newer ones bring a click of their own."""


def build(arguments: Sequence[str]) -> typer.Typer:
    """Put the application together, importing only the command that is asked for.

    Torch, numba and MNE take seconds to import, and ``--help`` needs none of them.
    """
    app = typer.Typer(
        help="Decode emotion from pictures, faces, neurons and brain scans, "
        "and see whether the reading is real.",
        **OPTIONS | {"add_completion": True},
    )
    study = typer.Typer(help="Run one of the studies, end to end.", **OPTIONS)
    models = typer.Typer(help="Look at the models that are shipped.", **OPTIONS)
    weights = typer.Typer(help="Bring the weights that come apart from the program.", **OPTIONS)
    privacy = typer.Typer(help="Consents, the notice, and the log of who was read.", **OPTIONS)
    parents = {"": app, "study": study, "models": models, "weights": weights, "privacy": privacy}
    for group, parent in parents.items():
        for name, (target, words) in GROUPS[group].items():
            asked = name in arguments and (not group or group in arguments)
            function = load(target) if asked else _named
            if asked and (group, name) in LONG:
                function = load("affectome.cli.execution:executed")(function, arguments)
            parent.command(name, help=words)(function)
    app.add_typer(study, name="study")
    app.add_typer(models, name="models")
    app.add_typer(weights, name="weights")
    app.add_typer(privacy, name="privacy")
    app.callback()(_version)
    return app


def _named() -> None:
    """Stand for a command that was not asked for."""


def _print_version(wanted: bool) -> None:
    if wanted:
        emit(f"affectome {load('affectome:__version__')}\n")
        raise typer.Exit


def _version(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Take options that stand before any command."""


def main(arguments: Sequence[str] | None = None) -> None:  # noqa: PLR0912  a branch an end
    """Run the command line and exit: 0 done, 1 done with skipped inputs, 2 could not be done."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    code, begun = None, time.time()
    try:
        if COMPLETION in os.environ:
            typed = (
                f"{os.environ.get('COMP_WORDS', '')} {os.environ.get('_TYPER_COMPLETE_ARGS', '')}"
            )
            build(typed.split())(args=words, prog_name="affectome")
        elif "--json" in words and "--help" not in words:
            with only_ours():
                code = build(words)(args=words, standalone_mode=False, prog_name="affectome")
        else:
            code = build(words)(args=words, standalone_mode=False, prog_name="affectome")
    except ClickError as error:
        _usage(error)
    except typer.Abort:
        _stopped(words, begun)
    except AffectomeError as error:
        _fail(str(error))
    except MemoryError:
        _fail("there is not enough memory for this; use fewer trials or units at a time")
    except OSError as error:
        if error.errno == errno.EPIPE:
            sys.exit(1)
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
    if code == INTERRUPTED:  # newer typer answers Ctrl-C by this, older by Abort
        _stopped(words, begun)
    sys.exit(code if isinstance(code, int) else 0)


def _stopped(words: Sequence[str], begun: float) -> NoReturn:
    """Say after Ctrl-C what this run leaves behind, and exit as shells do."""
    sys.stderr.write(f"affectome: stopped; {_left_behind(words, begun)}\n")
    sys.exit(INTERRUPTED)


def _left_behind(words: Sequence[str], begun: float) -> str:
    named = [word.removeprefix("--out=") for word in words if word.startswith("--out=")]
    named += [place for option, place in pairwise(words) if option == "--out"]
    files = [file for place in named for file in Path(place).rglob("*")]
    kept = [file for file in files if file.is_file() and file.stat().st_mtime >= begun]
    if not kept:
        return "nothing was kept: results are written when all is done"
    return f"{len(kept)} files in {named[-1]} are kept; the same command takes them up"


def _usage(error: Any) -> NoReturn:
    """Say in one line which word of a command is wrong, and what was perhaps meant."""
    command = getattr(getattr(error, "ctx", None), "command_path", None) or "affectome"
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(2)
    said = " ".join(error.format_message().split()).rstrip(".")
    said = said.replace("Value error, ", "")
    said = re.sub(r" ?(\(Possible options: .*\)|Did you mean .*\??)$", "", said).rstrip(".")
    wrong = re.search(r"(?:No such (?:command|option):? '?)([^\s'.]+)", said)
    known = _known(error)
    meant = did_you_mean(wrong.group(1), known) if wrong else ""
    said = said[:1].lower() + said[1:]
    _fail(f"{said}; {meant}{command} --help lists what there is")


def _known(error: Any) -> list[str]:
    """Commands and options of the command that failed."""
    context = getattr(error, "ctx", None)
    if context is None:
        return []
    commands = list(getattr(context.command, "commands", {}))
    return commands + [o for p in context.command.params for o in getattr(p, "opts", ())]


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"affectome: {message}\n")
    sys.exit(2)
