"""The preview of a region, and the proposal from what moves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affectome.cli.app import main
from affectome.data.video import Region, parse_region
from affectome.errors import InputError
from affectome.features.motion import motion_map, propose_region
from films import noise, write_film


def moving_corner(n: int = 20) -> np.ndarray:
    images = np.full((n, 96, 128), 60, np.uint8)
    images[:, 40:72, 80:112] = noise(n, 32, 32)
    return images


def test_the_proposal_holds_what_moves() -> None:
    found = propose_region(motion_map(moving_corner()))
    assert found == Region(80, 40, 32, 32)


def test_the_proposal_stays_inside_the_frame() -> None:
    images = np.full((10, 50, 50), 60, np.uint8)
    images[:, 45:, 45:] = noise(10, 5, 5)
    found = propose_region(motion_map(images))
    assert (found.x + found.width, found.y + found.height) == (50, 50)


def test_nothing_moves() -> None:
    with pytest.raises(InputError, match="nothing moves in these frames"):
        propose_region(np.zeros((10, 10)))


def test_the_command_draws_a_preview(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = write_film(tmp_path / "film.mp4", list(moving_corner()))
    out = tmp_path / "preview.png"
    with pytest.raises(SystemExit) as end:
        main(["region", str(film), "--out", str(out), "--crop", "0,0,64,48", "--json"])
    assert end.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert said["crop"] == "0,0,64,48"
    proposed = parse_region(said["proposed"])
    assert abs(proposed.x - 80) <= 16
    assert abs(proposed.y - 40) <= 16
    with Image.open(out) as picture:
        assert picture.size == (128, 96)


def test_a_crop_outside_the_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = write_film(tmp_path / "film.mp4", list(moving_corner()))
    with pytest.raises(SystemExit) as end:
        main(["region", str(film), "--crop", "100,0,64,48"])
    assert end.value.code == 2
    assert "the region 100,0,64,48 leaves the frame" in capsys.readouterr().err
