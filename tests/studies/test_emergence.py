"""The emergence study end to end, on pictures and a network small enough for seconds."""

import json
import re
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from torch import nn

from affectome.cli.app import main
from affectome.data import make_recording, read_catalog, to_json, trial_table
from affectome.errors import InputError
from affectome.evidence import make_split
from affectome.networks import network as networks
from affectome.networks._stage import convolution
from affectome.studies import emergence
from affectome.studies.emergence.readout import PENALTIES, STATISTICS_PENALTIES, read
from affectome.studies.emergence.report import emergence_page
from affectome.studies.emergence.second_set import part

CLASSES = ("neutral", "pleasant", "unpleasant")
QUICK = {"weights": "untrained", "n_untrained": 2, "n_permutations": 60, "n_manipulated": 6}


def tiny():
    return nn.Sequential(
        OrderedDict(
            conv1=convolution(3, 12, kernel=8, stride=8),
            pool1=nn.MaxPool2d(2),
            conv2=convolution(12, 16, kernel=3, stride=2),
            conv3=convolution(16, 16, kernel=3),
        )
    )


def words_of(found):
    """What the report says above its figures."""
    page = emergence_page(found.to_dict(), found.units, found.curves, found.drivers, {})
    return " ".join([page.answer, *(section.text for section in page.sections)])


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch):
    monkeypatch.setitem(networks.BUILDERS, "tiny", tiny)


def draw(path, kind, rng, mode="RGB"):
    """Pleasant pictures are striped, unpleasant ones checked, neutral ones plain; all are noisy."""
    y, x = np.mgrid[:64, :64] // 8 % 2
    pattern = {"neutral": 0 * x, "pleasant": x, "unpleasant": x ^ y}[kind]
    grey = 90 + 60 * pattern + rng.normal(0, 30, (64, 64))
    pixels = np.clip(grey[..., None] + rng.normal(0, 15, 3), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def make_folder(folder, n=48, classes=CLASSES, mode="RGB", seed=0):
    """A folder of pictures with a table that names their class, ratings and theme."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    rows = []
    for i in range(n):
        kind = classes[i % len(classes)]
        draw(folder / f"{i:03d} é.png", kind, rng, mode)
        level = CLASSES.index(kind) + rng.normal(0, 0.3)
        rows.append((f"{i:03d} é.png", kind, level, rng.normal(), f"theme {i // 4}"))
    table = pd.DataFrame(rows, columns=["file_name", "emotion", "valence", "arousal", "group"])
    table.to_csv(folder / "metadata.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("study") / "pictures")


def edit(folder, change):
    table = pd.read_csv(folder / "metadata.csv")
    change(table).to_csv(folder / "metadata.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def result(pictures):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(networks.BUILDERS, "tiny", tiny)
        return emergence.run(read_catalog(pictures), "tiny", **QUICK)


def claims(part):
    """All dicts that hold a p."""
    if isinstance(part, dict):
        if "p" in part:
            yield part
        for one in part.values():
            yield from claims(one)
    elif isinstance(part, list):
        for one in part:
            yield from claims(one)


def test_the_result_has_the_shape_of_schema_2(result):
    found = json.loads(to_json(result.to_dict()))
    assert (found["schema"], found["command"], found["trials"]) == (3, "study emergence", 48)
    assert found["classes"] == {"neutral": 16, "pleasant": 16, "unpleasant": 16}
    assert found["split"]["kind"] == "group"
    assert found["split"]["by"] == ["group"]
    assert found["network"]["weights"] == "untrained, random_state 0"
    assert found["compared"] == "halves"
    assert found["selectivity"]["null"]["n_groups"] == 12
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "conv2", "conv3"]
    for layer in found["layers"]:
        assert layer["selective_share"] == pytest.approx(layer["selective"] / layer["units"])
        assert {"selective_share", "median_index", "shared"} <= set(layer["untrained"])
        assert {"shared", "expected", "p", "q"} < set(layer["overlap"])
        assert set(layer["decoding"]) == {"balanced_accuracy", "macro_auc"}
        assert set(layer["lesion"]) == {"frozen", "refitted"}
    decoding = found["decoding"]
    assert decoding["held_out"] == "held out: 12 stimuli (group)"
    assert {"r2", "image_statistics"}.isdisjoint(decoding["valence"])
    assert {"pearson_r", "baselines", "excess"} <= set(decoding["valence"])
    names = {"majority", "image_statistics", "untrained", "random_split"}
    assert names == set(decoding["baselines"])
    assert decoding["baselines"]["majority"]["score"] == pytest.approx(1 / 3)
    assert found["skipped"] == []


def test_every_p_stands_beside_its_null_and_every_interval_beside_what_it_is_over(result):
    found = json.loads(to_json(result.to_dict()))
    told = list(claims(found))
    assert len(told) > 20
    for one in told:
        if one["p"] is None:
            assert one["why"].startswith("no p, because")
        else:
            assert {"scheme", "n_groups", "n_arrangements", "correction"} == set(one["null"])
            assert one["q"] >= one["p"] - 1e-12
        assert not one.get("interval") or one["over"]


def test_planted_classes_are_found_and_noise_is_not(result):
    reading = result.decoding
    accuracy = reading.emotion.scores["balanced_accuracy"]
    assert accuracy.value > 0.8
    assert accuracy.p <= 0.05
    assert reading.ratings["valence"].scores["pearson_r"].value > 0.6
    assert abs(reading.ratings["arousal"].scores["pearson_r"].value) < 0.5
    assert sum(layer.selective for layer in result.layers) > 15


def test_image_statistics_have_penalties_of_their_own(pictures):
    """What a rating owes to one of ten statistics is read, whatever the network's penalties."""
    recording, statistics = noise_and_statistics()
    split = make_split(trial_table(recording), recording["valence"].values, "theme")
    quick = {"n_permutations": 0, "n_bootstrap": 0}
    own = read(statistics, "valence", split, penalties=STATISTICS_PENALTIES, **quick)
    assert own.score.value > 0.5
    shrunk = read(statistics, "valence", split, penalties=[4000 * a for a in PENALTIES], **quick)
    assert own.score.value > shrunk.score.value


def noise_and_statistics(n=120):
    rng = np.random.default_rng(0)
    statistics = rng.normal(size=(n, 10))
    valence = statistics[:, 0] + statistics[:, 1] ** 3 / 4 + rng.normal(size=n)
    trials = pd.DataFrame({"theme": [f"t{i // 4}" for i in range(n)], "valence": valence})
    units = pd.DataFrame({"statistic": range(10)})
    noise = make_recording(rng.normal(size=(n, 10)), trials, units)
    return noise, make_recording(statistics, trials, units)


def test_every_manipulated_layer_has_its_random_draws_and_one_ranking(result):
    done = [layer for layer in result.layers if layer.lesion_kept]
    assert done
    for layer in done:
        down, up = layer.lesion_kept, layer.enhancement
        assert down.units == up.units == layer.lesion_refitted.units
        assert len(down.units) == max(1, layer.units // 10)
        assert down.base == up.base
        draws = result.random.query("layer == @layer.name and kind == 'lesion, decoder kept'")
        assert len(draws) == 20
        assert down.random.mean() == pytest.approx(draws["score"].mean())
        below = int(np.sum(down.random <= down.score + 1e-9))
        assert down.p is None or down.p == (1 + below) / 21
        curve = result.curves[result.curves["layer"] == layer.name]
        assert curve["gain"].tolist() == [0, 1, 2, 4]
        assert curve[["random_mean", "random_low", "random_high"]].notna().all(axis=None)
        assert up.gain == curve["gain"].iloc[curve["score"].argmax()]


def test_a_killed_run_goes_on_and_ends_with_the_same_numbers(pictures, result, tmp_path):
    first = emergence.run(read_catalog(pictures), "tiny", folder=tmp_path, **QUICK)
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert sum(name.endswith(".zarr") for name in kept) == 2
    answers = sorted(tmp_path.glob("manipulated-*/*/*.shard"))
    assert len(answers) == 6
    answers[-1].unlink()
    before = answers[0].stat().st_mtime_ns
    again = emergence.run(read_catalog(pictures), "tiny", folder=tmp_path, **QUICK)
    assert answers[0].stat().st_mtime_ns == before
    assert to_json(again.to_dict()) == to_json(first.to_dict()) == to_json(result.to_dict())


def test_the_tables_hold_every_unit_and_picture(result):
    units = result.units
    assert len(units) == 12 + 16 + 16
    columns = {"layer", "unit", "F", "q", "selective", "preferred", "index", "shared"}
    assert columns | {f"{m}_{c}" for m in ("mean", "sem") for c in CLASSES} <= set(units.columns)
    assert len(result.predictions) == 48
    assert result.predictions["predicted valence"].notna().all()
    assert set(result.untrained["seed"]) == {0, 1}
    assert result.drivers
    for driver in result.drivers:
        row = units[(units["layer"] == driver.layer) & (units["unit"] == driver.unit)].iloc[0]
        assert row["selective"]
        assert row["preferred"] == driver.preferred
        assert len(driver.most) == len(driver.least) == 5


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(pictures, result):
    again = emergence.run(read_catalog(pictures), "tiny", **QUICK)
    assert to_json(again.to_dict()) == to_json(result.to_dict())
    pd.testing.assert_frame_equal(again.units, result.units)


def test_no_group_is_on_both_sides_of_a_fold(result, pictures):
    groups = read_catalog(pictures).table["group"].to_numpy()
    for train, test in result.split:
        assert not set(groups[train]) & set(groups[test])


def test_two_classes_in_grey_with_labels_only_need_a_random_split_and_say_so(tmp_path):
    folder = tmp_path / "pictures"
    rng = np.random.default_rng(1)
    for kind in ("pleasant", "unpleasant"):
        (folder / kind).mkdir(parents=True)
        for i in range(20):
            draw(folder / kind / f"{i}.png", kind, rng, mode="L")
    catalog = read_catalog(folder)
    with pytest.raises(InputError, match="--group COL, or ask for --split random"):
        emergence.run(catalog, "tiny", **QUICK)
    found = emergence.run(catalog, "tiny", holdout="random", **QUICK)
    assert found.split.random
    assert found.to_dict()["split"]["kind"] == "random"
    assert any("the split is random" in w for w in found.warnings)
    assert found.decoding.emotion.scores["balanced_accuracy"].value > 0.8
    assert "valence" not in found.decoding.ratings


def test_without_labels_thirds_of_valence_are_the_classes(tmp_path):
    folder = edit(make_folder(tmp_path / "p"), lambda t: t.drop(columns="emotion"))
    edit(folder, lambda t: t.assign(valence=t["valence"].mask(t.index == 3)))
    found = emergence.run(read_catalog(folder), "tiny", **QUICK | {"n_manipulated": 0})
    assert dict(found.classes) == {"neutral": 15, "pleasant": 16, "unpleasant": 16}
    assert any("classes are thirds of valence: unpleasant below" in w for w in found.warnings)
    assert [(s.file[-9:], s.why) for s in found.skipped] == [
        ("003 é.png", "no valence in this row")
    ]
    assert all(layer.lesion_kept is None for layer in found.layers)
    assert "ilenc" not in words_of(found)
    assert any("lesions and enhancements were left out" in w for w in found.warnings)


@pytest.mark.slow
def test_a_rating_that_some_pictures_lack_is_read_from_the_others(tmp_path):
    folder = edit(
        make_folder(tmp_path / "p"), lambda t: t.assign(arousal=t["valence"].mask(t.index < 8))
    )
    found = emergence.run(read_catalog(folder), "tiny", **QUICK | {"n_manipulated": 0})
    missing = found.predictions.set_index("trial")["predicted arousal"].isna()
    assert missing[missing].index.tolist() == list(range(8))
    assert found.decoding.ratings["arousal"].scores["pearson_r"].value > 0.5


@pytest.mark.slow
def test_a_second_set_is_compared_and_must_have_the_same_classes(tmp_path, pictures):
    def other_themes(table):
        return table.assign(group="other " + table["group"])

    second = read_catalog(edit(make_folder(tmp_path / "again", seed=5), other_themes))
    quick = QUICK | {"n_manipulated": 0}
    found = emergence.run(read_catalog(pictures), "tiny", catalog2=second, **quick)
    assert any(w.endswith("compares 48 pictures with 48 of a second set") for w in found.warnings)
    assert found.compared == "second set"
    shared = sum(layer.overlap.shared for layer in found.layers)
    assert shared == found.units["shared"].sum() > 0
    assert "in a second set of pictures" in words_of(found)
    other = read_catalog(make_folder(tmp_path / "other", classes=CLASSES[:2]))
    with pytest.raises(InputError, match="has the classes neutral, pleasant, but the first set"):
        emergence.run(read_catalog(pictures), "tiny", catalog2=other, **quick)


def test_stimuli_of_both_sets_are_dealt_so_that_none_is_in_both():
    first = pd.DataFrame(
        {
            "emotion": np.repeat(CLASSES, 8),
            "group": [f"face {i // 2}" for i in range(24)],
            "stimulus": [f"drawing {i}" for i in range(24)],
            "picture": [f"colour {i}" for i in range(24)],
        }
    )
    second = first.assign(picture=[f"line {i}" for i in range(24)])
    (rows, again), said = part(first, second, 0)
    assert set(first["group"].iloc[rows]).isdisjoint(second["group"].iloc[again])
    assert len(rows) + len(again) == 24
    assert set(first["emotion"].iloc[rows]) == set(second["emotion"].iloc[again]) == set(CLASSES)
    assert said == "; 12 values of group are in both and were dealt, half to either set"
    copies = first.assign(group=[f"g{i}" for i in range(24)], stimulus=[f"s{i}" for i in range(24)])
    assert "24 pictures are in both" in part(first, copies, 0)[1]
    with pytest.raises(InputError, match="a class is left without two of its own"):
        part(first[first["group"].isin(["face 0", "face 4", "face 8"])], second, 0)


def only_one(table):
    return table.assign(emotion="pleasant")


def one_theme(table):
    return table.assign(group="all")


def rare(table):
    return table.assign(emotion=np.where(table.index < 3, "awe", table["emotion"]))


def no_labels(table):
    return table.drop(columns=["emotion", "valence"])


def no_files(table):
    return table.rename(columns={"file_name": "thing"})


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (only_one, {}, r"has one class only \(pleasant, 48 pictures\)"),
        (one_theme, {}, "name no group, theme, subject or stimulus to hold out by"),
        (rare, {"holdout": "random"}, "the smallest class has 3 trials, fewer than 5 folds"),
        (rare, {}, "the class awe has 3 trials, all held out at once"),
        (no_labels, {}, "has neither labels nor a rating of valence"),
        (no_files, {}, "names no picture files; name their column with --file COL"),
        (None, {"holdout": "subject"}, "holdout is one of group, random; got 'subject'"),
        (None, {"n_untrained": 0}, "at least one untrained network is compared; got 0"),
        (None, {"n_random": 5}, "at least 20 draws; got 5"),
        (None, {"n_manipulated": -4}, "is 0 or more; got -4"),
        (None, {"n_permutations": 0}, "takes at least 20 permutations; got 0"),
        (None, {"random_state": -1}, "the seed is 0 or more; got -1"),
        (None, {"precision": "int8"}, "precision is one of auto"),
    ],
)
def test_what_can_not_be_studied_is_said_in_one_line(tmp_path, change, settings, message):
    folder = make_folder(tmp_path / "p")
    if change is not None:
        edit(folder, change)
    with pytest.raises(InputError, match=message) as caught:
        emergence.run(read_catalog(folder), "tiny", **QUICK | settings)
    assert "\n" not in str(caught.value)


COMMAND = [
    *("study", "emergence", "--network", "tiny", "--weights", "untrained"),
    *("--untrained", "1", "--permutations", "40"),
]


def run_command(*arguments):
    try:
        main([*COMMAND, *map(str, arguments)])
    except SystemExit as status:
        return int(status.code or 0)
    return 0


def test_the_command_writes_everything_and_reports_bad_pictures(tmp_path, capsys):
    folder = make_folder(tmp_path / "p")
    whole = (folder / "001 é.png").read_bytes()
    (folder / "000 é.png").write_bytes(b"")
    (folder / "001 é.png").write_bytes(whole[: len(whole) // 2])
    (folder / "002 é.png").write_text("not a picture")
    edit(folder, lambda t: pd.concat([t, t.iloc[[9]]]))
    out = tmp_path / "run"
    assert run_command(folder, "--out", out, "--manipulated", 6, "--json") == 1
    captured = capsys.readouterr()
    printed = json.loads(captured.out)
    written = json.loads((out / "result.json").read_text())
    assert printed == written
    assert written["trials"] == 45
    why = {item["file"][-9:]: item["why"] for item in written["skipped"]}
    assert "is empty (0 bytes)" in why["000 é.png"]
    assert "can't read" in why["001 é.png"]
    assert "is not a picture" in why["002 é.png"]
    assert "listed twice: rows 11 and 50" in why["009 é.png"]
    assert "skipped" in captured.err
    tables = {"units", "curves", "random_draws", "untrained", "predictions"}
    names = {"manifest.json", "report.html", "figures", *(f"{t}.csv" for t in tables)}
    assert "nan" not in re.findall(r">([^<]*)<", (out / "report.html").read_text())
    assert names <= {p.name for p in out.iterdir()}
    assert not re.search(r"""(src|href)=["']https?:""", (out / "report.html").read_text())
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["command"] == "study emergence"
    assert manifest["inputs"]["pictures 1"]["n_files"] == 48
    assert manifest["settings"]["n_manipulated"] == 6
    assert manifest["settings"]["weights"] == "untrained"
    assert manifest["settings"]["cut"] is None


def test_the_command_names_columns_and_cuts_classes(tmp_path):
    folder = edit(
        make_folder(tmp_path / "p"),
        lambda t: t.rename(columns={"file_name": "photo", "valence": "V", "group": "scene"}).drop(
            columns=["emotion", "arousal"]
        ),
    )
    (folder / "metadata.csv").rename(folder / "table.tsv")
    table = pd.read_csv(folder / "table.tsv")
    table.to_csv(folder / "table.tsv", sep="\t", index=False)
    options = ["--file", "photo", "--rating", "valence=V", "--group", "scene", "--cut", "0.5,1.5"]
    out = tmp_path / "run"
    assert run_command(folder / "table.tsv", "--out", out, "--manipulated", 0, *options) == 0
    found = json.loads((out / "result.json").read_text())
    assert sum(found["classes"].values()) == 48
    assert "cut from valence: unpleasant below 0.5, pleasant from 1.5" in found["warnings"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rating", "valence=V.Mean"], "has no column 'V.Mean'; it has file_name, emotion"),
        (["--rating", "valence=emotion"], "the rating column 'emotion' holds 'neutral' in row 2"),
        (["--label", "mood"], "has no column 'mood'"),
        (["--cut", "a,b"], "--cut takes two numbers such as 3.5,5.0; got 'a,b'"),
        (
            ["--network", "resnet"],
            "there is no network 'resnet'; did you mean 'emonet' or 'alexnet'?",
        ),
        (["--stimuli2", "/nowhere"], "there is no file or folder /nowhere"),
    ],
)
def test_a_wrong_option_is_one_line_and_leaves_no_result(tmp_path, capsys, options, message):
    folder, out = make_folder(tmp_path / "p", n=12), tmp_path / "run"
    assert run_command(folder, "--out", out, *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (out / "result.json").exists()


def test_an_older_result_does_not_outlive_a_run_that_fails(tmp_path, capsys):
    folder, out = edit(make_folder(tmp_path / "p", n=12), only_one), tmp_path / "run"
    out.mkdir()
    (out / "manifest.json").write_text('{"files": ["result.json"]}')
    (out / "result.json").write_text("{}")
    assert run_command(folder, "--out", out) == 2
    assert "holds the results of another run" in capsys.readouterr().err
    assert run_command(folder, "--out", out, "--overwrite") == 2
    assert "one class only" in capsys.readouterr().err
    assert not (out / "result.json").exists()


def test_a_handful_of_pictures_gives_a_report_without_what_it_can_not_carry(tmp_path):
    folder, out = make_folder(tmp_path / "p", n=9), tmp_path / "run"
    assert run_command(folder, "--out", out, "--holdout", "random", "--folds", 3) == 0
    found = json.loads((out / "result.json").read_text())
    assert found["split"]["folds"] == 3
    for layer in found["layers"]:
        assert layer["overlap"] is layer["lesion"] is layer["given_image_statistics"] is None
    report = (out / "report.html").read_text()
    assert "Do the same filters stand out again" not in report
    assert "Silencing and turning up" not in report
    notes = " ".join(found["warnings"])
    assert "no halves to compare" in notes
    assert "no lesions or enhancements" in notes


OWN = """
import torch
from torch import nn


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.near = nn.Conv2d(3, 12, 8, stride=8)
        self.far = nn.Conv2d(12, 16, 3, stride=2)

    def forward(self, x):
        return torch.tanh(self.far(torch.relu(self.near(x)))).mean((2, 3))


def make():
    torch.manual_seed(0)
    return Own()
"""


def test_a_network_of_the_users_own_from_a_file_end_to_end(pictures, tmp_path):
    (tmp_path / "own_network.py").write_text(OWN)
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("study", "emergence", str(pictures), "--out", str(out)),
                *("--network", f"{tmp_path}/own_network.py:make", "--preprocessing", "side=64"),
                *("--untrained", "1", "--permutations", "60", "--manipulated", "6"),
            ]
        )
    assert ended.value.code == 0
    found = json.loads((out / "result.json").read_text())
    assert found["network"]["name"] == "make"
    assert found["network"]["preprocessing"].startswith("largest central square to 64 × 64")
    assert [(layer["name"], layer["units"]) for layer in found["layers"]] == [
        ("near", 12),
        ("far", 16),
    ]
    assert found["decoding"]["held_out"] == "held out: 12 stimuli (group)"
    units = pd.read_csv(out / "units.csv")
    assert set(units["layer"]) == {"near", "far"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["settings"]["preprocessing"] == "side=64"
    assert "own_network.py:make" in found["network"]["weights"]
    assert "Emergence · make" in (out / "report.html").read_text()
