import pytest
import torch

from affectome.people.int8 import save_int8
from affectome.people.words.minilm import LAYERS, WIDTH, mean_of_pieces, pad
from affectome.people.words.network import EmotionWords, load_emotion_words

ROWS = [[101, 2023, 2003, 102], [101, 2204, 102]]


@pytest.mark.parametrize("depths", [1, LAYERS + 1])
def test_dimensions_are_read_from_the_last_states(depths):
    torch.manual_seed(0)
    model = EmotionWords(5, 3, depths).eval()
    pieces, mask = pad(ROWS)
    states = model.states(pieces, mask)
    vectors, logits, values = model(pieces, mask)
    assert len(states) == LAYERS + 1
    torch.testing.assert_close(vectors, mean_of_pieces(model.encoder(pieces, mask), mask))
    torch.testing.assert_close(logits, model.emotions(vectors))
    torch.testing.assert_close(values, model.dimensions(torch.cat(states[-depths:], 1)))
    assert model.dimensions.in_features == depths * WIDTH


def test_a_file_says_how_deep_its_head_is(tmp_path):
    torch.manual_seed(1)
    model = EmotionWords(4, 2, LAYERS + 1).eval()
    save_int8(model.state_dict(), tmp_path / "w.safetensors", whole=("dimensions.weight",))
    again = load_emotion_words(tmp_path / "w.safetensors")
    assert torch.equal(again.dimensions.weight, model.dimensions.weight)
    for one, other in zip(again(*pad(ROWS)), model(*pad(ROWS)), strict=True):
        torch.testing.assert_close(one, other, atol=0.05, rtol=0.05)
