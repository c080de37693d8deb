"""AlexNet's convolutional stack, the one-tower form (Krizhevsky 2014, arXiv:1404.5997)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from affectome.networks._stage import convolution


def alexnet() -> nn.Sequential:
    """Build AlexNet's five convolutions, named ``conv1`` … ``conv5``, each with its ReLU.

    Returns
    -------
    torch.nn.Sequential
        Maps pictures (n, 3, 224, 224), float32, to maps (n, 256, 13, 13); untrained.
    """
    return nn.Sequential(
        OrderedDict(
            conv1=convolution(3, 64, kernel=11, stride=4, padding=2),
            pool1=nn.MaxPool2d(3, 2),
            conv2=convolution(64, 192, kernel=5, padding=2),
            pool2=nn.MaxPool2d(3, 2),
            conv3=convolution(192, 384, kernel=3, padding=1),
            conv4=convolution(384, 256, kernel=3, padding=1),
            conv5=convolution(256, 256, kernel=3, padding=1),
        )
    )
