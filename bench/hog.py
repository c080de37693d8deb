"""HOG of 480×640 frames against scikit-image."""

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.feature import hog as peer

from affectome.kernels.hog import hog
from bench.timing import compare, show

N_FRAMES = 16


def main() -> None:
    rng = np.random.default_rng(0)
    scene = gaussian_filter(rng.normal(size=(N_FRAMES, 480, 640)), (0, 3, 3)) * 400 + 120
    frames = scene.clip(0, 255).astype(np.uint8)
    for root in (False, True):
        given = {"orientations": 8, "pixels_per_cell": (32, 32), "cells_per_block": (1, 1)}
        given |= {"block_norm": "L2-Hys", "transform_sqrt": root}
        rows = compare(
            f"HOG of {N_FRAMES} frames 480×640{', square root' * root}",
            lambda given=given: hog(frames, **given),
            lambda given=given: [peer(frame, **given) for frame in frames],
            target=20,
            threads=(2,),
        )
        show(rows)
        difference = np.abs(hog(frames[0], **given) - peer(frames[0], **given)).max()
        print(f"largest difference {difference:.1e}")
