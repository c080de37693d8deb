"""A network as an ONNX file, for programs that have no torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from affectome.errors import require
from affectome.networks.traced import export, quiet_exporter


def export_onnx(module: nn.Module, side: int, file: str | Path) -> Path:
    """Write a network for any number of pictures; what it gives stays the same to 1e-4.

    Parameters
    ----------
    module
        The network; takes pictures (n, 3, side, side), preprocessed.
    side
        Side of its pictures.
    file
        Where to write, one file with the weights in it.

    Raises
    ------
    MissingExtraError
        If ``onnxscript`` is not installed.
    """
    require("onnxscript", "onnx")
    target = Path(file)
    with quiet_exporter():
        program = torch.onnx.export(
            export(module, side), dynamo=True, external_data=False, verbose=False
        )
        program.save(str(target))
    return target
