import io
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from affectome.studio.app import create_app
from affectome.studio.settings import make_settings

ADDRESS = "http://127.0.0.1:8765"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture
def client(folder):
    with TestClient(create_app(make_settings((folder,))), base_url=ADDRESS) as made:
        yield made


@pytest.fixture(scope="session")
def portrait():
    """Portrait of an astronaut by NASA, in the public domain, as PNG."""
    skimage = pytest.importorskip("skimage")
    return (Path(skimage.__file__).parent / "data" / "astronaut.png").read_bytes()


@pytest.fixture(scope="session")
def frame(portrait):
    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(portrait)).convert("RGB").resize((320, 320))
    picture.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()
