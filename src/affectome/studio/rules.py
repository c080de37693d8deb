"""Rules that respond to readings: what has to hold, for how long, and what then happens.

A file of TOML; ``when`` is a line such as ``anger > .6 for 3 s, confidence >= .8``. A rule fires
once when its condition has held so long, and not again before the value has fallen below the
threshold by ``release`` (hysteresis) and ``every_s`` seconds have passed. A reading that abstains
neither counts for a condition nor against it, and where nothing was decided for longer than
``LONGEST_GAP_S`` the time starts anew, so an abstention never fires.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from affectome.errors import InputError
from affectome.people.reading import DIMENSIONS, Reading
from affectome.people.registry import MODALITIES
from affectome.safeguards.purpose import check_purpose

LONGEST_GAP_S = 2.5
NUMBER = r"(\d+\.?\d*|\.\d+)"
CONDITION = re.compile(rf"([a-z ]*[a-z])\s*(>=|<=|>|<)\s*{NUMBER}")
HOLD = re.compile(rf"(.*?)\s+for\s+{NUMBER}\s*s")
CONFIDENCE = re.compile(rf"confidence\s*>=?\s*{NUMBER}")
TEXTS = ("name", "when", "modality", "webhook", "marker", "note")
NUMBERS = ("release", "every_s")
ACTIONS = ("webhook", "command", "marker", "note")
EXAMPLE = "anger > .6 for 3 s, confidence >= .8"


@dataclass(frozen=True)
class Condition:
    """An emotion, ``intensity`` or a dimension, above or below a value."""

    name: str
    above: bool
    value: float

    def holds(self, found: float) -> bool:
        """Whether a value fulfils it."""
        return found >= self.value if self.above else found <= self.value

    def released(self, found: float, by: float) -> bool:
        """Whether a value has gone back behind it by so much."""
        return found <= self.value - by if self.above else found >= self.value + by


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes
    ----------
    name
        What it is called where it fires.
    conditions
        All have to hold.
    hold_s
        Seconds for which they do.
    confidence
        Least probability of the most probable emotion, 0 where that does not matter.
    release
        How far a value has to go back before the rule can fire again.
    every_s
        Seconds between two times that it fires, at least.
    modality
        Of whose readings; None for all.
    webhook, command, marker, note
        What happens: an address that is called, a program, a marker of Lab Streaming Layer, a note
        on the page.
    """

    name: str
    conditions: tuple[Condition, ...]
    hold_s: float = 0.0
    confidence: float = 0.0
    release: float = 0.1
    every_s: float = 10.0
    modality: str | None = None
    webhook: str | None = None
    command: tuple[str, ...] = ()
    marker: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Rules:
    """Rules, and the purpose that they are for."""

    purpose: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Fired:
    """A rule that fired: when, at which reading, with which values."""

    rule: Rule
    seconds: float
    modality: str
    values: Mapping[str, float]
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values; never who was read."""
        return {
            "rule": self.rule.name,
            "seconds": self.seconds,
            "modality": self.modality,
            "values": dict(self.values),
            "confidence": self.confidence,
            "note": self.rule.note,
        }


@dataclass
class _State:
    since: float | None = None
    last: float | None = None
    armed: bool = True


@dataclass
class Watch:
    """Follow the readings of one session and say when rules fire."""

    rules: Rules
    _states: dict[tuple[int, str], _State] = field(default_factory=dict)
    _fired: dict[int, float] = field(default_factory=dict)

    def see(self, reading: Reading, seconds: float) -> list[Fired]:
        """Take the next reading, and give the rules that fire at it.

        Parameters
        ----------
        seconds
            When it was, on a clock that does not go back.
        """
        return [
            fired for k in range(len(self.rules.rules)) for fired in self._at(k, reading, seconds)
        ]

    def _at(self, k: int, reading: Reading, seconds: float) -> Iterator[Fired]:
        rule = self.rules.rules[k]
        values = values_of(reading)
        wanted = [condition.name for condition in rule.conditions]
        if reading.abstains or rule.modality not in {None, reading.modality}:
            return
        if not all(name in values for name in wanted):
            return
        state = self._states.setdefault((k, reading.modality), _State())
        if state.last is not None and seconds - state.last > LONGEST_GAP_S:
            state.since = None
        state.last = seconds
        confidence = max(reading.emotions.values(), default=0.0)
        if any(c.released(values[c.name], rule.release) for c in rule.conditions):
            state.armed = True
        if confidence < rule.confidence or not all(
            c.holds(values[c.name]) for c in rule.conditions
        ):
            state.since = None
            return
        state.since = seconds if state.since is None else state.since
        before = self._fired.get(k)
        waited = before is None or seconds - before >= rule.every_s
        if state.armed and waited and seconds - state.since >= rule.hold_s - 1e-9:
            state.armed = False
            self._fired[k] = seconds
            found = {name: values[name] for name in wanted}
            yield Fired(rule, seconds, reading.modality, found, confidence)


def values_of(reading: Reading) -> dict[str, float]:
    """Give all that a condition can be about."""
    values = dict(reading.emotions)
    for name in DIMENSIONS:
        estimate = getattr(reading, name)
        if estimate is not None:
            values[name] = estimate.value
    if reading.intensity is not None:
        values["intensity"] = reading.intensity
    return values


def read_rules(file: Path) -> Rules:
    """Read a file of rules.

    Raises
    ------
    InputError
        If it can't be read, with the rule and what is wrong.
    PurposeError
        If rules are to judge people at work or in education.
    """
    try:
        plain = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} can't be read as rules: {error}") from error
    purpose = plain.pop("purpose", None)
    if not isinstance(purpose, str):
        raise InputError(f'{file}: rules say what they are for: purpose = "research"')
    check_purpose(purpose)
    rules = plain.pop("rule", [])
    if plain or not isinstance(rules, list) or not rules:
        raise InputError(f"{file}: rules are purpose and one or more of [[rule]]")
    return Rules(purpose, tuple(_rule(one, f"{file}: rule {k}") for k, one in enumerate(rules, 1)))


def _rule(plain: Any, where: str) -> Rule:
    if not isinstance(plain, dict):
        raise InputError(f"{where} is no table")
    known = {*TEXTS, *NUMBERS, "command"}
    for name, value in plain.items():
        if name not in known:
            raise InputError(f"{where} has {name!r}; known are {', '.join(sorted(known))}")
        kinds = str if name in TEXTS else int | float if name in NUMBERS else list
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InputError(f"{where}: {name} is no {'text' if kinds is str else 'such value'}")
    if "name" not in plain or "when" not in plain:
        raise InputError(f"{where} needs a name and when")
    if not any(plain.get(action) for action in ACTIONS):
        raise InputError(f"{where} does nothing; give one of {', '.join(ACTIONS)}")
    if not plain.get("webhook", "http://").startswith(("http://", "https://")):
        raise InputError(f"{where}: webhook is an address that starts with http:// or https://")
    command = plain.get("command", [])
    if not all(isinstance(word, str) for word in command):
        raise InputError(f"{where}: command is a list of words")
    if plain.get("modality") not in {None, *MODALITIES}:
        raise InputError(f"{where}: modality is one of {', '.join(MODALITIES)}")
    conditions, hold_s, confidence = parse_when(plain["when"], where)
    rule = Rule(
        plain["name"],
        conditions,
        hold_s,
        confidence,
        **{name: plain[name] for name in (*NUMBERS, "modality", *ACTIONS) if name in plain},
    )
    if rule.release < 0 or rule.every_s < 0:
        raise InputError(f"{where}: release and every_s are 0 or more")
    return replace(rule, command=tuple(rule.command))


def parse_when(text: str, where: str = "when") -> tuple[tuple[Condition, ...], float, float]:
    """Read ``anger > .6 and valence < 2 for 3 s, confidence >= .8``.

    Returns
    -------
    tuple
        Conditions, seconds for which they have to hold, and least confidence.

    Raises
    ------
    InputError
        If it is not such a line.
    """
    first, *rest = text.lower().replace("≥", ">=").replace("≤", "<=").split(",")
    held = HOLD.fullmatch(first.strip())
    body, hold = (held.group(1), float(held.group(2))) if held else (first, 0.0)
    found = [CONDITION.fullmatch(part.strip()) for part in body.split(" and ")]
    more = [CONFIDENCE.fullmatch(part.strip()) for part in rest]
    conditions = [Condition(m[1], m[2][0] == ">", float(m[3])) for m in found if m]
    least = [float(m[1]) for m in more if m]
    if len(conditions) < len(found) or len(least) < len(more) or len(least) > 1:
        raise InputError(f"{where}: {text!r} is no condition such as {EXAMPLE!r}")
    return tuple(conditions), hold, least[0] if least else 0.0
