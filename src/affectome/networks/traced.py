"""Any torch module as a graph whose layers can be read and manipulated.

A module is exported once (``torch.export``), so that what its ``forward`` computes by functions is
seen as well as what its submodules compute. A layer is a convolution (in a network that has fewer
than two, a linear map too); its response is taken behind the batch normalisation and the activation
that directly follow it. It carries the name of its module.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from affectome.errors import InputError

CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d", "convolution"})
LINEAR = frozenset({"linear"})
ACTIVATIONS = frozenset(
    (
        *("relu", "relu6", "hardtanh", "leaky_relu", "gelu", "silu", "elu", "selu", "celu"),
        *("mish", "hardswish", "sigmoid", "hardsigmoid", "tanh", "softplus", "prelu"),
        *("clamp", "clamp_min"),
    )
)
NORMS = ("batch_norm", "_native_batch_norm_legit")


@dataclass(frozen=True)
class Layer:
    """Where a layer's response is taken, and its number of units."""

    node: str
    units: int


class Traced(nn.Module):
    """A network as a graph of operations.

    Parameters
    ----------
    program
        What ``torch.export.export`` or ``torch.export.load`` gave; its one input are pictures
        (n, 3, height, width).
    layers
        Modules to read; all convolutions if not given.

    Raises
    ------
    InputError
        If it takes anything but one batch of pictures, a named layer does not exist, or no layer
        can be found.
    """

    def __init__(
        self, program: torch.export.ExportedProgram, layers: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        # Operations that write over their input would spoil what is read or shared.
        with quiet_exporter():
            whole = program.run_decompositions({}).module()
        for node in list(whole.graph.nodes):
            if node.op == "call_module" and str(node.target).startswith("_guards"):
                whole.graph.erase_node(node)
        whole.recompile()
        self.graph_module = whole
        inputs = [node for node in whole.graph.nodes if node.op == "placeholder"]
        if len(inputs) != 1:
            raise InputError(
                f"a network takes one batch of pictures; this program has {len(inputs)} inputs"
            )
        shape = inputs[0].meta["val"].shape
        self.batch = shape[0] if isinstance(shape[0], int) else None
        self.input_shape = tuple(int(size) for size in shape[1:])
        if len(self.input_shape) != 3 or self.input_shape[0] != 3:
            raise InputError(
                "a network takes pictures of the shape (n, 3, height, width); this one takes "
                f"(n, {', '.join(map(str, self.input_shape))})"
            )
        nodes = list(whole.graph.nodes)
        self.layers: dict[str, Layer] = named(nodes, layers) if layers else found_layers(nodes)
        if not self.layers:
            raise InputError("this network has neither a convolution nor a linear layer")

    def forward(self, pictures: Tensor) -> Any:
        """Give what the network itself gives."""
        return self.graph_module(pictures)

    def walk(
        self, values: dict[fx.Node, Any], start: fx.Node | None, last: str
    ) -> Iterator[tuple[str, fx.Node, dict[fx.Node, Any]]]:
        """Run the graph behind a node, stopping at each layer's response.

        Parameters
        ----------
        values
            Values of the nodes so far; changed on the way. What no later node needs is dropped.
        start
            Node whose value is there already; None starts at the picture.
        last
            Layer after which nothing is run.

        Yields
        ------
        tuple
            Name of the layer, its node, and the values, the layer's own among them.
        """
        at = {layer.node: name for name, layer in self.layers.items()}
        runner = fx.Interpreter(self.graph_module)
        runner.env = values
        runner.args_iter = iter(())
        nodes = list(self.graph_module.graph.nodes)
        first = 0 if start is None else nodes.index(start) + 1
        for node in nodes[first:]:
            if node.op == "output":
                return
            if node not in values:
                values[node] = runner.run_node(node)
            for done in runner.user_to_last_uses.get(node, []):
                if done.name not in at:
                    values.pop(done, None)
            if node.name in at:
                yield at[node.name], node, values
                if at[node.name] == last:
                    return

    def begin(self, pictures: Tensor) -> dict[fx.Node, Any]:
        """Give the values from which a walk starts."""
        inputs = next(n for n in self.graph_module.graph.nodes if n.op == "placeholder")
        return {inputs: pictures.contiguous()}

    def widest(self) -> int:
        """Give the numbers that the largest operation holds for one picture."""
        sizes = [
            _count(node.meta["val"])
            for node in self.graph_module.graph.nodes
            if node.op == "call_function" and isinstance(node.meta.get("val"), Tensor)
        ]
        return max(sizes, default=0)


def as_maps(values: Tensor) -> Tensor:
    """Lay a layer's response out as maps (n, units, height, width): tokens and vectors too."""
    if values.ndim == 3:
        return values.transpose(1, 2).unsqueeze(3)
    return values if values.ndim == 4 else values.reshape(*values.shape[:2], 1, 1)


def channel_axis(values: Tensor) -> int:
    """Give the axis of a layer's units: the last in tokens, else the second."""
    return 2 if values.ndim == 3 else 1


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keep to itself what torch's exporter says about its own insides."""
    before = logging.root.manager.disable
    logging.disable()
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(before)


def export(module: nn.Module, side: int) -> torch.export.ExportedProgram:
    """Turn a module into a program for any number of pictures.

    Raises
    ------
    InputError
        If ``torch.export`` can't follow it.
    """
    example = torch.zeros(2, 3, side, side)
    try:
        with quiet_exporter():
            return torch.export.export(
                module.eval().requires_grad_(False),
                (example,),
                dynamic_shapes=({0: torch.export.Dim("pictures")},),
            )
    except Exception as error:  # whatever a stranger's forward may raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{type(module).__name__} can't be run on pictures (n, 3, {side}, {side}) and exported "
            f"({type(error).__name__}: {reason}); state its input with --preprocessing side=N"
        ) from error


def found_layers(nodes: Sequence[fx.Node]) -> dict[str, Layer]:
    """Find the layers of a graph, from the picture on."""
    starts = [node for node in nodes if _kind(node) in CONVOLUTIONS]
    if len(starts) < 2:
        starts = [node for node in nodes if _kind(node) in CONVOLUTIONS | LINEAR]
    layers: dict[str, Layer] = {}
    for node in starts:
        end = _response(node)
        name = base = _module(node) or node.name
        place = 1
        while name in layers:
            place += 1
            name = f"{base}.{place}"
        if _units(end):
            layers[name] = Layer(end.name, _units(end))
    return _in_order(layers, nodes)


def _in_order(layers: Mapping[str, Layer], nodes: Sequence[fx.Node]) -> dict[str, Layer]:
    place = {node.name: number for number, node in enumerate(nodes)}
    return dict(sorted(layers.items(), key=lambda item: place[item[1].node]))


def named(nodes: Sequence[fx.Node], names: Sequence[str]) -> dict[str, Layer]:
    """Find the layers that are called by the names of their modules, in the network's order.

    Raises
    ------
    InputError
        If no operation belongs to a module of that name.
    """
    known: dict[str, None] = {}
    ends: dict[str, fx.Node] = {}
    for node in nodes:
        for path in _path(node):
            known[path] = None
            if path in names and _units(node):
                ends[path] = node
    unknown = [name for name in names if name not in ends]
    if unknown:
        raise InputError(
            f"there is no module {', '.join(unknown)} that gives maps; there are "
            f"{', '.join(list(known)[:40])}"
        )
    chosen = {name: _response(node) for name, node in ends.items()}
    return _in_order({name: Layer(n.name, _units(n)) for name, n in chosen.items()}, nodes)


def redraw(tensors: Mapping[str, Tensor], random_state: int) -> None:
    """Draw weights anew, in place: He-normal matrices, biases 0, norms that change nothing."""
    generator = torch.Generator().manual_seed(random_state)
    for name, values in tensors.items():
        if not values.is_floating_point():
            continue
        last = name.rsplit(".", 1)[-1].rsplit("_", 1)[-1]
        with torch.no_grad():
            if values.ndim >= 2:
                nn.init.kaiming_normal_(values, nonlinearity="relu", generator=generator)
            else:
                values.fill_(1.0 if last in {"weight", "var"} else 0.0)


def _kind(node: fx.Node) -> str:
    if node.op != "call_function":
        return ""
    name = getattr(getattr(node.target, "overloadpacket", None), "__name__", "")
    return name.rstrip("_") if not name.startswith("_") else name


def _response(node: fx.Node) -> fx.Node:
    """Follow a node through its batch normalisation to its activation."""
    end = node
    while len(end.users) == 1:
        follower = next(iter(end.users))
        kind = _kind(follower)
        if kind in ACTIVATIONS:
            return follower
        if not kind.startswith(NORMS):
            return end
        if isinstance(follower.meta.get("val"), Tensor):
            end = follower
            continue
        first = [user for user in follower.users if user.args[1] == 0]
        if len(first) != 1:
            return end
        end = first[0]
    return end


def _units(node: fx.Node) -> int:
    value = node.meta.get("val")
    if not isinstance(value, Tensor) or not 2 <= value.ndim <= 4:
        return 0
    size = value.shape[channel_axis(value)]
    return size if isinstance(size, int) else 0


def _path(node: fx.Node) -> list[str]:
    stack = node.meta.get("nn_module_stack") or {}
    return [str(path).removeprefix("L['self'].") for path, _ in stack.values() if path]


def _module(node: fx.Node) -> str:
    path = _path(node)
    return path[-1] if path else ""


def _count(value: Tensor) -> int:
    count = 1
    for size in value.shape[1:]:
        count *= size if isinstance(size, int) else 1
    return count
