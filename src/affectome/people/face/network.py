"""The network of expressions: a small residual network on grey faces of 48 pixels.

He et al. (2016) with the resolution kept longer, since a face of 48 pixels has none to spare: a
convolution at full size, then stages at 24, 12, 6 and 3 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as f

SIZE = 48
WIDTHS = (24, 48, 96, 192)
DEPTHS = (1, 1, 2, 1)


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(n_out)
        self.around: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.around = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Give maps of shape (n, n_out, height / stride, width / stride)."""
        y = f.relu(self.first_norm(self.first(x)))
        return f.relu(self.second_norm(self.second(y)) + self.around(x))


class FaceNet(nn.Module):
    """Logits of expressions from faces of shape (n, 1, 48, 48), standardised each for itself.

    Parameters
    ----------
    n_labels
        Number of expressions.
    widths, depths
        Channels and blocks of each stage.
    dropout
        Share of the last features left out in training.
    """

    def __init__(
        self,
        n_labels: int = 7,
        widths: Sequence[int] = WIDTHS,
        depths: Sequence[int] = DEPTHS,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, widths[0], 3, 1, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        blocks: list[nn.Module] = []
        n_in = widths[0]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for number in range(depth):
                blocks.append(Block(n_in, width, 2 if stage and not number else 1))
                n_in = width
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(n_in, n_labels)

    def features(self, x: Tensor) -> Tensor:
        """Give the means of the last maps, shape (n, widths[-1])."""
        y = f.max_pool2d(f.relu(self.stem_norm(self.stem(x))), 2)
        return self.blocks(y).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Give logits, shape (n, n_labels)."""
        return self.head(self.dropout(self.features(x)))


def standardised(faces: Tensor) -> Tensor:
    """Bring faces of shape (n, 1, h, w) to mean 0 and standard deviation 1, each for itself."""
    mean = faces.mean((2, 3), keepdim=True)
    return (faces - mean) / (faces.std((2, 3), keepdim=True) + 1.0)
