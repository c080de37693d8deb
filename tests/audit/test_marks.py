"""A smile is content, an overlay is a mark: both tell the label, one of them is burnt in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFilter

from affectome.audit import audit
from affectome.audit.marks import find_mark

SIDE = 48


def face(rng: np.random.Generator, happy: bool) -> np.ndarray:
    """A grey face of 48 × 48: its place, size, skin and light vary; the mouth is up or down."""
    image = Image.new("L", (4 * SIDE, 4 * SIDE), int(rng.integers(20, 90)))
    draw = ImageDraw.Draw(image)
    x, y = 96 + rng.normal(scale=3, size=2)
    w, h = rng.uniform(62, 74), rng.uniform(76, 88)
    draw.ellipse([x - w, y - h, x + w, y + h], fill=int(rng.integers(120, 220)))
    dark = int(rng.integers(10, 70))
    for side in (-1, 1):
        ex, ey = x + side * w * 0.42, y - h * 0.25
        draw.ellipse([ex - 9, ey - 6, ex + 9, ey + 6], fill=dark)
    mx, my, r = x, y + h * 0.42, w * 0.45
    if happy:
        draw.chord([mx - r, my - r, mx + r, my + r * 0.7], 20, 160, fill=dark)
    else:
        draw.arc([mx - r, my - 4, mx + r, my + r], 200, 340, fill=dark, width=7)
    small = image.filter(ImageFilter.GaussianBlur(2)).resize((SIDE, SIDE), Image.Resampling.BOX)
    noisy = np.asarray(small) + rng.normal(0, 4, (SIDE, SIDE))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def overlay(picture: np.ndarray, word: str) -> np.ndarray:
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((2, 36), word, fill=255)
    return np.asarray(image)


def faces(folder: Path, words: tuple[str, str] | None, told_by_mouth: bool) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for k in range(240):
        happy = bool(rng.integers(2))
        picture = face(rng, happy if told_by_mouth else bool(rng.integers(2)))
        if words is not None:
            picture = overlay(picture, words[happy])
        Image.fromarray(picture).save(folder / f"{k:03d}.png")
        rows.append((f"{k:03d}.png", ("sad", "happy")[happy]))
    pd.DataFrame(rows, columns=["file_name", "emotion"]).to_csv(folder / "metadata.csv")
    return folder


def regions(folder: Path):
    return [f for f in audit(folder, "emotion").findings if "box" in f.evidence]


def test_a_mouth_that_differs_by_class_is_not_called_burnt_in(tmp_path: Path) -> None:
    found = regions(faces(tmp_path, None, told_by_mouth=True))
    assert len(found) == 1
    assert found[0].severity == "medium"
    assert not found[0].evidence["burnt_in"]
    assert "the label can be read here; look at it: mark or content?" in found[0].what
    assert "burnt in" not in found[0].what
    assert 24 <= found[0].evidence["box"]["y"] + found[0].evidence["box"]["h"] / 2 <= 44


@pytest.mark.parametrize("words", [("SAD", "JOY"), ("", "HAPPY")])
def test_an_overlay_is_called_burnt_in(words: tuple[str, str], tmp_path: Path) -> None:
    found = regions(faces(tmp_path, words, told_by_mouth=False))
    assert len(found) == 1
    assert found[0].severity == "high"
    assert found[0].evidence["burnt_in"]
    assert "the label is burnt in" in found[0].what
    assert found[0].cost.difference.value > 0.3
    assert found[0].cost.difference.interval[0] > 0


def test_pixels_that_are_the_same_in_a_class_make_a_mark() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    pictures = rng.integers(0, 256, (60, 32, 32, 3)).astype(np.uint8)
    box = (slice(4, 12), slice(20, 28))
    assert not find_mark(pictures, y, box).burnt_in
    pictures[y == 1, 5:9, 21:26] = 255
    mark = find_mark(pictures, y, box)
    assert mark.burnt_in
    assert mark.pixels == 20
    assert mark.spread_inside == 0
    assert mark.spread_outside > 40
    assert not find_mark(pictures, y, (slice(20, 28), slice(4, 12))).burnt_in
    # half transparent: the pictures shine through, so that a look is needed
    faint = rng.integers(0, 256, (60, 32, 32, 3)).astype(np.uint8)
    faint[y == 1, 5:9, 21:26] = faint[y == 1, 5:9, 21:26] // 2 + 120
    assert not find_mark(faint, y, box).burnt_in
