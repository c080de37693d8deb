"""A listener: the first layers of a small speech encoder, as a source of features of a voice.

Two convolutions and two transformer blocks of Whisper tiny (Radford et al. 2022), in the weights
that Smart Turn v3 made of them (Daily, BSD-2-Clause) for hearing by prosody whether a speaker is
done. Early layers keep how something was said; what was said comes later.

Weights are stored as 8-bit integers with a scale a column and computed in single precision.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from affectome.errors import InputError

BANDS, WIDTH, HEADS, BLOCKS = 80, 384, 6, 2
FRAMES_PER_STATE = 2
LONGEST = 400
SCALE = ".scale"


class Block(nn.Module):
    """One transformer block, normalised first."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn_layer_norm = nn.LayerNorm(WIDTH)
        self.q_proj = nn.Linear(WIDTH, WIDTH)
        self.k_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.v_proj = nn.Linear(WIDTH, WIDTH)
        self.out_proj = nn.Linear(WIDTH, WIDTH)
        self.final_layer_norm = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform states, shape (batch, n_states, 384)."""
        batch, n, _ = x.shape
        normed = self.self_attn_layer_norm(x)
        q, k, v = (
            part(normed).view(batch, n, HEADS, -1).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        heard = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out_proj(heard.transpose(1, 2).reshape(batch, n, WIDTH))
        return x + self.fc2(functional.gelu(self.fc1(self.final_layer_norm(x))))


class Listener(nn.Module):
    """Convolutions and blocks from log-mel frames to states, one every 20 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=FRAMES_PER_STATE, padding=1)
        self.positions = nn.Parameter(torch.zeros(LONGEST, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))

    def forward(self, mel: torch.Tensor) -> list[torch.Tensor]:
        """Listen.

        Parameters
        ----------
        mel
            Whisper's log-mel spectrum, shape (batch, 80, n_frames), at most 800 frames.

        Returns
        -------
        list of Tensor
            States after each block, shape (batch, n_frames / 2, 384).
        """
        x = functional.gelu(self.conv1(mel))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)
        # The weights were made with sounds that end where the positions end.
        x = x + self.positions[LONGEST - x.shape[1] :]
        states = []
        for block in self.blocks:
            x = block(x)
            states.append(x)
        return states


def load_listener(file: Path) -> Listener:
    """Read a listener from a safetensors file.

    Raises
    ------
    InputError
        If the file is missing or isn't one.
    """
    try:
        stored = load_file(file)
        whole = {
            name: value.float() * stored[name + SCALE] if name + SCALE in stored else value.float()
            for name, value in stored.items()
            if not name.endswith(SCALE)
        }
        listener = Listener()
        listener.load_state_dict(whole)
    except (OSError, RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file} does not hold a listener's weights: {reason}") from error
    return listener.eval().requires_grad_(False)
