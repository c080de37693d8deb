"""What a network wants to see: the side of its picture, how it is cut, and how it is scaled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from PIL import Image

from affectome.data import central_square
from affectome.data.pictures import check_picture
from affectome.errors import InputError, unknown

CUTS = ("square", "whole")
KEYS = ("side", "cut", "top", "mean", "sd")


def _imagenet_mean() -> torch.Tensor:
    return torch.tensor([0.485, 0.456, 0.406])


def _imagenet_sd() -> torch.Tensor:
    return torch.tensor([0.229, 0.224, 0.225])


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """From a picture to a network's input: (pixel · top / 255 − mean) / sd.

    Attributes
    ----------
    side
        Side of the input in pixels.
    cut
        ``"square"``: the largest central square; ``"whole"``: all of the picture, squeezed.
    top
        What white is before the mean is taken away: 1 or 255.
    mean, sd
        Of red, green and blue, shape (3,); the mean may be a picture, shape (side, side, 3).
    """

    side: int = 224
    cut: str = "square"
    top: float = 1.0
    mean: torch.Tensor = field(default_factory=_imagenet_mean)
    sd: torch.Tensor = field(default_factory=_imagenet_sd)

    def __post_init__(self) -> None:
        if self.cut not in CUTS:
            raise unknown("cut", self.cut, CUTS)
        if self.side < 1:
            raise InputError(f"the side of a network's picture is at least 1; got {self.side}")
        if self.mean.shape not in {(3,), (self.side, self.side, 3)}:
            raise InputError(
                f"the mean has a number for red, green and blue, or is a picture of "
                f"{self.side} × {self.side} × 3; got the shape {tuple(self.mean.shape)}"
            )
        if self.sd.shape != (3,) or not bool((self.sd > 0).all()):
            raise InputError(f"sd has three numbers above 0; got {self.sd.tolist()}")

    def with_side(self, side: int, cut: str = "whole") -> Preprocessing:
        """Give the same for another side, by default of the whole picture."""
        return replace(self, side=side, cut=cut)

    def shorten(self, picture: np.ndarray) -> np.ndarray:
        """Cut and resize a picture (height, width, 3), uint8, to (side, side, 3)."""
        if self.cut == "square":
            return central_square(picture, self.side)
        image = Image.fromarray(check_picture(picture))
        return np.asarray(image.resize((self.side, self.side), Image.Resampling.BILINEAR))

    def to_input(self, pixels: np.ndarray, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Scale pixels.

        Parameters
        ----------
        pixels
            Shape (n, height, width, 3), uint8.
        dtype
            Type of the result; the arithmetic is done in float32.

        Returns
        -------
        torch.Tensor
            Shape (n, 3, height, width), channels last in memory.
        """
        scaled = torch.from_numpy(pixels).to(torch.float32).div_(255.0 / self.top)
        return scaled.sub_(self.mean).div_(self.sd).to(dtype).permute(0, 3, 1, 2)

    def words(self) -> str:
        """State it in one line, for reports and manifests."""
        cut = "largest central square" if self.cut == "square" else "whole picture, squeezed"
        mean = (
            f"a mean picture (average {self.mean.mean():.4g})"
            if self.mean.ndim == 3
            else "/".join(f"{m:.4g}" for m in self.mean.tolist())
        )
        sd = "/".join(f"{s:.4g}" for s in self.sd.tolist())
        side = f"{self.side} × {self.side}"
        return f"{cut} to {side}, RGB 0–{self.top:g} − {mean}, divided by {sd}"


IMAGENET = Preprocessing()


def parse_preprocessing(text: str, base: Preprocessing = IMAGENET) -> Preprocessing:
    """Read ``side=227,cut=whole,top=255,mean=122.7/115.9/102.9,sd=1/1/1``; what is left out stays.

    Raises
    ------
    InputError
        If a word is not known or a value is no number.
    """
    found = base
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = part.partition("=")
        try:
            if key == "side":
                found = replace(found, side=int(value))
            elif key == "cut":
                found = replace(found, cut=value)
            elif key == "top":
                found = replace(found, top=float(value))
            elif key in {"mean", "sd"}:
                numbers = torch.tensor([float(number) for number in value.split("/")])
                found = replace(found, **{key: numbers})
            else:
                raise InputError(f"preprocessing knows {', '.join(KEYS)}; got {key!r} in {text!r}")
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"preprocessing: {part!r} is not a number") from error
    return found
