"""Plans: sums of steps in words, refusals with both numbers, rates that are measured once."""

import json

import numpy as np
import pytest
from PIL import Image

from affectome.errors import InputError
from affectome.execution import plan, rates
from affectome.execution.plan import Plan, Step, duration, size
from affectome.networks import load_network
from affectome.networks.network import untrained
from affectome.networks.planning import plan_activations, share_above

TWO = Plan((Step("decode", 30.0, 1e9, read=5e9), Step("network", 90.0, 2e9, disk=3e6)), ("nulls",))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOME_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rates.json"


def test_the_line_and_the_table():
    assert TWO.line == (
        "about 2.0 min, 2.0 GB of memory, 3.0 MB of disk, 5.0 GB to read, without nulls"
    )
    assert TWO.table == (
        "step        time  memory    disk    read\n"
        "decode      30 s  1.0 GB       0  5.0 GB\n"
        "network     90 s  2.0 GB  3.0 MB       0\n"
        "in all   2.0 min  2.0 GB  3.0 MB  5.0 GB\n"
        "not counted: nulls\n"
    )
    assert TWO.to_dict()["whole"]["seconds"] == 120


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0.2, "1 s"), (1.26, "1.3 s"), (99, "99 s"), (119.9, "120 s"), (720, "12 min")),
        *((7199, "120 min"), (27_000, "7.5 h"), (268_000, "3.1 d"), (1e9, "12000 d")),
    ],
)
def test_times_in_words(seconds, words):
    assert duration(seconds) == words


def test_sizes_in_words():
    words = [size(n) for n in (0, 1200, 999_999, 1.44e9, 2e12, 996_000_000)]
    assert words == ["0", "1.2 kB", "1.0 MB", "1.4 GB", "2.0 TB", "1.0 GB"]


def test_what_can_not_fit_is_refused_with_both_numbers(tmp_path, monkeypatch):
    TWO.check(tmp_path / "not" / "there")
    with pytest.raises(InputError, match=r"the step 'big' needs about 1e\+06 GB of memory, but .*"):
        Plan((Step("big", 1.0, 1e15),)).check(tmp_path)
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda place: type("", (), {"free": 2e6}))
    says = r"writes about 3\.0 MB to .*run, but 2\.0 MB are free there; give another --out"
    with pytest.raises(InputError, match=says):
        TWO.check(tmp_path / "run")


def test_a_rate_is_measured_once_for_a_machine_and_its_jobs(cache):
    asked = []

    def measure(n_jobs):
        asked.append(n_jobs)
        return {"seconds": 0.5}

    for jobs in (1, 1, 2):
        assert rates.rate("work", measure, jobs) == {"seconds": 0.5}
    assert asked == [1, 2]
    assert rates.machine() in next(iter(json.loads(cache.read_text())))
    cache.write_text("{damaged")
    assert rates.rate("work", measure, 1) == {"seconds": 0.5}
    assert asked == [1, 2, 1]


def test_some_of_many_files_are_timed(tmp_path):
    files = []
    for k in range(100):
        files.append(tmp_path / f"{k}")
        files[-1].write_bytes(b"x" * 1000)
    seen = []
    _, read = rates.sampled(seen.append, files, 1)
    assert len(seen) == 15
    assert read == 100_000
    assert rates.sampled(seen.append, [], 1)[1] == 0


def test_a_pass_grows_with_the_pictures(tmp_path):
    Image.effect_noise((300, 200), 80).convert("RGB").save(tmp_path / "a.jpg")
    network = load_network("alexnet", "untrained")
    few, many = (
        plan_activations(network, [tmp_path / "a.jpg"] * n, precision="float32", n_jobs=1)
        for n in (20, 200)
    )
    assert many[1].seconds == pytest.approx(10 * few[1].seconds)
    assert many[1].disk == 10 * few[1].disk == 200 * 2 * 4 * 1152
    assert many[0].read == 200 * (tmp_path / "a.jpg").stat().st_size
    assert few[1].memory == many[1].memory > 550e6


def test_what_is_left_above_a_layer():
    network = load_network("alexnet", "untrained")
    left = share_above(network)
    # Multiplications of AlexNet's five convolutions, one tower, on 224 x 224 pixels, by hand.
    counts = np.array([70.28, 223.95, 112.14, 149.52, 99.68])
    want = [counts[2:].sum(), counts[3:].sum(), counts[4:].sum(), 0, 0] / counts.sum()
    np.testing.assert_allclose(list(left.values()), want, rtol=2e-3)
    assert list(left) == list(untrained(network, 0).layers)


@pytest.mark.slow
def test_the_command_only_plans(tmp_path, run):
    rng = np.random.default_rng(0)
    (tmp_path / "album").mkdir()
    for k in range(3):
        pixels = rng.integers(0, 255, (60, 80, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "album" / f"{k}.png")
    code, told, _ = run("screen", tmp_path / "album", "--out", tmp_path / "run", "--plan")
    assert code == 0
    assert [line.split("  ")[0] for line in told.splitlines()] == [
        *("step", "decode the pictures", "networks", "in all")
    ]
    assert not (tmp_path / "run").exists()
    code, told, _ = run(
        *("screen", tmp_path / "album", "--out", tmp_path / "run", "--plan", "--json")
    )
    assert json.loads(told)["whole"]["read"] > 0
    code, _, told = run("screen", tmp_path / "album", "--out", tmp_path / "run")
    assert told.startswith("plan: about ")
