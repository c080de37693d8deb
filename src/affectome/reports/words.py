"""Numbers of a result as a reader meets them in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def interval(found: Mapping[str, Any]) -> str:
    """Give an interval in words."""
    if not found.get("interval"):
        return "no interval"
    low, high = found["interval"]
    return f"95 % {low:.2f} to {high:.2f}"


def p_text(found: Mapping[str, Any]) -> str:
    """Give a p in words."""
    p = found.get("p")
    if p is None:
        return "no p"
    return "p < .001" if p < 0.001 else f"p = {p:.3f}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """Give a number of things: ``1 unit``, ``2 units``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def because(found: Mapping[str, Any]) -> str:
    """Give why there is no p, as the end of a sentence."""
    why = str(found.get("why") or "none was asked for")
    return why.removeprefix("no p, because ")
