"""``affectome audit`` from end to end: exit status, files, JSON, one-line errors."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectome.cli import main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["audit", *arguments])
    return int(caught.value.code or 0)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    film = rng.integers(20, size=160)
    X = 2 * rng.normal(size=(20, 6))[film] + rng.normal(size=(160, 6))
    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(6)])
    frame = frame.assign(emotion=np.array(["joy", "fear"])[film % 2], film=film, code=film % 2)
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def test_a_run_writes_its_report(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(str(table), "--target", "emotion", "--group", "film", "--out", str(out)) == 0
    result = json.loads((out / "result.json").read_text())
    assert (result["schema"], result["command"]) == (1, "audit")
    assert {"label_leak", "stimulus_identity"} <= {f["kind"] for f in result["findings"]}
    assert {"code", "kind", "severity", "what", "columns", "evidence", "advice", "cost"} == set(
        result["findings"][0]
    )
    report = (out / "report.html").read_text()
    assert "A score on these data would be too good" in report
    assert "What may be held out together" in report
    assert (out / "figures" / "group_gaps.svg").is_file()
    assert (out / "figures" / "leak_code.svg").is_file()
    assert json.loads((out / "manifest.json").read_text())["command"] == "audit"


def test_json_alone_on_standard_output(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(table), "--target", "emotion", "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"].startswith("A score on these data")


def test_skipped_rows_give_status_one(table: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(table)
    frame.loc[0, "emotion"] = None
    frame.to_csv(table, index=False)
    assert run(str(table), "--target", "emotion") == 1


def test_a_wrong_target_is_one_line(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(table), "--target", "mood") == 2
    error = capsys.readouterr().err
    assert error == (
        "affectome: the table has no column 'mood'; it has f0, f1, f2, f3, f4, f5, emotion, "
        "film, code\n"
    )


def test_a_finding_fails_the_run_where_it_is_asked_to(table: Path) -> None:
    arguments = (str(table), "--target", "emotion", "--group", "film")
    assert run(*arguments, "--fail-on", "high") == 3
    assert run(*arguments, "--fail-on", "high", "--ignore", "AFX001", "--ignore", "AFX003") in (
        0,
        3,
    )
    assert run(*arguments, "--ignore", "AFX999") == 2


def test_prices_are_printed_drawn_and_tabled(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(str(table), "--target", "emotion", "--out", str(out)) == 0
    said = capsys.readouterr().err
    assert "Price: +0." in said
    assert "Not looked for: people on both sides of a split" in said
    findings = json.loads((out / "result.json").read_text())["findings"]
    leak = next(f for f in findings if f["code"] == "AFX001")
    assert set(leak["cost"]) >= {"with", "without", "difference", "interval", "over", "reader"}
    assert leak["cost"]["over"] == "20 film"
    drawn = (out / "figures" / "prices.svg").read_text()
    score, price, nothing = (
        float(re.search(rf'x="([\d.]+)"[^>]*>{words}<', drawn)[1])
        for words in ("balanced accuracy", "what the fault adds", "nothing")
    )
    assert 0 < price - nothing < 0.48 * (price - score), "nothing stands among the prices"
    report = (out / "report.html").read_text()
    assert "What each fault is worth" in report
    assert "What was not looked for" in report
    rows = pd.read_csv(out / "findings.csv")
    assert list(rows["code"]) == [f["code"] for f in findings]


def test_predictions_alone_and_beside_a_table(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    truth = pd.read_csv(table)["emotion"]
    frames = [
        pd.DataFrame(
            {
                "row": np.arange(160) + 2,
                "truth": truth,
                "prediction": rng.choice(["joy", "fear"], 160),
                "layer": k,
            }
        )
        for k in range(40)
    ]
    path = tmp_path / "p.csv"
    pd.concat(frames).to_csv(path, index=False)
    assert run("--predictions", str(path), "--fail-on", "low", "--out", str(tmp_path / "o")) == 3
    assert "AFX010 chosen_on_test" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "o" / "manifest.json").read_text())
    assert list(manifest["inputs"]) == ["predictions"]
    assert run(str(table), "--target", "emotion", "--predictions", str(path), "--json") == 0
    result = json.loads(capsys.readouterr().out)
    chosen = next(f for f in result["findings"] if f["code"] == "AFX010")
    assert chosen["cost"]["over"] == "20 film"
    assert result["not_looked_for"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name what is to be audited: a table, a folder, or --predictions FILE"),
        (["{table}"], "name the column that will be decoded by --target"),
        (["--predictions", "{table}"], "needs a column id (or row) and a column truth beside its"),
        (["{table}", "--target", "emotion", "--corpora", "no.toml"], "can't read no.toml: No such"),
        (["--predictions", "no.csv"], "no.csv"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    arguments: list[str], message: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*(a.format(table=table) for a in arguments)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
