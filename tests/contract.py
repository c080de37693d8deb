"""What every ``result.json`` must hold: beside each p its null, beside each interval its groups."""


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
