"""Histograms of oriented gradients against scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from skimage.feature import hog as reference

from affectome.errors import InputError
from affectome.kernels.hog import hog


def smooth(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (gaussian_filter(rng.normal(size=(96, 130)), 3) * 500 + 120).clip(0, 255)


@pytest.mark.parametrize("block_norm", ["L1", "L1-sqrt", "L2", "L2-Hys"])
@pytest.mark.parametrize("transform_sqrt", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
def test_equals_scikit_image(block_norm: str, transform_sqrt: bool, dtype: str) -> None:
    images = np.stack([smooth(0), smooth(1)]).astype(dtype)
    got = hog(images, 8, (16, 12), (2, 1), block_norm, transform_sqrt)
    for row, image in zip(got, images, strict=True):
        wanted = reference(image, 8, (16, 12), (2, 1), block_norm, transform_sqrt=transform_sqrt)
        assert row.dtype == wanted.dtype
        np.testing.assert_allclose(row, wanted, atol=2e-6)


@pytest.mark.parametrize("orientations", [4, 6, 8, 9, 12])
def test_ties_under_a_square_root_fall_as_in_scikit_image(orientations: int) -> None:
    rng = np.random.default_rng(orientations)
    image = rng.choice(np.array([0, 2, 3, 8, 12, 18, 27, 32, 48, 50], np.uint8), (40, 50))
    got = hog(image, orientations, (1, 1), (1, 1), "L1", transform_sqrt=True)
    wanted = reference(image, orientations, (1, 1), (1, 1), "L1", transform_sqrt=True)
    np.testing.assert_allclose(got, wanted, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(
    image=arrays(np.uint8, st.tuples(st.integers(8, 20), st.integers(8, 20))),
    orientations=st.integers(1, 12),
    cell=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    block=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_equals_scikit_image_for_any_bytes(
    image: np.ndarray, orientations: int, cell: tuple[int, int], block: tuple[int, int]
) -> None:
    np.testing.assert_allclose(
        hog(image, orientations, cell, block),
        reference(image, orientations, cell, block),
        atol=2e-6,
    )


def test_a_batch_is_its_frames_in_order() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32)).astype(np.uint8)
    alone = np.stack([hog(image, 8, (8, 8), (1, 1)) for image in images])
    np.testing.assert_array_equal(hog(images, 8, (8, 8), (1, 1)), alone)
    np.testing.assert_array_equal(hog(images[::-1], 8, (8, 8), (1, 1)), alone[::-1])


@settings(deadline=None, max_examples=10)
@given(scale=st.floats(0.5, 1000), shift=st.floats(0, 100))
def test_brightness_and_contrast_leave_it_unchanged(scale: float, shift: float) -> None:
    image = smooth(3)
    got = hog(scale * image + shift, 8, (16, 16), (2, 2))
    np.testing.assert_allclose(got, hog(image, 8, (16, 16), (2, 2)), atol=1e-3)


def test_a_flat_frame_has_no_gradients() -> None:
    assert not hog(np.full((32, 32), 7, np.uint8), 8, (8, 8), (1, 1)).any()


def test_no_frames_give_no_rows() -> None:
    assert hog(np.empty((0, 32, 32), np.uint8), 8, (8, 8), (1, 1)).shape == (0, 128)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros(5)}, r"shape \(n_frames, height, width\).*got \(5,\)"),
        ({"images": np.zeros((9, 9))}, "too small: a block asks for 24 rows and 24 columns"),
        ({"block_norm": "L3"}, "block_norm is one of L1, L1-sqrt, L2, L2-Hys; got 'L3'"),
        ({"orientations": 0}, "1 or more; got 0"),
        ({"images": -np.ones((32, 32)), "transform_sqrt": True}, "0 or more; the smallest is -1"),
    ],
)
def test_what_can_not_be_described(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        hog(**{"images": np.zeros((32, 32)), **change})
