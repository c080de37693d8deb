from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.table import Table

from affectome.cli import demo, main


def test_it_ends_with_a_reading_of_a_sentence_and_of_a_drawn_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = pd.DataFrame(
        {"file": ["1F600.png"], "emotion": ["pleasant"], "predicted emotion": ["neutral"]}
    )

    def study(out: Path, random_state: int, progress: Any) -> demo.Done:
        face = demo._drawn_face(faces)
        return demo.Done({"score": 1}, Table(), out / "report.html", (face,), ("a drawn face",))

    monkeypatch.setattr(demo, "DEMOS", {"emergence": study})
    with pytest.raises(SystemExit) as caught:
        main(["demo", "--out", str(tmp_path / "run")])
    assert not caught.value.code
    said = capsys.readouterr().err.splitlines()
    assert said.index(f"report: {tmp_path / 'run' / 'report.html'}") < said.index(
        f"readings: {tmp_path / 'run' / 'readings.html'}"
    )
    assert "Reading(words): disappointment" in said
    assert "Reading(face of 1F600.png): neutral" in said
    assert said[-1].strip() == "drawn to look pleasant; the decoder saw it in no training"
    page = (tmp_path / "run" / "readings.html").read_text()
    assert "disappointment" in page
    assert "1F600.png" in page
