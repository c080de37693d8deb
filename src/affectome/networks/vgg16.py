"""VGG-16's convolutional stack (Simonyan & Zisserman 2015, configuration D)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from affectome.networks._stage import convolution

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def vgg16() -> nn.Sequential:
    """Build VGG-16's thirteen convolutions, named ``conv1_1`` … ``conv5_3``, each with its ReLU.

    Returns
    -------
    torch.nn.Sequential
        Maps pictures (n, 3, 224, 224), float32, to maps (n, 512, 14, 14); untrained.
    """
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for block, (depth, width) in enumerate(BLOCKS, start=1):
        if block > 1:
            stages[f"pool{block - 1}"] = nn.MaxPool2d(2, 2)
        for place in range(1, depth + 1):
            stages[f"conv{block}_{place}"] = convolution(channels, width, kernel=3, padding=1)
            channels = width
    return nn.Sequential(stages)
