"""What the neural-code study can be asked beyond its defaults, from the command line."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from scipy.linalg import logm

from affectome.cli import main
from affectome.data import save_recording
from affectome.data.readers.measurement import Measurement
from affectome.features.covariance import covariances, log_covariances
from affectome.simulations import (
    simulate_attractor,
    simulate_eeg,
    simulate_maps,
    simulate_population,
)
from affectome.studies.neural_code import study as neural_code


@pytest.fixture
def only(monkeypatch):
    """Leave out all parts but some, for speed."""

    def keep(*names):
        parts = {name: neural_code.PARTS[name] for name in names}
        monkeypatch.setattr(neural_code, "PARTS", parts)

    return keep


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    recording, _ = simulate_eeg(
        n_subjects=3, n_films=6, emotions=("fear", "joy"), effect=1.5, n_sources=12
    )
    pairs = recording.isel(unit=np.isin(recording["sensor"], ["F3", "F4", "P3", "P4"]))
    path = tmp_path_factory.mktemp("films") / "films.zarr"
    save_recording(pairs, path)
    return path, pairs


def run(recording, out, *more):
    words = ["study", "neural-code", recording, "--permutations", 20, "--out", out, *more]
    with pytest.raises(SystemExit) as stop:
        main([*map(str, words)])
    return stop.value.code or 0


def result(out):
    return json.loads((out / "result.json").read_text())


@pytest.mark.parametrize(
    ("features", "units"),
    [
        ("mean", ["F3", "P3", "F4", "P4"]),
        ("band-power", ["F3", "P3", "F4", "P4"]),
        ("differential-entropy", ["F3", "P3", "F4", "P4"]),
        ("asymmetry", ["F3-F4", "P3-P4"]),
        ("tangent", ["F3", "P3", "F4", "P4"]),
    ],
)
def test_features_are_those_that_were_asked_for(films, only, tmp_path, features, units):
    only()
    assert run(films[0], tmp_path / "run", "--features", features) == 0
    table = pd.read_csv(tmp_path / "run" / "units.csv")
    pairs = features == "tangent"
    assert list(table["first" if pairs else "sensor"].unique()) == units
    assert len(table) == 10 if pairs else len(table) % len(units) == 0
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["settings"]["features"] == features


def test_the_tangent_space_is_that_of_matrix_logarithms(films):
    recording = films[1].isel(trial=slice(0, 3))
    rows, columns = np.triu_indices(4)
    weight = np.where(rows == columns, 1, np.sqrt(2))
    for found, flat in zip(
        log_covariances(recording).values, covariances(recording).values, strict=True
    ):
        matrix = np.zeros((4, 4))
        matrix[rows, columns] = matrix[columns, rows] = flat
        np.testing.assert_allclose(found, logm(matrix)[rows, columns] * weight, atol=1e-8)


@pytest.mark.parametrize(
    ("measure", "pairs"), [("correlation", 6), ("coherence", 18), ("wpli", 18)]
)
def test_connectivity_is_the_measure_that_was_asked_for(films, only, tmp_path, measure, pairs):
    only("connectivity")
    assert run(films[0], tmp_path / "run", "--connectivity", measure) == 0
    found = result(tmp_path / "run")["connectivity"]
    assert (found["measure"], found["pairs"]) == (measure, pairs)
    assert {"score", "interval", "p"} <= set(found)
    assert "Who goes with whom" in (tmp_path / "run" / "report.html").read_text()


def test_a_searchlight_finds_the_region_and_writes_its_map(only, tmp_path):
    only()
    maps, truth = simulate_maps(
        n_subjects=3,
        n_trials=16,
        shape=(9, 9, 8),
        emotions=("fear", "joy"),
        n_stimuli=4,
        n_regions=1,
        effect=2.0,
    )
    save_recording(maps, tmp_path / "maps.zarr")
    assert run(tmp_path / "maps.zarr", tmp_path / "run", "--searchlight", 6) == 0
    light = result(tmp_path / "run")["searchlight"]
    units = pd.read_csv(tmp_path / "run" / "searchlight.csv")
    best = units.loc[units["auc"].idxmax()]
    assert light["best"]["auc"] == pytest.approx(best["auc"], abs=1e-6)
    coding = units.loc[truth.coding.any(axis=1), ["x", "y", "z"]].to_numpy()
    away = np.linalg.norm(coding - best[["x", "y", "z"]].to_numpy(dtype=float), axis=1)
    assert away.min() <= 6
    written = nibabel.load(tmp_path / "run" / "searchlight_auc.nii.gz")
    assert written.get_fdata().max() == pytest.approx(best["auc"], abs=1e-3)
    report = (tmp_path / "run" / "report.html").read_text()
    assert '<figure id="searchlight_auc">' in report
    assert "In spheres of 6 mm around 648 centres" in report


def test_slow_dimensions_tell_intensity_and_regimes(only, tmp_path):
    only("time_constants_s")
    recording, _ = simulate_attractor(tau=50, n_trials=24, n_units=8, duration=60, sfreq=1.0)
    save_recording(recording, tmp_path / "attractor.zarr")
    assert run(tmp_path / "attractor.zarr", tmp_path / "run") == 0
    found = result(tmp_path / "run")["time_constants_s"]
    assert found["intensity"]["r"] > 0.8
    assert found["intensity"]["p"] < 0.05
    assert not found["switching"]["better"]
    report = (tmp_path / "run" / "report.html").read_text()
    assert "the intensity of left-out trials, r = " in report
    assert "regimes do not clearly predict held-out trials better" in report


def test_probabilities_hold_for_new_stimuli(only):
    only("calibration")
    recording, _ = simulate_population(
        n_subjects=5,
        n_trials=48,
        n_units=20,
        emotions=("fear", "joy"),
        n_stimuli=8,
        effect=0.5,
        stimulus_effect=1.0,
    )
    study = neural_code.run(Measurement(recording, Path("population")), n_permutations=20)
    found = study.found["calibration"]
    assert found.sets.coverage > 0.8
    assert found.reliability.ece < 0.2


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            ["--features", "wavelets"],
            "features is one of auto, mean, band-power",
        ),
        (
            ["--connectivity", "granger"],
            "connectivity is one of correlation, coherence",
        ),
        (["--features", "tangent"], "need a Recording with times"),
        (["--searchlight", "-1"], "searchlight is a radius above 0; got -1"),
        (["--searchlight", "8"], "a searchlight needs units with places x, y, z"),
    ],
)
def test_says_in_one_line_what_is_wrong(tmp_path, capsys, more, says):
    recording, _ = simulate_population(n_trials=12, n_units=4)
    save_recording(recording, tmp_path / "neurons.zarr")
    assert run(tmp_path / "neurons.zarr", tmp_path / "run", *more) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run" / "result.json").exists()
