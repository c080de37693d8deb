import numpy as np
import pytest

from affectome.errors import InputError
from affectome.networks import (
    Manipulation,
    activations,
    intervene,
    load_network,
    manipulated_activations,
)


@pytest.fixture(scope="module")
def alexnet():
    return load_network("alexnet")


@pytest.fixture(scope="module")
def noise():
    draws = np.random.default_rng(0)
    return [draws.integers(0, 255, (80, 90 + 7 * i, 3), dtype=np.uint8) for i in range(3)]


def responses(network, pictures, precision="float32"):
    return activations(network, pictures, batch_size=2, precision=precision).recording


def test_a_lesion_silences_the_units_and_nothing_else_in_the_layer(alexnet, noise):
    base = responses(alexnet, noise)
    with intervene(alexnet, "conv2", [3, 5], -1.0):
        found = responses(alexnet, noise)
    own = base.layer.values == "conv2"
    chosen = own & np.isin(base.channel.values, [3, 5])
    assert (found.values[:, chosen] == 0).all()
    before = np.isin(base.layer.values, ["conv1", "conv2"]) & ~chosen
    np.testing.assert_array_equal(found.values[:, before], base.values[:, before])
    assert np.abs(found.values - base.values)[:, base.layer.values == "conv5"].max() > 0


def test_gain_multiplies(alexnet, noise):
    base = responses(alexnet, noise)
    with intervene(alexnet, "conv3", range(384), 2.5):
        found = responses(alexnet, noise)
    own = base.layer.values == "conv3"
    np.testing.assert_allclose(found.values[:, own], 3.5 * base.values[:, own], rtol=1e-5)


def test_contexts_nest_and_are_undone_also_after_an_error(alexnet, noise):
    base = responses(alexnet, noise)
    with intervene(alexnet, "conv1", [1], 1.0), intervene(alexnet, "conv1", [1], 1.0):
        assert alexnet.interventions == ["conv1: [1] × 2", "conv1: [1] × 2"]
        fourfold = responses(alexnet, noise)
    np.testing.assert_allclose(fourfold.values[:, 1], 4 * base.values[:, 1], rtol=1e-5)
    with pytest.raises(ZeroDivisionError), intervene(alexnet, "conv1", [0], -1):
        _ = 1 / 0
    assert alexnet.interventions == []
    assert not alexnet.stack.conv1._forward_hooks
    np.testing.assert_array_equal(responses(alexnet, noise), base)


def manipulations(network):
    draws = np.random.default_rng(1)
    return [
        Manipulation(layer, tuple(draws.choice(network.units(layer), 9, replace=False)), gain)
        for gain in (-1.0, 0.0, 5.0)
        for layer in network.layers
    ]


@pytest.mark.parametrize("readout", [None, ("conv1", "conv3")])
def test_the_sweep_answers_as_running_from_the_pixels(alexnet, noise, readout):
    plan = manipulations(alexnet)
    found = manipulated_activations(
        alexnet, noise, plan, readout=readout, batch_size=2, precision="float32"
    )
    layers = readout or ("conv5",)
    for manipulation, values in zip(plan, found.values, strict=True):
        with intervene(alexnet, manipulation.layer, manipulation.units, manipulation.gain):
            expected = responses(alexnet, noise)
        expected = expected.values[:, np.isin(expected.layer.values, layers)]
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
    base = responses(alexnet, noise)
    np.testing.assert_allclose(
        found.base, base.values[:, np.isin(base.layer.values, layers)], atol=1e-6
    )


def test_the_sweep_of_vgg16_answers_as_running_from_the_pixels(noise):
    vgg16 = load_network("vgg16", "untrained")
    plan = [Manipulation("conv2_2", (0, 7, 9), 3.0), Manipulation("conv5_2", (1, 2), -1.0)]
    found = manipulated_activations(vgg16, noise[:2], plan, precision="float32")
    for manipulation, values in zip(plan, found.values, strict=True):
        with intervene(vgg16, manipulation.layer, manipulation.units, manipulation.gain):
            expected = activations(vgg16, noise[:2], ["conv5_3"], precision="float32").recording
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


def test_the_sweep_in_bfloat16(alexnet, noise):
    plan = manipulations(alexnet)
    exact, close = (
        manipulated_activations(alexnet, noise, plan, precision=p).values
        for p in ("float32", "bfloat16")
    )
    assert np.corrcoef(exact.ravel(), close.ravel())[0, 1] > 0.999


def test_a_sweep_inside_an_intervention_is_refused(alexnet, noise):
    with (
        intervene(alexnet, "conv1", [0], 1.0),
        pytest.raises(InputError, match=r"alexnet is manipulated already \(conv1: \[0\] × 2\)"),
    ):
        manipulated_activations(alexnet, noise, manipulations(alexnet))


def test_gains_of_one_set_and_no_units(alexnet, noise):
    plan = [Manipulation("conv2", (5, 5, 2), g) for g in (-1.0, 2.0)] + [
        Manipulation("conv2", (), 2.0)
    ]
    found = manipulated_activations(alexnet, noise, plan, precision="float32")
    for manipulation, values in zip(plan, found.values, strict=True):
        with intervene(alexnet, "conv2", manipulation.units, manipulation.gain):
            expected = activations(alexnet, noise, ["conv5"], precision="float32").recording
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.values[2], found.base, atol=1e-6)


def test_read_is_applied_to_the_joined_means(alexnet, noise):
    weights = np.random.default_rng(2).normal(size=(64 + 256, 3))
    plan = [Manipulation("conv1", (4,), 2.0), Manipulation("conv4", (4,), -1.0)]
    options = {"readout": ["conv5", "conv1"], "precision": "float32"}
    means = manipulated_activations(alexnet, noise, plan, **options)
    read = manipulated_activations(alexnet, noise, plan, **options, read=lambda X: X @ weights)
    np.testing.assert_allclose(read.values, means.values @ weights, rtol=1e-4, atol=1e-4)
    one = manipulated_activations(alexnet, noise, plan, **options, read=lambda X: X[:, 0])
    assert one.values.shape == (2, 3, 1)


def test_pictures_that_cannot_be_read_and_no_manipulation(alexnet, noise, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    pictures = [noise[0], tmp_path / "a.jpg", noise[1]]
    found = manipulated_activations(alexnet, pictures, [], batch_size=1, precision="float32")
    assert found.values.shape == (0, 2, 256)
    assert found.rows.tolist() == [0, 2]
    assert [s.file for s in found.skipped] == [str(tmp_path / "a.jpg")]
    with pytest.raises(InputError, match="none of 1 pictures can be read"):
        manipulated_activations(alexnet, pictures[1:2], [], precision="float32")


@pytest.mark.parametrize(
    ("layer", "units", "gain", "why"),
    [
        ("conv7", [0], 1.0, "alexnet has no layer conv7"),
        ("conv1", [64], 1.0, r"conv1 of alexnet has the units 0 … 63; got \[64\]"),
        ("conv1", [-1], 1.0, "has the units 0 … 63"),
        ("conv1", [0], -1.5, r"gain is finite and at least -1 .*; got -1\.5"),
        ("conv1", [0], float("nan"), "gain is finite"),
    ],
)
def test_wrong_manipulations_get_one_line(alexnet, noise, layer, units, gain, why):
    with pytest.raises(InputError, match=why), intervene(alexnet, layer, units, gain):
        pass
    with pytest.raises(InputError, match=why):
        manipulated_activations(alexnet, noise, [Manipulation(layer, tuple(units), gain)])
