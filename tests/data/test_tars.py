"""Pictures within tar files are those of a folder: the same pixels, catalogs, hashes and bytes."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from affectome.data import read_catalog, read_picture, tars
from affectome.errors import InputError
from affectome.evidence.manifest import hash_file
from affectome.networks import activations, load_network
from affectome.networks.store import digest
from affectome.people.registry import files_in


@pytest.fixture
def album(tmp_path):
    """Four pictures in a folder, and the same in two tars with labels and ratings."""
    rng = np.random.default_rng(0)
    (tmp_path / "plain").mkdir()
    (tmp_path / "packed").mkdir()
    for number in range(2):
        with tarfile.open(tmp_path / "packed" / f"{number:04d}.tar", "w") as packed:
            for k in (2 * number, 2 * number + 1):
                picture = tmp_path / "plain" / f"{k}.png"
                Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8)).save(picture)
                packed.add(picture, f"./{k}.png")
                add(packed, f"{k}.cls", b"joy\n" if k % 2 else b"fear\n")
                add(packed, f"{k}.json", json.dumps({"valence": k, "theme": f"t{k}"}).encode())
    return tmp_path


def add(packed, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    packed.addfile(member, io.BytesIO(content))


def test_the_same_pixels_and_hashes(album):
    inside, plain = album / "packed" / "0001.tar" / "2.png", album / "plain" / "2.png"
    np.testing.assert_array_equal(read_picture(inside), read_picture(plain))
    assert hash_file(inside) == hash_file(plain)
    assert tars.facts(inside)[0] == tars.facts(plain)[0] == plain.stat().st_size
    assert not tars.is_file(inside.with_name("9.png"))
    with pytest.raises(InputError, match=r"can't read .*9\.png: No such file"):
        read_picture(inside.with_name("9.png"))


def test_a_catalog_of_samples(album):
    found = read_catalog(album / "packed", group="theme").table
    assert [name.rpartition("packed/")[2] for name in found["file"]] == [
        *("0000.tar/0.png", "0000.tar/1.png", "0001.tar/2.png", "0001.tar/3.png")
    ]
    assert found["emotion"].tolist() == ["fear", "joy"] * 2
    assert found["valence"].tolist() == [0, 1, 2, 3]
    assert found["group"].tolist() == ["t0", "t1", "t2", "t3"]
    assert len(read_catalog(album / "packed" / "0001.tar")) == 2


def test_a_network_sees_the_same(album):
    network = load_network("alexnet", "untrained")
    both = [files_in(album / name, "pictures") for name in ("plain", "packed")]
    assert [len(files) for files in both] == [4, 4]
    plain, packed = (
        activations(network, files, ["conv1"], precision="float32").recording for files in both
    )
    np.testing.assert_array_equal(plain, packed)
    before = digest(both[1])
    with tarfile.open(album / "packed" / "0001.tar", "a") as again:
        add(again, "new.txt", b"x")
    assert digest(both[1]) != before


def test_damaged_tars_are_one_line(album):
    tar = album / "packed" / "0001.tar"
    whole = tar.read_bytes()
    tar.write_bytes(whole[: tars.places(tar)["3.png"][0] + 10])
    with pytest.raises(
        InputError, match=r"0001\.tar (was cut short|can't be read as a tar)"
    ) as one:
        read_picture(tar / "2.png")
    assert "\n" not in str(one.value)
    tar.write_bytes(b"no tar at all" * 100)
    with pytest.raises(InputError, match=r"0001\.tar can't be read as a tar file"):
        read_catalog(tar)
    for content, says in ((b"{", "is no JSON"), (b"[1]", "holds no named values")):
        with tarfile.open(tar, "w") as packed:
            add(packed, "a.jpg", b"x")
            add(packed, "a.json", content)
        with pytest.raises(InputError, match=says):
            read_catalog(tar)
    with tarfile.open(tar, "w") as packed:
        add(packed, "a.json", b"{}")
    with pytest.raises(InputError, match="holds no sample of which a part is a picture"):
        read_catalog(tar)
