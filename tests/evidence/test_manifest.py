import hashlib

import numpy as np
import pandas as pd
import pytest

from affectome.data import to_json
from affectome.errors import InputError
from affectome.evidence import make_split, manifest
from affectome.evidence.manifest import hash_array, hash_file, hash_input, versions


def test_a_file_hashes_as_sha256_however_long(tmp_path):
    file = tmp_path / "big.bin"
    content = np.random.default_rng(0).bytes(3_000_001)
    file.write_bytes(content)
    assert hash_file(file) == hashlib.sha256(content).hexdigest()
    assert hash_input(file) == {"sha256": hash_file(file), "n_files": 1}


def test_a_folder_hashes_by_names_and_content_not_by_place_or_order(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for root, names in ((one, ["b.txt", "a/c.txt"]), (two, ["a/c.txt", "b.txt"])):
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(name)
    assert hash_input(one) == hash_input(str(two))
    assert hash_input(one)["n_files"] == 2
    (two / "b.txt").rename(two / "d.txt")
    assert hash_input(one)["sha256"] != hash_input(two)["sha256"]
    assert hash_input([one / "b.txt", one / "a/c.txt"])["n_files"] == 2


def test_same_run_same_bytes_and_no_paths(tmp_path):
    (tmp_path / "trials.csv").write_text("a,b\n1,2\n")
    trials = pd.DataFrame({"subject": np.arange(20) // 2})
    made = [
        manifest(
            "neural_code",
            {"table": tmp_path / "trials.csv"},
            7,
            settings={"alpha": 1.0, "holdout": "subject"},
            weights={"vgg16": hash_array(np.eye(3))},
            split=make_split(trials, None, "subject"),
        )
        for _ in range(2)
    ]
    assert to_json(made[0]) == to_json(made[1])
    assert str(tmp_path) not in to_json(made[0])
    assert made[0]["random_state"] == 7
    assert made[0]["versions"]["numpy"] == np.__version__
    assert made[0]["split"]["by"] == ["subject"]
    assert manifest("a", {}, 0)["split"] is None


def test_versions_name_python_and_this_package():
    assert {"python", "affectome", "scikit-learn"} <= set(versions())


def test_arrays_hash_by_shape_type_and_values():
    a = np.arange(6.0)
    assert hash_array(a) == hash_array(a.astype(">f8"))
    assert hash_array(a) != hash_array(a.reshape(2, 3))
    assert hash_array(a) != hash_array(a.astype(np.float32))
    assert hash_array(a.reshape(2, 3).T) == hash_array(np.ascontiguousarray(a.reshape(2, 3).T))


def test_missing_inputs_say_why(tmp_path):
    with pytest.raises(InputError, match=r"there is no file or folder .*nothing to hash"):
        hash_input(tmp_path / "nothing")
    with pytest.raises(InputError, match="can't be read to hash it"):
        hash_file(tmp_path)


def test_inputs_that_were_not_given_are_left_out(tmp_path):
    file = tmp_path / "events.tsv"
    file.write_text("onset\n1\n")
    given = manifest("rsa", {"events": file, "mask": None}, 0)
    assert given == manifest("rsa", {"events": file}, 0)
    assert list(given["inputs"]) == ["events"]
