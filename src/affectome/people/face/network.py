"""The network of expressions: a small convolutional network on grey faces of 48 pixels.

Layers are few and wide, since a processor is busiest then: a stem that halves, three stages that
widen, halve (a convolution, then the largest of each four) and refine with two convolutions and a
way around them (He et al. 2016; the shape is that of Jordan 2024, arXiv:2404.00498). Faces stand
upright in their frame, so the last maps are not averaged but weighted by place (Chen et al. 2018,
arXiv:1804.07573).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as f

SIZE, LAST = 48, 3
WIDTHS = (32, 64, 160, 320)


class Stage(nn.Module):
    """Widen and halve, then refine: two convolutions and a way around them."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(n_in, n_out, 3, 1, 1, bias=False)
        self.widen_norm = nn.BatchNorm2d(n_out)
        self.first = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Give maps of shape (n, n_out, height / 2, width / 2)."""
        y = f.relu(self.widen_norm(f.max_pool2d(self.widen(x), 2)))
        z = f.relu(self.first_norm(self.first(y)))
        return f.relu(y + self.second_norm(self.second(z)))


class FaceNet(nn.Module):
    """Logits of expressions from faces of shape (n, 1, 48, 48), standardised each for itself.

    Parameters
    ----------
    n_labels
        Number of expressions.
    widths
        Channels of the stem and of each of the three stages.
    dropout
        Share of the last features left out in training.
    """

    def __init__(
        self, n_labels: int = 7, widths: Sequence[int] = WIDTHS, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, widths[0], 5, 2, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        self.stages = nn.Sequential(*map(Stage, widths[:-1], widths[1:]))
        self.places = nn.Conv2d(widths[-1], widths[-1], LAST, groups=widths[-1], bias=False)
        self.places_norm = nn.BatchNorm2d(widths[-1])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], n_labels)

    def features(self, x: Tensor) -> Tensor:
        """Give what the last maps hold, each weighted by place, shape (n, widths[-1])."""
        y = self.stages(f.relu(self.stem_norm(self.stem(x))))
        return self.places_norm(self.places(y)).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Give logits, shape (n, n_labels)."""
        return self.head(self.dropout(self.features(x)))


def standardised(faces: Tensor) -> Tensor:
    """Bring faces of shape (n, 1, h, w) to mean 0 and standard deviation 1, each for itself."""
    mean = faces.mean((2, 3), keepdim=True)
    return (faces - mean) / (faces.std((2, 3), keepdim=True) + 1.0)
