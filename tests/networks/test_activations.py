import json
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.signal import correlate

from affectome.data import load_recording
from affectome.errors import InputError
from affectome.networks import activations, choose_precision, intervene, load_network
from affectome.networks import precision as arithmetic
from affectome.networks._reduce import spatial_max, spatial_mean
from affectome.networks.batches import stream, to_input
from affectome.networks.precision import Precision, in_precision

KNOWN = {
    "alexnet": {
        "conv1": [0.0523601, 0.7581884, 0.08246366, 0.008753463, 0.2819679],
        "conv3": [0.0, 0.6227099, 0.07681576, 0.02134475, 0.2531191],
        "conv5": [0.04322555, 0.0, 0.0, 0.02634842, 0.002371887],
    },
    "vgg16": {
        "conv1_1": [0.4470071, 0.4042419, 0.4891466, 0.2433092, 0.3454741],
        "conv2_1": [0.2271773, 0.431198, 0.4954965, 1.084833, 0.3615483],
        "conv5_3": [0.0, 0.0, 0.02151106, 0.0, 0.0],
    },
}
MEAN, SD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.fixture(scope="module")
def alexnet():
    return load_network("alexnet")


@pytest.fixture(scope="module")
def known_picture():
    rows, columns = np.mgrid[0:224, 0:224]
    return np.stack([rows, columns, (rows * columns) // 224], axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def noise():
    draws = np.random.default_rng(0)
    return [draws.integers(0, 255, (90 + 9 * i, 120, 3), dtype=np.uint8) for i in range(7)]


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_known_activations_of_a_known_picture(name, known_picture):
    found = activations(load_network(name), [known_picture], precision="float32").recording
    for layer, values in KNOWN[name].items():
        of_layer = found.values[0][found.layer.values == layer]
        np.testing.assert_allclose(of_layer[:5], values, atol=1e-4)


def test_first_layer_against_scipy(alexnet, known_picture):
    standard = (known_picture / 255 - MEAN) / SD
    padded = np.pad(standard, ((2, 2), (2, 2), (0, 0)))
    found = activations(alexnet, [known_picture], ["conv1"], precision="float32").recording
    first = alexnet.stack.conv1[0]
    for channel in (0, 17, 63):
        kernel = first.weight[channel].numpy().transpose(1, 2, 0)
        maps = correlate(padded, kernel, mode="valid")[::4, ::4, 0] + float(first.bias[channel])
        expected = np.maximum(maps, 0).mean()
        assert found.values[0, channel] == pytest.approx(expected, abs=1e-5)


def test_every_layer_against_torch_by_hand(alexnet, known_picture):
    maps = torch.tensor((known_picture / 255 - MEAN) / SD, dtype=torch.float32)
    maps = maps.permute(2, 0, 1)[None]
    expected = []
    for layer, stride, padding in zip(
        alexnet.layers, (4, 1, 1, 1, 1), (2, 2, 1, 1, 1), strict=True
    ):
        own = alexnet.stack.get_submodule(layer)[0]
        maps = torch.nn.functional.conv2d(maps, own.weight, own.bias, stride, padding).clamp(min=0)
        expected.append(maps.mean(dim=(0, 2, 3)).numpy())
        if layer in {"conv1", "conv2"}:
            maps = torch.nn.functional.max_pool2d(maps, 3, 2)
    found = activations(alexnet, [known_picture], precision="float32").recording
    np.testing.assert_allclose(found.values[0], np.concatenate(expected), atol=1e-5)


def test_a_layers_output_is_not_changed_by_the_next(alexnet, noise):
    inputs = to_input(next(stream(noise, 2)).pixels)
    convolution, relu = alexnet.stack.conv1
    before = convolution(inputs)
    kept = before.clone()
    after = relu(before)
    copy = after.clone()
    alexnet.stack[1:](after)
    assert torch.equal(before, kept)
    assert torch.equal(after, copy)


def test_the_copy_for_a_pass_overwrites_no_response(alexnet, noise):
    stack = in_precision(alexnet, Precision("float32", "test"))
    maps = to_input(next(stream(noise, 2)).pixels)
    kept = []
    for stage in stack:
        maps = stage(maps)
        kept.append((maps, maps.clone()))
    assert all(torch.equal(seen, copied) for seen, copied in kept)
    assert not any(getattr(m, "inplace", False) for m in alexnet.stack.modules())


def test_inputs_are_standardised(noise):
    pixels = next(stream(noise, 3)).pixels
    expected = ((pixels / 255 - MEAN) / SD).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(to_input(pixels), expected, atol=1e-6)


def test_the_recording_names_units_and_trials(alexnet, noise):
    trials = pd.DataFrame({"emotion": list("abcabca")})
    found = activations(alexnet, noise, ["conv3", "conv1"], trials=trials, precision="float32")
    recording = found.recording
    assert recording.shape == (7, 64 + 384)
    assert recording.dtype == np.float32
    assert recording.layer.values.tolist() == ["conv1"] * 64 + ["conv3"] * 384
    assert recording.channel.values.tolist() == [*range(64), *range(384)]
    assert recording.emotion.values.tolist() == list("abcabca")
    assert found.precision.name == "float32"


def test_batches_make_no_difference(alexnet, noise):
    one, many = (
        activations(alexnet, noise, batch_size=n, precision="float32").recording for n in (1, 16)
    )
    np.testing.assert_allclose(one, many, atol=1e-5)


def test_maximum(alexnet, noise):
    means, largest = (
        activations(alexnet, noise[:2], ["conv1"], reduce=r, precision="float32").recording
        for r in ("mean", "max")
    )
    inputs = to_input(next(stream(noise[:2], 2)).pixels)
    np.testing.assert_allclose(largest, alexnet.stack.conv1(inputs).amax((2, 3)), atol=1e-5)
    assert (largest.values >= means.values).all()


@pytest.mark.parametrize("shape", [(2, 5, 3, 7), (1, 1, 1, 1), (3, 64, 40, 40)])
def test_bfloat16_means_against_float64(shape):
    maps = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    for layout in (torch.contiguous_format, torch.channels_last):
        found = maps.to(memory_format=layout)
        np.testing.assert_allclose(spatial_mean(found), maps.double().mean((2, 3)), rtol=1e-6)
        np.testing.assert_array_equal(spatial_max(found), maps.float().amax((2, 3)))


def test_bfloat16_is_close_and_auto_says_why(alexnet, noise):
    exact, close = (
        activations(alexnet, noise, precision=p).recording.values for p in ("float32", "bfloat16")
    )
    assert np.corrcoef(exact.ravel(), close.ravel())[0, 1] > 0.9999
    assert close.dtype == np.float32
    chosen = choose_precision(alexnet)
    assert chosen.name in {"float32", "bfloat16"}
    assert "bfloat16" in chosen.why
    with pytest.raises(InputError, match="precision is one of auto, float32, bfloat16"):
        choose_precision(alexnet, "float16")


@pytest.mark.parametrize(
    ("units", "agreement", "name"),
    [(True, 1.0, "bfloat16"), (True, 0.99, "float32"), (False, 1.0, "float32")],
)
def test_auto_takes_bfloat16_only_where_it_is_fast_and_agrees(
    alexnet, monkeypatch, units, agreement, name
):
    monkeypatch.setattr(arithmetic, "_has_matrix_units", lambda: units)
    monkeypatch.setitem(arithmetic._agreements, alexnet.sha256, agreement)
    assert choose_precision(alexnet).name == name


@pytest.fixture
def folder(tmp_path, noise):
    """Seven pictures, of which the second is empty and the last is text."""
    paths = []
    for i, picture in enumerate(noise):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(picture).save(paths[-1])
    paths[1].write_bytes(b"")
    paths[6].write_bytes(b"text")
    return paths


def test_what_cannot_be_read_is_skipped_and_listed(alexnet, folder, noise):
    found = activations(alexnet, folder, ["conv1"], batch_size=2, precision="float32")
    assert [s.file for s in found.skipped] == [str(folder[1]), str(folder[6])]
    assert found.skipped[0].why.endswith("is empty (0 bytes)")
    assert found.rows.tolist() == [0, 2, 3, 4, 5]
    assert found.recording.file.values.tolist() == [str(folder[i]) for i in found.rows]
    readable = activations(alexnet, [noise[i] for i in found.rows], ["conv1"], precision="float32")
    np.testing.assert_allclose(found.recording, readable.recording, atol=1e-5)


def test_wrong_requests_get_one_line(alexnet, folder, noise):
    with pytest.raises(InputError, match="alexnet has no layer fc6; its layers are conv1"):
        activations(alexnet, noise, ["fc6"])
    with pytest.raises(InputError, match="reduce must be one of mean, max; got 'median'"):
        activations(alexnet, noise, reduce="median")
    with pytest.raises(InputError, match="trials has 2 rows for 7 pictures"):
        activations(alexnet, noise, trials=pd.DataFrame({"x": [1, 2]}))
    with pytest.raises(InputError, match=r"none of 1 pictures can be read: .*is empty"):
        activations(alexnet, folder[1:2], precision="float32")
    with pytest.raises(InputError, match="none of 0 pictures can be read: the list is empty"):
        activations(alexnet, [], precision="float32")


class KilledError(Exception):
    pass


def killed_after(batches):
    def progress(step, done, total):
        if done >= batches * 2:
            raise KilledError

    return progress


def contents(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_a_killed_run_continues_and_ends_with_the_same_bytes(alexnet, folder, tmp_path):
    options = {"layers": ["conv1", "conv2"], "batch_size": 2, "precision": "float32"}
    plain = activations(alexnet, folder, store=tmp_path / "a.zarr", **options)
    for batches in (1, 3):
        with pytest.raises(KilledError):
            activations(
                alexnet,
                folder,
                store=tmp_path / "b.zarr",
                **options,
                progress=killed_after(batches),
            )
        assert not (tmp_path / "b.zarr").exists()
    seen = []
    again = activations(
        alexnet, folder, store=tmp_path / "b.zarr", **options, progress=lambda *s: seen.append(s[1])
    )
    assert seen[0] >= 6, "what threads had begun when the other was killed may be done, too"
    assert seen[-1] == 7
    assert contents(tmp_path / "a.zarr") == contents(tmp_path / "b.zarr")
    assert again.skipped == plain.skipped
    in_memory = activations(alexnet, folder, **options)
    np.testing.assert_array_equal(again.recording, in_memory.recording)
    assert again.recording.file.values.tolist() == in_memory.recording.file.values.tolist()
    np.testing.assert_array_equal(load_recording(tmp_path / "b.zarr"), in_memory.recording)


def test_a_finished_run_is_opened_and_another_question_is_asked_anew(alexnet, noise, tmp_path):
    store = tmp_path / "a.zarr"
    first = activations(alexnet, noise, ["conv1"], store=store, precision="float32")
    seen = []
    again = activations(
        alexnet,
        noise,
        ["conv1"],
        store=store,
        precision="float32",
        progress=lambda *s: seen.append(s),
    )
    assert [s[1] for s in seen] == [7]
    np.testing.assert_array_equal(first.recording, again.recording)
    with intervene(alexnet, "conv1", [0], -1):
        lesioned = activations(alexnet, noise, ["conv1"], store=store, precision="float32")
        assert (lesioned.recording[:, 0] == 0).all()


def test_a_store_does_not_replace_what_is_not_its_own(alexnet, noise, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    with pytest.raises(InputError, match="is there and holds no activations; name another store"):
        activations(alexnet, noise, store=tmp_path / "mine", precision="float32")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep"


def test_weights_that_give_nan_are_refused(noise):
    network = load_network("alexnet", "untrained")
    network.stack.conv2[0].weight[0] = float("nan")
    with pytest.raises(InputError, match="the network answers NaN or infinity"):
        activations(network, noise, precision="float32")


def test_progress_names_the_memory_before_work_starts(alexnet, noise):
    seen = []
    activations(
        alexnet, noise, batch_size=4, precision="float32", progress=lambda *s: seen.append(s)
    )
    assert [s[1:] for s in seen] == [(0, 7), (4, 7), (7, 7)]
    assert seen[0][0].startswith("alexnet, float32, needs 0.")


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    Image.effect_noise((300, 200), 80).convert("RGB").save(tmp_path / "a.jpg")
    script = textwrap.dedent("""
        import json, sys
        from pathlib import Path
        from affectome.networks import activations, load_network
        from affectome.networks.memory import predicted_memory
        network = load_network("alexnet")
        peaks = []
        for n in (16, 64):
            found = activations(network, [sys.argv[1]] * n, batch_size=8, precision="float32",
                                n_jobs=1, store=f"{sys.argv[2]}/{n}.zarr")
            status = Path("/proc/self/status").read_text()
            peaks.append(int(status.split("VmHWM:")[1].split()[0]) * 1024)
        print(json.dumps([*peaks, predicted_memory(network, 8, found.precision)]))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.jpg"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    few, many, predicted = json.loads(done.stdout)
    assert many - few < 30e6
    assert 0.5 * predicted < many < 1.2 * predicted


def test_a_network_survives_pickling(alexnet, noise):
    twin = pickle.loads(pickle.dumps(alexnet))
    assert twin.to_dict() == alexnet.to_dict()
