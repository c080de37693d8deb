"""Small networks for trials in time: EEGNet, ShallowConvNet and a GRU over windows.

All take an array of the shape (n_trials, n_units, n_times), the convention of torch's convolutions,
and give logits of the shape (n_trials, n_classes). A filter in time and a filter across units
commute, so the convolutions apply them in the cheaper order: the function is the paper's, with a
tenth of its multiplications.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class EEGNet(nn.Module):
    """Temporal filters, spatial filters for each, then a separable convolution.

    Parameters
    ----------
    n_units, n_times, n_classes
        Sizes of the input and of the output.
    n_filters
        Temporal filters.
    depth
        Spatial filters for each temporal filter.
    kernel
        Samples of a temporal filter, odd; half the trial, at most 65, when not given.
    dropout
        Share of features dropped in training.

    References
    ----------
    Lawhern et al. 2018, J. Neural Eng. 15, 056013. The weights of a spatial filter have a norm of
    at most 1, those of a class at most .25, as in the paper.
    """

    def __init__(
        self,
        n_units: int,
        n_times: int,
        n_classes: int,
        n_filters: int = 8,
        depth: int = 2,
        kernel: int | None = None,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.depth, width = depth, n_filters * depth
        kernel = (kernel or min(65, n_times // 2)) | 1
        first = _pooling(n_times, 4)
        second = _pooling(n_times // first, 8)
        self.spatial = nn.Conv1d(n_units, width, 1, bias=False)
        self.temporal = nn.Conv1d(1, n_filters, kernel, bias=False)
        self.body = nn.Sequential(
            nn.BatchNorm1d(width),
            nn.ELU(),
            nn.AvgPool1d(first),
            nn.Dropout(dropout),
            nn.Conv1d(width, width, 15, padding="same", groups=width, bias=False),
            nn.Conv1d(width, width, 1, bias=False),
            nn.BatchNorm1d(width),
            nn.ELU(),
            nn.AvgPool1d(second),
            nn.Dropout(dropout),
            nn.Flatten(),
        )
        self.classify = nn.Linear(width * (n_times // first // second), n_classes)

    def forward(self, X: Tensor) -> Tensor:
        """Give the logits of each trial."""
        with torch.no_grad():
            self.spatial.weight.copy_(torch.renorm(self.spatial.weight, 2, 0, 1.0))
            self.classify.weight.copy_(torch.renorm(self.classify.weight, 2, 0, 0.25))
        kernels = self.temporal.weight[:, 0].repeat_interleave(self.depth, dim=0)
        return self.classify(self.body(_filter(self.spatial(X), kernels)))


class ShallowConvNet(nn.Module):
    """Temporal and spatial filters, squared, averaged and logged: a learned band power.

    Parameters
    ----------
    n_units, n_times, n_classes
        Sizes of the input and of the output.
    n_filters
        Filters in time and in space.
    kernel, window
        Samples of a temporal filter and of the window that is averaged; 25 and 75 as in the paper,
        shorter when the trial is short.
    dropout
        Share of features dropped in training.

    References
    ----------
    Schirrmeister et al. 2017, Hum. Brain Mapp. 38, 5391.
    """

    def __init__(
        self,
        n_units: int,
        n_times: int,
        n_classes: int,
        n_filters: int = 40,
        kernel: int | None = None,
        window: int | None = None,
        dropout: float = 0.5,
    ):
        super().__init__()
        kernel = kernel or max(1, min(25, n_times // 4))
        left = n_times - kernel + 1
        window = window or max(1, min(75, left // 2))
        step = max(1, window // 5)
        self.temporal = nn.Conv1d(1, n_filters, kernel, bias=False)
        self.spatial = nn.Conv2d(n_filters, n_filters, (n_units, 1), bias=False)
        self.normalise = nn.BatchNorm1d(n_filters)
        self.average = nn.AvgPool1d(window, stride=step)
        self.drop = nn.Dropout(dropout)
        self.classify = nn.Linear(n_filters * ((left - window) // step + 1), n_classes)

    def forward(self, X: Tensor) -> Tensor:
        """Give the logits of each trial."""
        filters = torch.einsum(
            "ofu,fk->ouk", self.spatial.weight[..., 0], self.temporal.weight[:, 0]
        )
        power = self.average(self.normalise(functional.conv1d(X, filters)).square())
        return self.classify(self.drop(power.clamp(min=1e-6).log().flatten(1)))


class WindowGRU(nn.Module):
    """A gated recurrent network over windows: the mean and the log power of learned filters.

    Parameters
    ----------
    n_units, n_times, n_classes
        Sizes of the input and of the output.
    window
        Samples in a window; a tenth of the trial when not given. What is left over at the trial's
        start is not read, so that the last window ends where the trial ends.
    kernel
        Samples of a filter.
    n_hidden
        Filters, and size of the state.
    dropout
        Share of features dropped in training.
    """

    def __init__(
        self,
        n_units: int,
        n_times: int,
        n_classes: int,
        window: int | None = None,
        kernel: int = 7,
        n_hidden: int = 32,
        dropout: float = 0.3,
    ):
        super().__init__()
        self.window = window or max(1, n_times // 10)
        self.filter = nn.Conv1d(n_units, n_hidden, kernel, padding=kernel // 2, bias=False)
        self.normalise = nn.BatchNorm1d(n_hidden)
        self.average = nn.AvgPool1d(self.window)
        self.drop = nn.Dropout(dropout)
        self.recurrent = nn.GRU(2 * n_hidden, n_hidden, batch_first=True)
        self.classify = nn.Linear(2 * n_hidden, n_classes)

    def forward(self, X: Tensor) -> Tensor:
        """Give the logits of each trial from the mean state and the last state."""
        filtered = self.normalise(self.filter(X))[:, :, X.shape[2] % self.window :]
        power = self.average(filtered.square()).clamp(min=1e-6).log()
        windows = torch.cat([self.average(filtered), power], dim=1).transpose(1, 2)
        states, last = self.recurrent(self.drop(windows))
        return self.classify(self.drop(torch.cat([states.mean(1), last[0]], dim=1)))


def _filter(X: Tensor, kernels: Tensor) -> Tensor:
    """Convolve each row of X (n, rows, times) with its own kernel (rows, samples), same length."""
    n_times, n_samples = X.shape[2], kernels.shape[1]
    length = n_times + n_samples - 1
    # A grouped convolution with long kernels takes four times as long on a processor.
    product = torch.fft.rfft(X, length) * torch.fft.rfft(kernels.flip(1), length)
    start = n_samples // 2
    return torch.fft.irfft(product, length)[:, :, start : start + n_times]


def _pooling(n_times: int, wanted: int) -> int:
    return max(1, min(wanted, n_times // 2))
