"""What every run must write: each p beside its null, the same keys, documented columns."""

import re
from functools import cache
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "docs" / "results.md"


def broken_claims(part, path=""):
    """Paths of the p and intervals in a result that don't say how they came about."""
    found = []
    if isinstance(part, dict):
        if isinstance(part.get("p"), float):
            null = part.get("null")
            wanted = ("scheme", "n_groups", "n_arrangements", "correction")
            if not isinstance(null, dict) or any(name not in null for name in wanted):
                found.append(f"{path}/p")
        if part.get("interval") is not None and not part.get("over"):
            found.append(f"{path}/interval")
        for name, one in part.items():
            found += broken_claims(one, f"{path}/{name}")
    elif isinstance(part, list):
        for number, one in enumerate(part):
            found += broken_claims(one, f"{path}/{number}")
    return found


HEAD = {
    "schema": int,
    "command": str,
    "source": str,
    "target": str | None,
    "held_out": str | None,
    "trials": int,
    "skipped": list,
    "warnings": list,
}


def broken_head(result):
    """Names of the keys that every ``result.json`` has and this one lacks, or holds wrongly."""
    wrong = [name for name, kind in HEAD.items() if not isinstance(result.get(name, ...), kind)]
    if any(set(item) != {"file", "why"} for item in result.get("skipped", ())):
        wrong.append("skipped")
    return wrong


@cache
def documented():
    """(command, table) → the columns that docs/results.md gives it."""
    row = re.compile(r"^\| `([^`]+)` \| `(\w+\.csv)` \|[^|]*\|(.*)\|$", re.MULTILINE)
    return {(command, table): words for command, table, words in row.findall(RESULTS.read_text())}


def broken_columns(command, table, columns):
    """Columns of a table that are not documented, and documented ones that it lacks."""
    words = documented().get((command, table))
    if words is None:
        return [f"{command} writes {table}, which docs/results.md does not list"]
    names = re.findall(r"(\(?)`([^`]+)`", words)
    patterns = {name: re.sub(r"[A-Z]{2,}", ".+", re.escape(name)) for _, name in names}
    wrong = [
        name
        for bracket, name in names
        if not bracket and not any(re.fullmatch(patterns[name], one) for one in columns)
    ]
    if "…" not in words:
        known = re.compile("|".join(patterns.values()))
        wrong += [one for one in columns if not known.fullmatch(one)]
    return wrong
