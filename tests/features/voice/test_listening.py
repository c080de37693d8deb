import numpy as np
import torch

from affectome.features.voice.listening import HEARD, heard, log_mel
from affectome.people.voice.model import shipped_listener
from voices import synthetic_voice


def test_spectrum_of_a_tone_peaks_in_its_band() -> None:
    t = np.arange(16_000) / 16_000
    low, high = (log_mel(np.sin(2 * np.pi * hz * t)).mean(1).argmax() for hz in (300, 3000))
    assert low < 12
    assert 45 < high < 60
    assert log_mel(np.sin(2 * np.pi * 300 * t)).shape == (80, 100)


def test_what_is_heard_does_not_hang_on_the_level() -> None:
    x = synthetic_voice(1.5)
    listener = shipped_listener()
    loud, quiet = heard(x, listener), heard(0.2 * x, listener)
    assert loud.shape == (len(HEARD),) == (1536,)
    assert np.abs(loud - quiet).max() < 0.05
    assert np.abs(loud - heard(synthetic_voice(1.5, 250.0, seed=3), listener)).max() > 0.3


def test_attention_equals_its_formula() -> None:
    block = shipped_listener().blocks[0]
    x = torch.randn(1, 9, 384, generator=torch.Generator().manual_seed(0))
    normed = block.self_attn_layer_norm(x)[0]
    parts = [
        p(normed).view(9, 6, 64).transpose(0, 1) for p in (block.q_proj, block.k_proj, block.v_proj)
    ]
    weights = torch.softmax(parts[0] @ parts[1].transpose(1, 2) / 8, dim=-1)
    after = x + block.out_proj((weights @ parts[2]).transpose(0, 1).reshape(1, 9, 384))
    fed = torch.nn.functional.gelu(block.fc1(block.final_layer_norm(after)))
    assert torch.allclose(block(x), after + block.fc2(fed), atol=1e-4)
