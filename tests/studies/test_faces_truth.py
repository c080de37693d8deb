"""Simulated mice, filmed as H.264: what the study tells of them against what was planted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from affectome.cli.app import main
from affectome.data.video.clips import read_clips
from affectome.faces.expression import neutral_of
from affectome.features.hog import HogSettings, describe_clips
from affectome.simulations.mice import SimulatedMouse, simulate_mouse
from films import write_film

pytestmark = pytest.mark.slow

HEIGHT, WIDTH, CELL, RATE = 96, 128, 16, 10
PLACES = {"pain": (slice(0, 48), slice(64, 128)), "pleasure": (slice(16, 64), slice(0, 64))}
MICE = {"anna": 1, "bert": 2, "cleo": 3}


@cache
def still() -> np.ndarray:
    rng = np.random.default_rng(10)
    return gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), 2.5) * 300 + 128


@cache
def wrinkles(event: str) -> np.ndarray:
    """Give what an expression adds: in each cell of its part of the face, lines of one angle."""
    rng = np.random.default_rng(len(event))
    angle, size = np.pi * rng.random((2, HEIGHT // CELL, WIDTH // CELL))
    angle, size = (np.kron(v, np.ones((CELL, CELL))) for v in (angle, size))
    y, x = np.indices((HEIGHT, WIDTH))
    drawn = np.zeros((HEIGHT, WIDTH))
    lines = 40 * (0.3 + size) * np.sin(0.8 * (x * np.cos(angle) + y * np.sin(angle)))
    drawn[PLACES[event]] = lines[PLACES[event]]
    return drawn


def face(shown: dict[str, float]) -> np.ndarray:
    """Draw the face without noise, each expression as strongly as it is shown."""
    return still() + sum(min(s, 1.5) * wrinkles(event) for event, s in shown.items())


def frames(mouse: SimulatedMouse, seed: int) -> Iterator[np.ndarray]:
    """Film one session: the face, which shakes as much as the mouse moves, and camera noise."""
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.8, 1.1)
    grain = 1.5 * rng.normal(size=(16, HEIGHT, WIDTH))
    for k, movement in enumerate(mouse.movement):
        image = face({event: trace[k] for event, trace in mouse.intensity.items()})
        shake = np.round(0.6 * movement * rng.normal(size=2)).astype(int)
        image = light * np.roll(image, shake, axis=(0, 1)) + grain[rng.integers(16)]
        yield image.clip(0, 255).astype(np.uint8)


class Lab(NamedTuple):
    """The films and recordings on disk, what is true of them, and what the command said."""

    folder: Path
    mice: dict[str, SimulatedMouse]
    said: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    mice, rows = {}, []
    for name, seed in MICE.items():
        mouse = simulate_mouse(n_trials=12, n_neurons=(20, 15, 25, 40), random_state=seed)
        write_film(folder / f"{name}.mp4", list(frames(mouse, seed)), rate=RATE)
        np.savez(folder / f"{name}.npz", data=mouse.neurons, times=mouse.times)
        for event, onsets in mouse.onsets.items():
            table = {"file": f"{name}.mp4", "subject": name, "event": event, "onset": onsets}
            rows.append(pd.DataFrame({**table, "intensity": shown(mouse, event).max(axis=1)}))
        mice[name] = mouse
    pd.concat(rows).to_csv(folder / "clips.csv", index=False)
    return Lab(folder, mice, {name: say(folder, name) for name in MICE})


def shown(mouse: SimulatedMouse, event: str) -> np.ndarray:
    """Give how strongly an event's expression is shown in the window after it."""
    first = np.searchsorted(mouse.times, mouse.onsets[event])
    return np.stack([mouse.intensity[event][k : k + 2 * RATE + 1] for k in first])


def say(folder: Path, name: str) -> dict[str, Any]:
    """Run the command on all films with the neurons of one mouse."""
    out = folder / f"run_{name}"
    neurons = ["--neurons", str(folder / f"{name}.npz"), "--neurons-session", name]
    table = ["study", "mouse-faces", str(folder / "clips.csv"), "--cell", str(CELL)]
    with pytest.raises(SystemExit) as end:
        main([*table, *neurons, "--out", str(out)])
    assert end.value.code == 0
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    return result


def test_planted_prototypes_are_recovered(lab: Lab) -> None:
    settings = HogSettings(cell=CELL)
    clips = describe_clips(read_clips(lab.folder / "clips.csv", 2, 3), 2, 3, settings).hog
    unrest = np.stack(
        [
            neutral_of(clips.values[clips["subject"].values == name], clips["time"].values)[1]
            for name in MICE
        ]
    )
    made = pd.read_csv(lab.folder / "run_anna" / "prototypes.csv")
    listed = {p["event"]: p["frames"] for p in lab.said["anna"]["prototypes"]}
    drawn = lambda s: settings.describe(face(s).clip(0, 255).astype(np.uint8)[None])[0]  # noqa: E731
    for event in PLACES:
        strengths = np.concatenate([shown(mouse, event).ravel() for mouse in lab.mice.values()])
        strongest = np.sort(strengths)[-listed[event] :]
        away = np.mean([drawn({event: s}) - drawn({}) for s in strongest], axis=0)
        planted = np.mean(away / unrest, axis=0)
        assert np.corrcoef(made[event], planted)[0, 1] >= 0.95


def test_planted_intensity_is_read_in_unseen_mice(lab: Lab) -> None:
    said = lab.said["anna"]
    assert said["intensity"]["score"] >= 0.7
    assert said["controls"]["motion_energy"]["partial"]["interval"][0] > 0
    assert said["classification"]["score"] >= 0.7


def test_planted_neurons_are_found_and_movement_is_not_mistaken(lab: Lab) -> None:
    recalls, n_false, n_found, n_mistaken = [], 0, 0, 0
    for name, mouse in lab.mice.items():
        follows = lab.said[name]["neurons"]["neurons"]["face"]
        face = np.isin(np.arange(len(mouse.driver)).astype(str), follows)
        recalls.append(face[mouse.driver == "face"].mean())
        n_false += int(face[mouse.driver != "face"].sum())
        n_found += int(face.sum())
        n_mistaken += int(face[mouse.driver == "movement"].sum())
    assert np.mean(recalls) >= 0.9
    assert n_false / n_found <= 0.1
    assert n_mistaken <= 3
