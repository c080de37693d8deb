import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from affectome.people.face.model import save_network
from affectome.people.face.network import FaceNet

LABELS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


@pytest.fixture(scope="session")
def astronaut():
    """Portrait of an astronaut by NASA, in the public domain; from the front, smiling."""
    skimage = pytest.importorskip("skimage")
    file = Path(skimage.__file__).parent / "data" / "astronaut.png"
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """A folder with a network that knows nothing."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    save_network(folder, FaceNet(7))
    card = {
        "name": "untrained",
        "modality": "face",
        "summary": "",
        "data": "",
        "licence": "",
        "labels": dict.fromkeys(LABELS, ""),
        "metrics": [],
        "settings": {"temperature": 1.0, "level": 0.05, "least": 0.0},
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder
