"""How a command is run: options that change nothing in what it computes, added in one place."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from joblib import parallel_config

from affectome.cli import options
from affectome.cli.running import load

ADDED: dict[str, tuple[Any, Any]] = {
    "n_jobs": (options.Jobs, None),
    "cluster": (options.Cluster, None),
}


def executed(command: Callable[..., None], words: Sequence[str]) -> Callable[..., None]:
    """Give a command the options of its execution, and keep its folder while it works.

    Parameters
    ----------
    command
        Function with options, such as ``out``; where it has ``n_jobs`` of its own, that stays.
    words
        The command line after ``affectome``, by which the run goes on if it is stopped.
    """
    hints = typing.get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    parameters = [
        one.replace(annotation=hints.get(name, one.annotation))
        for name, one in signature.parameters.items()
    ]
    added = {name: kind for name, kind in ADDED.items() if name not in signature.parameters}
    for name, (kind, default) in added.items():
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, keyword, default=default, annotation=kind))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        taken = {name: given.pop(name) for name in added}
        with ExitStack() as stack:
            out = given.get("out")
            if isinstance(out, Path) and not out.is_file() and not given.get("plan"):
                stack.enter_context(load("affectome.execution.runs:hold")(out, words))
            if taken.get("n_jobs") is not None:
                stack.enter_context(parallel_config(n_jobs=taken["n_jobs"]))
            stack.enter_context(load("affectome.execution:on_cluster")(taken["cluster"]))
            command(**given)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = hints | {name: kind for name, (kind, _) in added.items()}
    return run
