"""What happens when a rule fires: a call, a program, a marker, a note."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from affectome.errors import require
from affectome.people.reading import Reading
from affectome.studio.rules import Fired, Rules, Watch

WEBHOOK_S, COMMAND_S = 5.0, 30.0
MOST_WAITING = 8
Tell = Callable[[dict[str, Any]], None]


class Responder:
    """Watch one session and do what its rules say, without holding up the readings.

    Parameters
    ----------
    rules
        What to respond to.
    tell
        Called with each rule that fired, and with what went wrong, from any thread.
    """

    def __init__(self, rules: Rules, tell: Tell) -> None:
        self._watch = Watch(rules)
        self._tell = tell
        self._threads = ThreadPoolExecutor(2, "responding")
        self._waiting = 0
        marked = any(rule.marker for rule in rules.rules)
        self._markers = marker_stream() if marked else None

    def see(self, reading: Reading, seconds: float) -> list[Fired]:
        """Take a reading; give what fired."""
        fired = self._watch.see(reading, seconds)
        for one in fired:
            self._tell({"type": "note", **one.to_dict()})
            if self._markers is not None and one.rule.marker:
                self._markers.push_sample([one.rule.marker])
            for act, wanted in ((_call, one.rule.webhook), (_run, one.rule.command)):
                if wanted and self._waiting < MOST_WAITING:
                    self._waiting += 1
                    self._threads.submit(self._done, act, one)
        return fired

    def close(self, wait: bool = False) -> None:
        """Start nothing more; ``wait`` for what runs."""
        self._threads.shutdown(wait=wait, cancel_futures=not wait)

    def _done(self, act: Callable[[Fired], str], fired: Fired) -> None:
        try:
            wrong = act(fired)
        finally:
            self._waiting -= 1
        if wrong:
            self._tell({"type": "note", **fired.to_dict(), "note": wrong})


def _call(fired: Fired) -> str:
    """Send what fired to the rule's address; say what went wrong."""
    request = urllib.request.Request(
        fired.rule.webhook or "",
        json.dumps(fired.to_dict()).encode(),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=WEBHOOK_S):
            return ""
    except (OSError, ValueError) as error:
        return f"{fired.rule.webhook} could not be called: {error}"


def _run(fired: Fired) -> str:
    """Run the rule's program with what fired on its standard input; say what went wrong."""
    try:
        subprocess.run(
            fired.rule.command,
            input=json.dumps(fired.to_dict()).encode(),
            timeout=COMMAND_S,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{fired.rule.command[0]} did not run: {error}"
    return ""


def marker_stream() -> Any:
    """Open a stream of markers in Lab Streaming Layer.

    Raises
    ------
    MissingExtraError
        If pylsl is not installed.
    """
    pylsl = require("pylsl", "lsl")
    info = pylsl.StreamInfo("affectome-markers", "Markers", 1, pylsl.IRREGULAR_RATE, "string")
    return pylsl.StreamOutlet(info)
