"""Pictures: whatever a camera or an archive wrote, read as RGB, and their plain statistics."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from affectome.data.tars import in_tar, open_file
from affectome.errors import InputError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
LARGEST = 89_478_485
BACKGROUND = (255, 255, 255)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
STATISTICS_SIDE = 256
LEVELS, OCTAVES, DIRECTIONS = 4, 6, 4
BANDS = (("low", 1, 8), ("middle", 8, 32), ("high", 32, 128))


def read_picture(path: str | Path, at_least: int | None = None) -> np.ndarray:
    """Read a picture as RGB.

    Orientation follows EXIF; of an animation the first frame is read; transparency is laid over
    white; grey, palette, CMYK and other colour spaces are converted; 16-bit values are divided by
    257; floating-point values are taken as 0–1, or as 0–255 where they exceed 1.

    Parameters
    ----------
    path
        A file in one of the formats BMP, GIF, JPEG, PNG, PPM, TIFF, WebP; also one within a tar
        file, as if that were a folder: ``0001.tar/acorns.jpg``.
    at_least
        Pixels that either side needs at least: a larger JPEG is decoded at a half, a quarter or an
        eighth of its size, which is many times faster. All of it if not given.

    Returns
    -------
    numpy.ndarray
        Shape (height, width, 3), uint8.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated, not a picture, or has more than 89,478,485
        pixels.
    """
    if in_tar(path) is not None:
        try:
            content = open_file(path).read()
        except OSError as error:
            raise InputError(f"can't read {path}: {error.strerror or error}") from error
        return decode_picture(content, str(path), at_least)
    return _read(Path(path), str(path), at_least, FORMATS)


def decode_picture(
    content: bytes, name: str, at_least: int | None = None, formats: tuple[str, ...] = FORMATS
) -> np.ndarray:
    """Read a picture that is in memory, as `read_picture` reads a file.

    Parameters
    ----------
    content
        The bytes of a file.
    name
        What errors call it.
    at_least
        Pixels that either side needs at least.
    formats
        Formats that are taken.

    Raises
    ------
    InputError
        As for `read_picture`.
    """
    return _read(BytesIO(content), name, at_least, formats)


def _read(
    source: Path | BytesIO, file: str, at_least: int | None, formats: tuple[str, ...]
) -> np.ndarray:
    try:
        if _size(source) == 0:
            raise InputError(f"{file} is empty (0 bytes)")
        with Image.open(source, formats=formats) as image:
            _refuse_bomb(file, image.width, image.height)
            if at_least is not None:
                image.draft(None, (at_least, at_least))
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{file} is not a picture in one of the formats {', '.join(formats)}"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"{file} would unpack to more than {LARGEST:,} pixels; make it smaller"
        ) from error
    except OSError as error:
        raise InputError(f"can't read {file}: {error.strerror or error}") from error
    except Exception as error:  # a damaged file makes decoders raise whatever they stumble over
        raise InputError(f"can't read {file}: it is damaged ({type(error).__name__})") from error


def _size(source: Path | BytesIO) -> int:
    return source.stat().st_size if isinstance(source, Path) else source.getbuffer().nbytes


def _refuse_bomb(file: str, width: int, height: int) -> None:
    if width * height > LARGEST:
        raise InputError(
            f"{file} is {width:,} × {height:,} pixels, more than {LARGEST:,}; make it smaller"
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    if image.mode in {"RGBA", "RGBa", "LA", "La", "PA"} or "transparency" in image.info:
        opaque = Image.new("RGBA", image.size, BACKGROUND)
        opaque.alpha_composite(image.convert("RGBA"))
        return opaque.convert("RGB")
    return image.convert("RGB")


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        scaled = finite * 255.0 if finite.max() <= 1.0 else finite
    else:
        scaled = values.astype(np.float64) / 257.0
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def check_picture(picture: np.ndarray) -> np.ndarray:
    """Return the picture unchanged, or say in one line what is wrong with it.

    Raises
    ------
    InputError
        If it is not uint8 of the shape (height, width, 3) with at least one pixel.
    """
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise InputError(
            f"a picture is uint8 of the shape (height, width, 3); got {picture.dtype} of the "
            f"shape {picture.shape}"
        )
    return picture


def central_square(picture: np.ndarray, side: int) -> np.ndarray:
    """Cut the largest square from the middle and resize it.

    This is "resize the short side, then crop the centre" in one step, which also serves a picture
    of 1 × 100,000 pixels. Bilinear, with the support widened when the picture shrinks.

    Parameters
    ----------
    picture
        Shape (height, width, 3), uint8.
    side
        Side of the result, in pixels.

    Returns
    -------
    numpy.ndarray
        Shape (side, side, 3), uint8.
    """
    height, width = check_picture(picture).shape[:2]
    short = min(height, width)
    left, top = (width - short) / 2, (height - short) / 2
    return np.asarray(
        Image.fromarray(picture).resize(
            (side, side), Image.Resampling.BILINEAR, box=(left, top, left + short, top + short)
        )
    )


def picture_statistics(picture: np.ndarray) -> dict[str, float]:
    """Describe a picture by numbers that know nothing of its content.

    They are the baseline of every decoder of pictures: what they explain is not emotion that a
    network has found. All are taken from the central square, resized to 256 × 256.

    ================================  ==========================================================
    ``brightness``, ``contrast``      mean and standard deviation of luminance, 0–1
    ``red``, ``green``, ``blue``      means of the channels, 0–1
    ``saturation``                    mean of (max − min) / max over channels, 0–1
    ``colourfulness``                 Hasler & Süsstrunk (2003), of channels 0–1
    ``edges``                         mean size of the luminance gradient, per pixel
    ``power_low``, ``…_middle``,      log10 of the mean spectral power of luminance at 1–8, 8–32
    ``…_high``                        and 32–128 cycles per picture
    ================================  ==========================================================

    Parameters
    ----------
    picture
        Shape (height, width, 3), uint8.

    Returns
    -------
    dict
        Name → value, in the order above; every value is finite.
    """
    square = central_square(picture, STATISTICS_SIDE) / 255.0
    luminance = square @ LUMINANCE
    largest = square.max(axis=2)
    spread = largest - square.min(axis=2)
    red, green, blue = square.mean(axis=(0, 1))
    gradient = np.hypot(*np.gradient(luminance))
    return {
        "brightness": float(luminance.mean()),
        "contrast": float(luminance.std()),
        "red": float(red),
        "green": float(green),
        "blue": float(blue),
        "saturation": float(np.divide(spread, largest, where=largest > 0, out=spread * 0).mean()),
        "colourfulness": _colourfulness(square),
        "edges": float(gradient.mean()),
        **_band_power(luminance),
    }


def colour_histogram(picture: np.ndarray) -> np.ndarray:
    """Give the share of pixels in each of 4 × 4 × 4 cells of red, green and blue.

    Parameters
    ----------
    picture
        Shape (height, width, 3), uint8; its central square is taken.

    Returns
    -------
    numpy.ndarray
        Shape (64,), float64, adding up to 1; red changes slowest.
    """
    cells = central_square(picture, STATISTICS_SIDE).reshape(-1, 3).astype(np.intp) * LEVELS // 256
    codes = (cells[:, 0] * LEVELS + cells[:, 1]) * LEVELS + cells[:, 2]
    return np.bincount(codes, minlength=LEVELS**3) / len(codes)


def frequency_spectrum(picture: np.ndarray) -> np.ndarray:
    """Give the power of luminance at six spatial frequencies in four directions.

    Octaves from 2 to 128 cycles per picture; directions of the waves: across, rising, upright,
    falling, each 45 degrees wide.

    Parameters
    ----------
    picture
        Shape (height, width, 3), uint8; its central square is taken.

    Returns
    -------
    numpy.ndarray
        log10 of the mean power, shape (24,), float64; frequency changes slowest.
    """
    luminance = central_square(picture, STATISTICS_SIDE) / 255.0 @ LUMINANCE
    power, rows, columns = _power(luminance)
    octave = np.floor(np.log2(np.maximum(np.hypot(rows, columns), 1))).astype(np.intp) - 1
    angle = np.degrees(np.arctan2(rows, columns)) % 180
    direction = np.floor((angle + 22.5) / 45).astype(np.intp) % DIRECTIONS
    inside = (octave >= 0) & (octave < OCTAVES)
    codes = (octave * DIRECTIONS + direction)[inside]
    size = OCTAVES * DIRECTIONS
    total = np.bincount(codes, power[inside], size) / np.bincount(codes, minlength=size)
    return np.asarray(np.log10(total + 1e-12))


def _colourfulness(square: np.ndarray) -> float:
    opponent = np.stack(
        [square[..., 0] - square[..., 1], square[..., :2].mean(axis=2) - square[..., 2]]
    )
    flat = opponent.reshape(2, -1)
    return float(np.hypot(*flat.std(axis=1)) + 0.3 * np.hypot(*flat.mean(axis=1)))


def _band_power(luminance: np.ndarray) -> dict[str, float]:
    power, rows, columns = _power(luminance)
    frequency = np.hypot(rows, columns)
    return {
        f"power_{name}": float(
            np.log10(power[(frequency >= low) & (frequency < high)].mean() + 1e-12)
        )
        for name, low, high in BANDS
    }


def _power(luminance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spectral power, and the cycles per picture along rows and columns; all of one shape."""
    power = np.abs(np.fft.rfft2(luminance - luminance.mean(), norm="ortho")) ** 2
    rows = np.fft.fftfreq(luminance.shape[0], 1 / luminance.shape[0])
    columns = np.fft.rfftfreq(luminance.shape[1], 1 / luminance.shape[1])
    return power, *np.meshgrid(rows, columns, indexing="ij")
