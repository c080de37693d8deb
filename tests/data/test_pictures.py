import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2gray
from skimage.transform import resize

from affectome.data import (
    central_square,
    check_picture,
    colour_histogram,
    frequency_spectrum,
    picture_statistics,
    read_picture,
)
from affectome.errors import InputError

RED = (200, 30, 40)


@pytest.fixture
def gradient():
    rows, columns = np.mgrid[0:60, 0:90]
    return np.stack([rows * 4, columns * 2, rows + columns], axis=2).astype(np.uint8)


def save(tmp_path, image, name, **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


def test_lossless_rgb_is_read_as_it_was_written(tmp_path, gradient):
    for name in ("a.png", "a.bmp", "a.tiff", "é long 名前.png"):
        found = read_picture(save(tmp_path, Image.fromarray(gradient), name))
        np.testing.assert_array_equal(found, gradient)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_colour_spaces_are_converted(tmp_path, mode):
    picture = Image.new("RGB", (8, 6), (255, 255, 255)).convert(mode)
    name = "a.jpg" if mode in {"CMYK", "YCbCr"} else "a.png"
    found = read_picture(save(tmp_path, picture, name))
    assert found.shape == (6, 8, 3)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, 255, atol=2)


def test_cmyk_keeps_its_colour(tmp_path):
    cmyk = Image.new("RGB", (16, 16), RED).convert("CMYK")
    found = read_picture(save(tmp_path, cmyk, "a.jpg", quality=100))
    np.testing.assert_allclose(found.mean(axis=(0, 1)), RED, atol=3)


def test_16_bit_grey_is_divided_by_257(tmp_path):
    values = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    for name in ("a.png", "a.tiff"):
        found = read_picture(save(tmp_path, Image.fromarray(values), name))
        np.testing.assert_array_equal(found[0], [[0] * 3, [1] * 3, [128] * 3, [255] * 3])


def test_floating_point_is_0_to_1_or_0_to_255(tmp_path):
    unit = save(tmp_path, Image.fromarray(np.array([[0, 0.5, 1]], np.float32)), "unit.tiff")
    byte = save(tmp_path, Image.fromarray(np.array([[-5, 127.6, 255]], np.float32)), "byte.tiff")
    np.testing.assert_array_equal(read_picture(unit)[0, :, 0], [0, 128, 255])
    np.testing.assert_array_equal(read_picture(byte)[0, :, 0], [0, 128, 255])


def test_transparency_is_laid_over_white(tmp_path):
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 0] = 200
    rgba[0, :, 3] = [0, 128, 255]
    found = read_picture(save(tmp_path, Image.fromarray(rgba), "a.png"))
    expected = 255 + (np.array([200, 0, 0]) - 255) * rgba[0, :, 3:] / 255
    np.testing.assert_allclose(found[0], expected, atol=1)


def test_transparent_palette_is_laid_over_white(tmp_path):
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    found = read_picture(save(tmp_path, palette, "a.gif", transparency=0))
    np.testing.assert_array_equal(found, 255)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_first_frame_of_an_animation(tmp_path, name):
    frames = [Image.new("RGB", (9, 7), colour) for colour in (RED, (0, 0, 255), (0, 255, 0))]
    path = save(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(read_picture(path).mean(axis=(0, 1)), RED, atol=4)


def test_orientation_follows_exif(tmp_path, gradient):
    exif = Image.Exif()
    exif[0x0112] = 6
    found = read_picture(save(tmp_path, Image.fromarray(gradient), "a.png", exif=exif))
    np.testing.assert_array_equal(found, np.rot90(gradient, -1))


def test_one_pixel(tmp_path):
    path = save(tmp_path, Image.new("RGB", (1, 1), RED), "a.png")
    np.testing.assert_array_equal(read_picture(path), [[RED]])
    assert all(np.isfinite(list(picture_statistics(read_picture(path)).values())))


def bomb():
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


def jpeg(size=(64, 64)):
    noise = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.jpg", b"", r"empty\.jpg is empty \(0 bytes\)"),
        ("text.jpg", b"not a picture at all\n" * 9, r"text\.jpg is not a picture in one of"),
        ("cut.jpg", jpeg()[:2000], r"can't read .*cut\.jpg: image file is truncated"),
        ("head.jpg", jpeg()[:30], r"head\.jpg"),
        ("bomb.png", bomb(), r"bomb\.png would unpack to more than 89,478,485 pixels"),
        ("page.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
    ],
)
def test_what_cannot_be_read_gets_one_line(tmp_path, name, content, why):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=why) as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_get_one_line(tmp_path):
    with pytest.raises(InputError, match=r"can't read .*none\.jpg: No such file"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(InputError, match=r"can't read .*: Is a directory"):
        read_picture(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_gets_one_line(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read_picture(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "WEBP"])
def test_a_file_cut_anywhere_is_read_whole_or_refused_in_one_line(tmp_path, kind):
    stream = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, kind)
    content = stream.getvalue()
    path = tmp_path / "a.jpg"
    said = []
    for cut in range(1, len(content), len(content) // 12):
        path.write_bytes(content[:cut])
        try:
            said.append(str(read_picture(path).shape))
        except InputError as error:
            said.append(str(error))
    assert all(line == "(24, 24, 3)" or "a.jpg" in line for line in said)
    assert not any("\n" in line for line in said)


@pytest.mark.parametrize(
    "picture",
    [np.zeros((3, 3), np.uint8), np.zeros((3, 3, 3)), np.zeros((0, 3, 3), np.uint8)],
)
def test_an_array_that_is_no_picture_is_refused(picture):
    with pytest.raises(InputError, match=r"a picture is uint8 of the shape \(height, width, 3\)"):
        check_picture(picture)


def test_central_square_is_the_middle(gradient):
    np.testing.assert_array_equal(central_square(gradient, 60), gradient[:, 15:75])


def test_central_square_shrinks_like_skimage():
    smooth = np.random.default_rng(2).random((12, 12, 3))
    picture = (resize(smooth, (96, 96), order=3).clip(0, 1) * 255).astype(np.uint8)
    ours = central_square(picture, 48) / 255
    theirs = resize(picture, (48, 48), order=1, anti_aliasing=True)
    assert np.abs(ours - theirs).mean() < 0.005


def test_central_square_of_a_very_long_picture():
    assert central_square(np.full((1, 100_000, 3), 7, np.uint8), 224).tolist() == (
        np.full((224, 224, 3), 7).tolist()
    )


def test_statistics_of_a_flat_picture():
    found = picture_statistics(np.full((300, 400, 3), (255, 0, 0), np.uint8))
    assert found["brightness"] == pytest.approx(0.2126)
    assert found["saturation"] == 1
    assert (found["red"], found["green"], found["blue"]) == (1, 0, 0)
    assert found["contrast"] == pytest.approx(0, abs=1e-12)
    assert found["edges"] == pytest.approx(0, abs=1e-12)


def test_statistics_against_skimage():
    picture = np.random.default_rng(3).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    found = picture_statistics(picture)
    grey = rgb2gray(picture)
    assert found["brightness"] == pytest.approx(grey.mean(), rel=1e-3)
    assert found["contrast"] == pytest.approx(grey.std(), rel=1e-2)


@pytest.mark.parametrize(("cycles", "band"), [(4, "low"), (16, "middle"), (64, "high")])
def test_power_lies_where_the_grating_is(cycles, band):
    phase = 2 * np.pi * cycles * np.arange(256) / 256
    grating = np.rint(127 + 100 * np.sin(phase)).astype(np.uint8)
    found = picture_statistics(np.broadcast_to(grating[None, :, None], (256, 256, 3)).copy())
    power = {name: found[f"power_{name}"] for name in ("low", "middle", "high")}
    assert max(power, key=power.get) == band


def test_the_colour_histogram_holds_shares_of_pixels():
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:, 32:] = (255, 70, 128)
    found = colour_histogram(halves)
    assert found.shape == (64,)
    assert found.sum() == pytest.approx(1)
    assert found[0] == pytest.approx(0.5, abs=0.01)
    assert found[(3 * 4 + 1) * 4 + 2] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("octave", "cycles"), [(0, 3), (2, 12), (5, 100)])
@pytest.mark.parametrize(
    ("direction", "wave"), [(0, (0, 1)), (1, (1, 1)), (2, (1, 0)), (3, (-1, 1))]
)
def test_the_spectrum_peaks_at_the_grating(octave, cycles, direction, wave):
    y, x = np.mgrid[:256, :256] / 256
    along = np.array(wave) / np.hypot(*wave)
    across = np.rint(cycles * along)
    grating = np.rint(127 + 100 * np.sin(2 * np.pi * (across[0] * y + across[1] * x)))
    found = frequency_spectrum(np.repeat(grating[..., None], 3, axis=2).astype(np.uint8))
    assert found.shape == (24,)
    assert found.argmax() == octave * 4 + direction
