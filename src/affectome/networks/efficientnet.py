"""EfficientNet-lite: object recognition for small machines (Tan & Le 2019; lite form, 2020).

No squeeze-and-excitation and ReLU6 in place of swish, so that it survives eight-bit weights; stem
and head keep their width. Batch normalisation is folded into the convolutions, which is exact for
a network that is only asked.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectome.errors import InputError

WIDTH_AND_DEPTH = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
EPSILON = 1e-3
FEATURES = 1280
# expansion, output channels, repeats, stride, kernel
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class SameConvolution(nn.Conv2d):
    """A convolution padded as TensorFlow does: more on the right and below where it is uneven."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve, shape (n, inputs, h, w) → (n, outputs, ⌈h / stride⌉, ⌈w / stride⌉)."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads: list[int] = []
        for size in (maps.shape[3], maps.shape[2]):
            need = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [need // 2, need - need // 2]
        padded = functional.pad(maps, pads) if any(pads) else maps
        return functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


class Block(nn.Module):
    """Widen, filter each channel by itself, narrow; with a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = SameConvolution(inputs, inner, 1, 1) if expansion > 1 else nn.Identity()
        self.depthwise = SameConvolution(inner, inner, kernel, stride, groups=inner)
        self.project = SameConvolution(inner, outputs, 1, 1)
        self.shortcut = stride == 1 and inputs == outputs
        self.widens = expansion > 1

    def forward(self, maps: Tensor) -> Tensor:
        """Transform maps, shape (n, inputs, h, w)."""
        wide = functional.relu6(self.expand(maps)) if self.widens else maps
        narrow = self.project(functional.relu6(self.depthwise(wide)))
        return narrow + maps if self.shortcut else narrow


def stages(size: str) -> list[tuple[int, int, int, int, int]]:
    """Give the stages of a size: wider and deeper, but for the first and the last."""
    width, depth = WIDTH_AND_DEPTH[size]
    return [
        (
            expansion,
            max(8, int(outputs * width + 4) // 8 * 8),
            repeats if number in {0, len(STAGES) - 1} else math.ceil(repeats * depth),
            stride,
            kernel,
        )
        for number, (expansion, outputs, repeats, stride, kernel) in enumerate(STAGES)
    ]


class EfficientNetLite(nn.Module):
    """The network: ``stem``, ``block1`` …, ``head`` and the 1,000 ``objects``.

    Parameters
    ----------
    size
        ``"lite0"``, ``"lite1"`` or ``"lite2"``.
    """

    def __init__(self, size: str = "lite0") -> None:
        super().__init__()
        self.stem = SameConvolution(3, 32, 3, 2)
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        inputs = 32
        for expansion, outputs, repeats, stride, kernel in stages(size):
            for place in range(repeats):
                name = f"block{len(blocks) + 1}"
                blocks[name] = Block(inputs, outputs, expansion, kernel, 1 if place else stride)
                inputs = outputs
        self.blocks = nn.Sequential(blocks)
        self.head = SameConvolution(inputs, FEATURES, 1, 1)
        self.objects = nn.Linear(FEATURES, 1000)

    def maps(self, pictures: Tensor, blocks: tuple[str, ...] = ()) -> dict[str, Tensor]:
        """Give the maps of some blocks and of the head, which is always among them.

        Parameters
        ----------
        pictures
            Shape (n, 3, side, side), pixels scaled to (x − 127) / 128.
        blocks
            Names such as ``"block11"``.

        Returns
        -------
        dict
            Name → shape (n, channels, h, w).
        """
        found = {}
        maps = functional.relu6(self.stem(pictures))
        for name, block in self.blocks.named_children():
            maps = block(maps)
            if name in blocks:
                found[name] = maps
        found["head"] = functional.relu6(self.head(maps))
        return found

    def forward(self, pictures: Tensor) -> Tensor:
        """Give the logits of ImageNet's 1,000 classes, shape (n, 1000)."""
        return self.objects(self.maps(pictures)["head"].mean(dim=(2, 3)))


def fold_batch_norms(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    r"""Turn the published weights, with batch normalisation, into ours without.

    .. math:: w' = w \gamma / \sqrt{\sigma^2 + \epsilon}, \quad
        b' = \beta - \mu \gamma / \sqrt{\sigma^2 + \epsilon}

    Parameters
    ----------
    state
        State dict with the names of ``efficientnet-lite-pytorch`` (``_blocks.0._bn1.weight`` …).

    Raises
    ------
    InputError
        If a tensor is missing.
    """
    folded: dict[str, Tensor] = {}

    def fold(ours: str, convolution: str, norm: str) -> None:
        scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + EPSILON)
        folded[f"{ours}.weight"] = state[f"{convolution}.weight"] * scale[:, None, None, None]
        folded[f"{ours}.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale

    try:
        fold("stem", "_conv_stem", "_bn0")
        places = {int(name.split(".")[1]) for name in state if name.startswith("_blocks.")}
        for place in range(max(places, default=0) + 1):
            theirs, ours = f"_blocks.{place}", f"blocks.block{place + 1}"
            if place:
                fold(f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
            fold(f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
            fold(f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
        fold("head", "_conv_head", "_bn1")
        folded["objects.weight"], folded["objects.bias"] = state["_fc.weight"], state["_fc.bias"]
    except KeyError as error:
        raise InputError(
            f"these are not the weights of an EfficientNet-lite: no {error}"
        ) from error
    return folded
