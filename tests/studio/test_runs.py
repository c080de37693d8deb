import json
import os
import sys
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from affectome.cli.running import progress_bar
from affectome.errors import InputError
from affectome.studio.app import create_app
from affectome.studio.runs import RECORD, Runs
from affectome.studio.settings import make_settings

STAND_IN = """
import json, os, pathlib, signal, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
steps = os.environ["AFFECTOME_PROGRESS"]
for k in range(1 if (out / "half").exists() else 3):
    with open(steps, "a") as stream:
        stream.write(json.dumps({"step": "work", "done": k + 1, "total": 3}) + "\\n")
    time.sleep(float(os.environ.get("STEP_S", "0.05")))
    (out / "half").write_text("x")
if "--target=bad" in sys.argv:
    sys.exit("affectome: there is no column 'bad'")
(out / "report.html").write_text("<title>Done &amp; well</title>")
(out / "result.json").write_text(json.dumps(sys.argv[1:]))
sys.exit(1 if "--target=some" in sys.argv else 0)
"""


@pytest.fixture
def program(tmp_path):
    """A program that does what a command does, in a tenth of a second."""
    file = tmp_path / "stand_in.py"
    file.write_text(STAND_IN)
    return (sys.executable, str(file))


@pytest.fixture
def runs(folder, program):
    (folder / "pictures").mkdir()
    made = Runs((folder,), program)
    yield made
    made.close()


def ended(runs, run, seconds=4):
    for _ in range(50 * seconds):
        found = runs.one(run.id)
        if found.state != "running":
            return found
        time.sleep(0.02)
    raise AssertionError("it does not end")


def test_a_command_is_started_followed_and_listed(runs, folder):
    run = runs.start("audit", 0, "pictures", {"target": "emotion", "group": ""})
    assert run.state == "running"
    found = ended(runs, run)
    assert (found.state, found.title, found.command) == ("done", "Done & well", "audit")
    words = json.loads(runs.file(run.id, "result.json").read_text())
    assert words[:3] == ["audit", str(folder / "pictures"), "--target=emotion"]
    assert [one.id for one in runs.all()] == [run.id]
    assert not found.resumable


@pytest.mark.parametrize(("target", "state"), [("bad", "failed"), ("some", "partly")])
def test_how_it_ended_is_kept(runs, target, state):
    found = ended(runs, runs.start("audit", 0, "pictures", {"target": target}))
    assert found.state == state
    if state == "failed":
        assert found.message == "affectome: there is no column 'bad'"
    again = Runs(runs.folders)
    assert again.one(found.id).state == state


def test_a_cancelled_run_goes_on_in_its_folder(runs, monkeypatch):
    monkeypatch.setenv("STEP_S", "30")
    run = runs.start("audit", 0, "pictures", {})
    for _ in range(100):
        if runs.one(run.id).total:
            break
        time.sleep(0.02)
    assert (runs.one(run.id).step, runs.one(run.id).done) == ("work", 1)
    runs.cancel(run.id)
    found = ended(runs, run)
    assert (found.state, found.resumable) == ("cancelled", True)
    (run.folder / "half").write_text("x")
    monkeypatch.setenv("STEP_S", "0")
    assert ended(runs, runs.resume(run.id)).state == "done"
    assert [one.id for one in runs.all()] == [run.id]
    with pytest.raises(InputError, match="can't be continued from here"):
        runs.resume(run.id)


def test_a_run_whose_studio_was_killed_is_unfinished(runs, folder):
    run = ended(runs, runs.start("audit", 0, "pictures", {}))
    (run.folder / "result.json").unlink()
    record = json.loads((run.folder / RECORD).read_text())
    (run.folder / RECORD).write_text(json.dumps({**record, "state": "running"}))
    found = Runs((folder,)).one(run.id)
    assert (found.state, found.resumable) == ("unfinished", True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("demo", 0, "pictures", {}), "what can be started is read, audit, emergence; got 'demo'"),
        (("audit", 3, "pictures", {}), "there are 1 folders; got number 3"),
        (("audit", -1, "pictures", {}), "there are 1 folders"),
        (("audit", 0, "gone", {}), "there is no 'gone' in folder"),
        (("audit", 0, "..", {}), "there is no '..' in folder"),
        (("audit", 0, "/etc", {}), "there is no '/etc' in folder"),
        (("audit", 0, "link", {}), "there is no 'link' in folder"),
        (("audit", 0, "a\x00b", {}), "there is no"),
        (("audit", 0, "x" * 9999, {}), "there is no"),
        (("audit", 0, "pictures", {"predictions": "/etc"}), "audit takes target, group; got"),
        (("audit", 0, "pictures", {"target": "a\nb"}), "target is longer than 200"),
        (("emergence", 0, "pictures", {"network": "evil.py:f"}), "network is one of alexnet"),
    ],
)
def test_what_may_not_be_started(runs, folder, given, message):
    (folder / "link").symlink_to("/etc")
    with pytest.raises(InputError, match=message):
        runs.start(*given)


def test_a_planted_record_starts_nothing_of_its_own(runs, folder):
    planted = folder / "planted"
    planted.mkdir()
    record = {"command": "emergence", "source": "pictures", "state": "cancelled"}
    record["options"] = {"network": "evil.py:factory"}
    (planted / RECORD).write_text(json.dumps(record))
    run = next(one for one in runs.all() if one.name == "planted")
    with pytest.raises(InputError, match="network is one of alexnet"):
        runs.resume(run.id)


def test_no_more_than_two_run_at_a_time(runs, monkeypatch):
    monkeypatch.setenv("STEP_S", "30")
    for _ in range(2):
        runs.start("audit", 0, "pictures", {})
    with pytest.raises(InputError, match="2 commands run already"):
        runs.start("audit", 0, "pictures", {})


@pytest.mark.slow
def test_real_commands_take_the_folder_that_was_made_for_them(folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))
    rows = [f"s{k},{'joy' if k % 2 else 'anger'},I am glad {k}\n" for k in range(12)]
    (folder / "t.csv").write_text("subject,emotion,said\n" + "".join(rows))
    runs = Runs((folder,))
    try:
        begun = [
            runs.start("audit", 0, "t.csv", {"target": "emotion"}),
            runs.start("read", 0, "t.csv", {"modality": "words", "column": "said"}),
        ]
        for run in begun:
            found = ended(runs, run, seconds=120)
            assert found.state == "done", found.message
            assert runs.file(run.id, "result.json").is_file()
    finally:
        runs.close()


@pytest.fixture
def served(folder, program):
    (folder / "pictures").mkdir()
    app = create_app(make_settings((folder,)), program=program)
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


def test_progress_comes_as_events(served):
    body = {"command": "audit", "source": "pictures"}
    run = served.post("/runs", json=body).json()
    text = served.get(f"/runs/{run['id']}/events").text
    states = [json.loads(line[6:]) for line in text.splitlines() if line]
    assert states[0]["state"] == "running"
    assert states[-1]["state"] == "done"
    assert "folder" not in states[-1]
    listed = served.get("/runs").json()
    assert [one["id"] for one in listed["runs"]] == [run["id"]]
    assert listed["folders"] == [{"number": 0, "name": "folder"}]
    report = served.get(f"/runs/{run['id']}/report")
    assert report.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert served.get(f"/runs/{run['id']}/result").json()[0] == "audit"
    assert served.post(f"/runs/{run['id']}/cancel").status_code == 422


@pytest.mark.parametrize(
    "run", ["0/../../etc", "MC8uLi8uLi9ldGM", "MC8uLg", "OTkvLg", "LTEvLg", "!!", "%00", "4pyT"]
)
def test_no_run_is_found_outside_the_folders(served, run):
    for path in ("", "/report", "/result", "/events"):
        assert served.get(f"/runs/{run}{path}").status_code in {404, 422}


def test_a_report_that_links_out_of_its_folder_is_not_shown(served, folder, tmp_path):
    (tmp_path / "secret.html").write_text("<title>secret</title>")
    run = folder / "run"
    run.mkdir()
    (run / "result.json").write_text("{}")
    (run / "report.html").symlink_to(tmp_path / "secret.html")
    (found,) = served.get("/runs").json()["runs"]
    assert served.get(f"/runs/{found['id']}/report").status_code == 422
    assert found["title"] == ""


def test_broken_runs_do_not_hide_the_others(runs, folder):
    for name, record in (("list", "[1]"), ("cut", "{"), ("options", '{"options": 5, "state": 3}')):
        (folder / name).mkdir()
        (folder / name / RECORD).write_text(record)
        (folder / name / "result.json").write_bytes(b"\xff{")
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "report.html")
    (folder / "pipe" / "result.json").write_text("{}")
    found = {one.name: one for one in runs.all()}
    assert set(found) == {"list", "cut", "options", "pipe"}
    with pytest.raises(InputError, match="can't be continued from here"):
        runs.resume(found["options"].id)


def test_a_folder_that_is_a_run_shows_the_runs_started_in_it(runs, folder):
    (folder / "result.json").write_text("{}")
    run = ended(runs, runs.start("audit", 0, "pictures", {}))
    assert {one.id for one in runs.all()} > {run.id}


def test_a_hundred_runs_are_listed_in_less_than_a_second(served, folder):
    for k in range(100):
        run = folder / f"group {k % 5}" / f"run {k}"
        run.mkdir(parents=True)
        (run / "manifest.json").write_text('{\n  "schema": 1,\n  "command": "study emergence",\n')
        (run / "report.html").write_text(f"<title>Run {k}</title>" + "x" * 100_000)
        (run / "result.json").write_text(json.dumps({"x": [0.5] * 20_000}))
    begun = time.process_time()
    found = served.get("/runs").json()["runs"]
    assert time.process_time() - begun < 1
    assert len(found) == 100
    assert {one["command"] for one in found} == {"study emergence"}
    assert {one["title"] for one in found} == {f"Run {k}" for k in range(100)}


def test_a_command_tells_its_progress_to_whoever_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOME_PROGRESS", str(tmp_path / "steps"))
    with progress_bar() as progress:
        for k in range(1, 1001):
            progress("responses", k, 1000)
    lines = [json.loads(line) for line in (tmp_path / "steps").read_text().splitlines()]
    assert lines[0] == {"step": "responses", "done": 1, "total": 1000}
    assert lines[-1] == {"step": "responses", "done": 1000, "total": 1000}
    assert len(lines) < 100
    assert os.environ["AFFECTOME_PROGRESS"]
