"""Voxels get a map on disk and in the report: the right values at the right places, offline."""

import re
import socket
from base64 import b64decode
from io import BytesIO

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.feature_selection import f_classif

from affectome.cli import main
from affectome.errors import InputError
from affectome.reports.brain_maps import are_voxels, brain_map, write_maps
from affectome.studies.neural_code.figures import state_graph
from affectome.studies.neural_code.report_carriers import states

N = 24
LABELS = np.array(["fear", "joy"] * (N // 2))
AFFINE = np.array([[-12.0, 0, 0, 30], [0, 12, 0, -40], [0, 0, 12, -20], [0, 0, 0, 1]])
SHAPE = (6, 5, 4)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*_):
        raise AssertionError("a report asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def maps(folder, shape):
    data = np.random.default_rng(0).standard_normal((*shape, N)).astype(np.float32)
    data[:2, ..., LABELS == "joy"] += 2.0
    data[4, 4] = 0.0
    nibabel.save(nibabel.Nifti1Image(data, AFFINE), folder / "maps.nii.gz")
    pd.DataFrame({"emotion": LABELS}).to_csv(folder / "events.tsv", sep="\t", index=False)
    return data


def study(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stop:
        main(["study", "neural-code", "maps.nii.gz", "--permutations", "40", "--out", "run"])
    assert not stop.value.code
    return (folder / "run" / "report.html").read_text()


def voxels(selective):
    ijk = np.argwhere(np.ones(SHAPE))
    units = pd.DataFrame(ijk, columns=["i", "j", "k"])
    units[["x", "y", "z"]] = ijk @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    F = np.linspace(0, 9, len(ijk))
    return units.assign(F=F, index=F[::-1] - 1, selective=selective(F))


def drawn(figure):
    """Share of each of the three projections that is not transparent."""
    pictures = re.findall('base64,([^"]+)', figure.markup)[:3]
    alpha = [Image.open(BytesIO(b64decode(p))).convert("RGBA").getchannel("A") for p in pictures]
    return [float((np.asarray(a) > 0).mean()) for a in alpha]


def test_the_command_writes_and_embeds_the_map_of_f(tmp_path, monkeypatch):
    data = maps(tmp_path, SHAPE)
    report = study(tmp_path, monkeypatch)
    written = nibabel.load(tmp_path / "run" / "units_F.nii.gz")
    np.testing.assert_allclose(written.affine, AFFINE, atol=1e-5)
    wanted = np.zeros(SHAPE)
    alive = np.ptp(data, axis=-1) > 0
    wanted[alive] = f_classif(data[alive].T, LABELS)[0]
    np.testing.assert_allclose(written.get_fdata(), wanted, rtol=1e-3, atol=1e-5)
    table = pd.read_csv(tmp_path / "run" / "units.csv")
    index = nibabel.load(tmp_path / "run" / "units_index.nii.gz").get_fdata()
    np.testing.assert_allclose(index[tuple(table[["i", "j", "k"]].T.values)], table["index"], 1e-4)
    figure = report[report.index('<figure id="units_F">') :]
    assert figure.index("data:image/png;base64") < figure.index("</figure>")
    assert (tmp_path / "run" / "figures" / "units_F.svg").is_file()


def test_a_single_plane_has_no_map_and_the_report_says_why(tmp_path, monkeypatch):
    maps(tmp_path, (*SHAPE[:2], 1))
    report = study(tmp_path, monkeypatch)
    assert "no brain map: voxels of a single plane do not tell the grid" in report
    assert '<figure id="units_F">' not in report
    assert (tmp_path / "run" / "result.json").is_file()


def test_only_selective_voxels_are_drawn_the_weakest_among_them(tmp_path):
    one, half = (voxels(lambda F, n=n: F[-n] <= F) for n in (1, 60))
    file = write_maps(tmp_path, one)[0]
    shares = [drawn(brain_map(file, units)) for units in (one, half)]
    assert len(shares[0]) == 3
    assert all(0 < few < many / 4 for few, many in zip(*shares, strict=True))


def test_where_no_voxel_is_selective_all_are_drawn_and_the_caption_says_so(tmp_path):
    units = voxels(lambda F: F > 9).query("i >= 3")
    figure = brain_map(write_maps(tmp_path, units)[0], units)
    assert figure.caption.startswith("F of all voxels, none of which is selective")
    assert "var(--ink)" in figure.markup
    right, behind, above = drawn(figure)
    assert right > 0.9
    assert behind < 0.7
    assert above < 0.7


def test_units_without_a_place_are_no_voxels(tmp_path):
    units = voxels(lambda F: F > 5)
    assert are_voxels(units)
    assert not are_voxels(units.drop(columns="k"))
    with pytest.raises(InputError, match="needs units with voxel indices i, j, k"):
        write_maps(tmp_path, units.drop(columns="k"))


def graph(shares):
    return state_graph(
        {
            "n_states": 3,
            "graphs": {"fear": shares, "joy": [[0.0] * 3] * 3},
            "occupancy": {"fear": [0.5, 0.3, 0.2], "joy": [1.0, 0.0, 0.0]},
        }
    )


def test_the_report_gives_visits_and_names_a_state_that_is_never_left():
    found = {
        "n_states": 2,
        "transitions": [[1 - 1e-12, 1e-12], [0.2, 0.8]],
        "dwell_s": [1e11, 0.5],
        "trial_s": 4.0,
        "graphs": {"fear": [[0.0, 0.0], [1.0, 0.0]]},
        "occupancy": {"fear": [0.9, 0.1]},
        "differs": {"p": None, "why": "no p, because there is one class"},
    }
    section = states({"states": found})
    wanted = "Whether classes dwell in different states was not tested, because there is one class."
    assert wanted in section.text
    assert "never left, 0.5 s" in section.text
    assert [figure.name for figure in section.figures] == ["states", "state_graph"]
    rarely = found | {"transitions": [[0.999, 0.001], [0.2, 0.8]], "dwell_s": [100.0, 0.5]}
    assert "longer than a trial, 0.5 s" in states({"states": rarely}).text


def test_each_change_of_state_is_one_arrow():
    counts = [
        graph(shares).count('id="patch_')
        for shares in (
            [[0.0] * 3] * 3,
            [[0.0, 0.6, 0.0], [0.4, 0.0, 0.0], [0.0] * 3],
            [[0.0, 0.6, 0.0], [0.1, 0.0, 0.0], [0.3, 0.0, 0.0]],
        )
    ]
    per_arrow = (counts[1] - counts[0]) // 2
    assert per_arrow > 0
    assert counts[2] - counts[1] == per_arrow
    assert all(f">{name}<" in graph([[0.0] * 3] * 3) for name in ("fear", "joy"))
