"""
A network of your own: which filters prefer pleasant pictures?
==============================================================

Any torch module that takes pictures. Here a small one without training, and coloured squares in
place of photographs, of which warm ones are called pleasant.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import affectome as af

folder = Path(tempfile.mkdtemp())
(folder / "mine.py").write_text(
    "import torch\n"
    "def build():\n"
    "    torch.manual_seed(0)\n"
    "    return torch.nn.Sequential(\n"
    "        torch.nn.Conv2d(3, 16, 7, 4), torch.nn.ReLU(), torch.nn.Conv2d(16, 32, 5, 4),\n"
    "        torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())\n"
)
sys.path.insert(0, str(folder))
network = af.load_network(f"{folder / 'mine.py'}:build", "untrained")
print(network.layers)

# %%
# One row a picture: what it is called, and the theme that pictures have in common.
rng = np.random.default_rng(0)
theme = np.repeat(np.arange(16), 4)
pleasant = theme % 2 == 1
pictures = []
for warm in pleasant:
    color = np.array([200, 120, 60]) if warm else np.array([60, 120, 200])
    pictures.append(np.clip(color + rng.normal(0, 60, (64, 64, 3)), 0, 255).astype(np.uint8))
trials = pd.DataFrame(
    {"emotion": np.where(pleasant, "pleasant", "unpleasant"), "theme": [f"t{k}" for k in theme]}
)
answers = af.activations(network, pictures, trials=trials)

# %%
# Whole themes trade labels, so four pictures of one theme count once.
found = af.selectivity(answers.recording, "emotion", n_permutations=500)
print(found)
found.plot()
