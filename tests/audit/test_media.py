"""Burnt-in labels, copies and groups of pictures, films and sounds, all made here."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy.ndimage import gaussian_filter
from tests.films import write_film

from affectome.audit import Audit, audit
from affectome.audit.copies import copied_pictures, copied_sounds
from affectome.audit.media import _mel_bank, _spectrum
from affectome.errors import InputError
from affectome.progress import silent


def scene(rng: np.random.Generator, width: int = 96, height: int = 72) -> np.ndarray:
    """Smooth random colours with edges: no two alike."""
    image = sum(
        (40.0 * s**0.7) * gaussian_filter(rng.normal(size=(height, width, 3)), (s, s, 0)) * s**0.5
        for s in (1, 3, 8)
    )
    return np.clip(image + rng.uniform(60, 190, 3), 0, 255).astype(np.uint8)


def picture_folder(folder: Path, mark: bool, n: int = 60, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    emotion = np.arange(n) % 2
    rng.shuffle(emotion)
    for i in range(n):
        image = scene(rng)
        if mark:
            image[4:10, 80:88] = 250 if emotion[i] else 90
        Image.fromarray(image).save(folder / f"img{i:03d}.png")
    names = np.array(["joy", "fear"])[emotion]
    table = pd.DataFrame({"file_name": [f"img{i:03d}.png" for i in range(n)], "emotion": names})
    table.to_csv(folder / "metadata.csv", index=False)
    return folder


def finding(found: Audit, kind: str) -> dict[str, object]:
    return next(f.to_dict() for f in found.findings if f.kind == kind)


def test_a_burnt_in_label_is_found_with_its_box(tmp_path: Path) -> None:
    found = audit(picture_folder(tmp_path, mark=True), "emotion")
    leak = finding(found, "label_leak")
    box = leak["evidence"]["box"]
    assert leak["severity"] == "high"
    assert box["x"] <= 80
    assert box["x"] + box["w"] >= 88
    assert box["y"] <= 4
    assert box["y"] + box["h"] >= 10
    assert box["w"] * box["h"] <= 0.25 * 96 * 72
    assert leak["evidence"]["p"] <= 0.01


def test_sound_pictures_raise_nothing_serious(tmp_path: Path) -> None:
    found = audit(picture_folder(tmp_path, mark=False, seed=1), "emotion")
    assert not [f for f in found.findings if f.severity == "high"]
    assert not [f for f in found.findings if f.kind in ("label_leak", "duplicate_trials")]


def test_a_mirrored_copy_in_a_folder(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path, mark=False, n=40)
    mirrored = Image.open(folder / "img000.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored.save(folder / "img039.png")
    copies = finding(audit(folder, "emotion"), "duplicate_trials")
    assert [Path(f).name for f in copies["files"]] == ["img000.png", "img039.png"]


def mosaic_table(folder: Path) -> Path:
    """Films of two by two tiles, the rows marked by a square in their corner."""
    rng, rows = np.random.default_rng(0), []
    for k in range(10):
        frame = np.vstack([np.hstack([scene(rng, 64, 48) for _ in range(2)]) for _ in range(2)])
        frame[2:10, 52:60] = frame[2:10, 116:124] = 20
        frame[50:58, 52:60] = frame[50:58, 116:124] = 235
        write_film(folder / f"m{k}.mp4", [frame] * 6)
        rows += [(f"m{k}.mp4", f"{64 * j},{48 * i},64,48", i) for i in (0, 1) for j in (0, 1)]
    path = folder / "clips.csv"
    pd.DataFrame(rows, columns=["file", "region", "intensity"]).to_csv(path, index=False)
    return path


def test_tiles_of_films_with_a_burnt_in_mark(tmp_path: Path) -> None:
    leak = finding(audit(mosaic_table(tmp_path), "intensity"), "label_leak")
    box = leak["evidence"]["box"]
    assert leak["severity"] == "high"
    assert leak["evidence"]["picture_size"] == [64, 48]
    assert box["x"] < 60
    assert box["x"] + box["w"] > 52
    assert box["y"] < 10


def test_a_region_outside_the_frame_is_skipped(tmp_path: Path) -> None:
    path = mosaic_table(tmp_path)
    table = pd.read_csv(path)
    table.loc[0, "region"] = "100,0,64,48"
    table.to_csv(path, index=False)
    found = audit(path, "intensity")
    assert "region 100,0,64,48 leaves the frame of 128 × 96" in found.skipped[0].why
    assert found.n_trials == 39


@pytest.mark.parametrize("how", ["flip", "bright", "crop", "jpeg", "noise"])
def test_augmented_copies_of_pictures(how: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(scene(rng)) for _ in range(40)]
    for i in range(4):
        pictures.append(augmented(pictures[i], how, rng, tmp_path))
    small = np.stack([np.asarray(p.convert("L").resize((64, 64), 4)) for p in pictures])
    pairs, sure = copied_pictures(small, rng, silent)
    assert pairs.tolist() == [[i, 40 + i] for i in range(4)]
    assert sure >= 0.75


def augmented(
    picture: Image.Image, how: str, rng: np.random.Generator, folder: Path
) -> Image.Image:
    width, height = picture.size
    if how == "flip":
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if how == "bright":
        return ImageEnhance.Brightness(picture).enhance(1.3)
    if how == "crop":
        box = (0.1 * width, 0.05 * height, 0.95 * width, 0.9 * height)
        return picture.resize(picture.size, box=box)
    if how == "jpeg":
        picture.save(folder / "x.jpg", quality=30)
        return Image.open(folder / "x.jpg")
    noisy = np.asarray(picture) + rng.normal(0, 12, (height, width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def voice(rng: np.random.Generator) -> np.ndarray:
    """Two seconds of syllables of random pitch and colour."""
    t = np.arange(32_000) / 16_000
    pitch = np.interp(t, np.linspace(0, 2, 9), rng.uniform(90, 260, 9))
    loud = np.interp(t, np.linspace(0, 2, 13), rng.uniform(0, 1, 13))
    color = rng.uniform(0.2, 1, 20)
    tones = [
        c * np.sin(2 * np.pi * (k + 1) * np.cumsum(pitch) / 16_000) for k, c in enumerate(color)
    ]
    return (loud * np.sum(tones, axis=0)).astype(np.float32)


@pytest.mark.parametrize("how", ["quieter", "shifted", "noisy", "coarse"])
def test_augmented_copies_of_sounds(how: str) -> None:
    rng = np.random.default_rng(0)
    waves = [voice(rng) for _ in range(30)]
    for wave in waves[:3]:
        copy = {
            "quieter": wave * 0.2,
            "shifted": np.r_[np.zeros(1600, np.float32), wave[:-1600]],
            "noisy": wave + rng.normal(0, wave.std() / 10, len(wave)),
            "coarse": np.round(wave * 40) / 40,
        }[how]
        waves.append(copy)
    pairs, _ = copied_sounds(tuple(_spectrum(w, _mel_bank()) for w in waves))
    assert pairs.tolist() == [[0, 30], [1, 31], [2, 32]]


def sound_folder(folder: Path) -> Path:
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    for speaker in range(6):
        for sentence in range(8):
            name = f"{speaker:02d}-{sentence:02d}-{(speaker + sentence) % 2:02d}.wav"
            soundfile.write(folder / name, 0.01 * voice(rng), 16_000)
    return folder


def test_speakers_are_proposed_from_the_names_of_sounds(tmp_path: Path) -> None:
    found = audit(sound_folder(tmp_path), "emotion", target_from_name="3")
    assert found.classes == ("00", "01")
    assert [(c["name"], c["groups"]) for c in found.candidates] == [
        ("name part 1", 6),
        ("name part 2", 8),
    ]
    by_letters = audit(tmp_path, "emotion", target_from_name=r"(\d)$")
    assert by_letters.classes == ("0", "1")


def test_class_folders_and_broken_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for emotion in ("joy", "fear"):
        (tmp_path / emotion).mkdir()
        for i in range(15):
            Image.fromarray(scene(rng, 48, 48)).save(tmp_path / emotion / f"{emotion}{i}.png")
    (tmp_path / "joy" / "broken.png").write_bytes(b"not a picture")
    found = audit(tmp_path, "emotion")
    assert found.n_trials == 30
    assert "can't be read as a picture" in found.skipped[0].why
    assert "label_leak" not in {f.kind for f in found.findings}


@pytest.mark.parametrize("order", ["{person}/{emotion}", "{emotion}/{person}"])
def test_folders_of_folders(order: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(40):
        place = order.format(person=f"p{i % 5}", emotion=("happy", "sad")[i % 2])
        folder = tmp_path / ("test" if i >= 30 else "train") / place
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(rng, 48, 48)).save(folder / f"{rng.integers(1 << 30)}.png")
        if i == 3:
            Image.fromarray(scene(np.random.default_rng(9), 48, 48)).save(folder / "a.png")
        if i == 33:
            Image.fromarray(scene(np.random.default_rng(9), 48, 48)).save(folder / "b.png")
    found = audit(tmp_path, "emotion")
    assert found.classes == ("happy", "sad")
    assert 5 in [c["groups"] for c in found.candidates]
    assert finding(found, "duplicate_trials")["evidence"]["pairs_across_the_given_split"] == 1


@pytest.mark.parametrize("fault", ["width", "kind of file", "light of the border", "sharpness"])
def test_facts_of_files_that_tell_the_label(fault: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(60):
        sad = int(rng.integers(2))
        picture, ending = Image.fromarray(scene(rng)), "png"
        if sad and fault == "width":
            picture = picture.resize((120, 90))
        elif sad and fault == "kind of file":
            ending = "jpg"
        elif sad and fault == "light of the border":
            picture = ImageOps.expand(picture.resize((80, 56)), 8)
        elif sad and fault == "sharpness":
            picture = picture.resize((32, 24)).resize((96, 72))
        folder = tmp_path / ("happy", "sad")[sad]
        folder.mkdir(exist_ok=True)
        picture.save(folder / f"{i:03d}.{ending}")
    leaks = [f for f in audit(tmp_path, "emotion").findings if f.kind == "label_leak"]
    assert any(fault in f.columns and f.severity == "high" for f in leaks)


def test_the_rate_of_sounds_that_tells_the_label(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    for i in range(40):
        emotion = ("anger", "calm")[i % 2]
        (tmp_path / emotion).mkdir(exist_ok=True)
        rate = 16_000 if i % 2 else 8_000
        soundfile.write(tmp_path / emotion / f"{i:02d}.wav", 0.01 * voice(rng), rate)
    leak = finding(audit(tmp_path, "emotion"), "label_leak")
    assert leak["severity"] == "high"
    assert "sampling rate" in leak["columns"]


def test_names_that_tell_a_given_label(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path, mark=False)
    table = pd.read_csv(folder / "metadata.csv")
    for row, (name, emotion) in enumerate(zip(table["file_name"], table["emotion"], strict=True)):
        (folder / name).rename(folder / f"{emotion}_{row}.png")
        table.loc[row, "file_name"] = f"{emotion}_{row}.png"
    table.to_csv(folder / "metadata.csv", index=False)
    leaks = [f for f in audit(folder, "emotion").findings if f.kind == "label_leak"]
    assert any("class in the name" in f.columns for f in leaks)
    assert {f.severity for f in leaks} == {"medium"}


def test_folders_without_labels_say_what_the_names_hold(tmp_path: Path) -> None:
    sound_folder(tmp_path)
    with pytest.raises(InputError, match=r"name part 1 \(00, 01, 02, 03, …\)") as caught:
        audit(tmp_path, "emotion")
    assert "--target-from-name" in str(caught.value)
    with pytest.raises(InputError, match="has 3 parts"):
        audit(tmp_path, "emotion", target_from_name="5")
    with pytest.raises(InputError, match="has no group"):
        audit(tmp_path, "emotion", target_from_name=r"\d")
    with pytest.raises(InputError, match="does not match"):
        audit(tmp_path, "emotion", target_from_name="(x)")
    with pytest.raises(InputError, match="not a regular expression"):
        audit(tmp_path, "emotion", target_from_name="(")


def test_a_folder_without_media(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither metadata\.csv nor pictures"):
        audit(tmp_path, "emotion")
    with pytest.raises(InputError, match="there is no file or folder"):
        audit(tmp_path / "nowhere", "emotion")
