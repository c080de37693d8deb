"""What ``affectome read`` writes; apart, so that one text loads no pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affectome.data import Skipped
from affectome.data.outputs import (
    output_folder,
    result_head,
    write_json,
    write_manifest,
    write_table,
    write_text,
)
from affectome.evidence.manifest import manifest
from affectome.people.page import whole
from affectome.people.reading import Readings
from affectome.safeguards import record_output


def write_readings(out: Path, readings: Readings, skipped: Sequence[dict[str, Any]]) -> Path:
    """Write ``readings.csv``, ``report.html`` and ``result.json``; give the report."""
    folder = output_folder(out)
    write_table(folder / "readings.csv", readings.to_frame())
    report = write_text(folder / "report.html", whole(readings))
    plain = [reading.to_dict() for reading in readings]
    write_manifest(folder, manifest("read", {}, 0), ["result.json"])
    warnings: dict[str, None] = dict.fromkeys(n for reading in readings for n in reading.notes)
    head = result_head(
        "read",
        2,
        source="",
        target=None,
        held_out=None,
        trials=len(plain),
        skipped=[Skipped(item["file"], item["why"]) for item in skipped],
        warnings=warnings,
    )
    write_json(folder / "result.json", head | {"readings": plain})
    record_output(folder, {reading.person for reading in readings})
    return report
