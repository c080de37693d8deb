import pytest
import torch

from affectome.errors import InputError
from affectome.people.int8 import load_int8, save_int8


def test_weights_come_back_within_half_a_step(tmp_path):
    torch.manual_seed(0)
    weights = {"a": torch.randn(50, 30) * torch.logspace(-3, 3, 50)[:, None], "b": torch.randn(7)}
    weights["zero"] = torch.zeros(2, 3)
    save_int8(weights, tmp_path / "w.safetensors")
    back = load_int8(tmp_path / "w.safetensors")
    assert back.keys() == weights.keys()
    step = weights["a"].abs().amax(1, keepdim=True) / 127
    assert ((back["a"] - weights["a"]).abs() <= step * 0.5001).all()
    assert torch.equal(back["b"], weights["b"])
    assert torch.equal(back["zero"], weights["zero"])
    assert (tmp_path / "w.safetensors").stat().st_size < 3000


def test_what_is_named_whole_keeps_every_digit(tmp_path):
    weights = {"a": torch.randn(5, 3), "b": torch.randn(4, 6)}
    save_int8(weights, tmp_path / "w.safetensors", whole=("b",))
    back = load_int8(tmp_path / "w.safetensors")
    assert torch.equal(back["b"], weights["b"])
    assert not torch.equal(back["a"], weights["a"])


@pytest.mark.parametrize("content", [b"", b"not weights at all"])
def test_a_broken_file_says_so(tmp_path, content):
    file = tmp_path / "w.safetensors"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"w\.safetensors can't be read as weights"):
        load_int8(file)
    with pytest.raises(InputError, match="gone can't be read"):
        load_int8(tmp_path / "gone")
