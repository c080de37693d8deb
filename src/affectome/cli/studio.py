"""``affectome studio``: the page on this machine, and the same over HTTP."""

from __future__ import annotations

import socket
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from affectome.cli.running import load, say
from affectome.errors import InputError, require


def studio(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER…",
            help="Folders whose data, and runs (what --out wrote), may be opened; this one if "
            "not given.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address; any but 127.0.0.1 lets others in, with a token.")
    ] = "127.0.0.1",
    name: Annotated[
        list[str] | None,
        typer.Option(help="Name by which others reach this machine; may be repeated."),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="TOML file of rules that respond to live readings.")
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """See readings live, look at runs, and read over HTTP, on this machine."""
    uvicorn = require("uvicorn", "studio")
    require("fastapi", "studio")
    settings = load("affectome.studio.settings:make_settings")(
        tuple(folders or [Path.cwd()]), host, port, tuple(name or ())
    )
    responding = None if rules is None else load("affectome.studio.rules:read_rules")(rules)
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}/"
    address += f"#token={settings.token}" if settings.token else ""
    app = load("affectome.studio.app:create_app")(settings, rules=responding)
    say(f"studio: {address}  (Ctrl-C ends it)")
    if browser:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    config = uvicorn.Config(
        app,
        log_level="warning",
        ws_max_size=2 * settings.limits.frame_bytes,
        limit_concurrency=1000,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise InputError(
            f"can't listen on {host} port {port}: {error.strerror}; take another with --port"
        ) from error
    return listener
