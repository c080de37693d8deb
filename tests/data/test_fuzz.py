"""Whatever bytes a reader of plain formats is given, it reads them or says in a line why not."""

import io

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectome.data import read_catalog, read_recording
from affectome.data.tables import read_table
from fuzzing import CHANGES, LENGTHS, mended, told, tried

CELLS = st.text("ab1,;\t|\"'\n\r .-=äß\x00\x1c\u2028", max_size=60)


def arrays():
    content = io.BytesIO()
    np.savez(content, data=np.zeros((40, 2)) + np.arange(40)[:, None], times=np.arange(40) / 4)
    return content.getvalue()


def brain():
    values = np.random.default_rng(0).normal(size=(3, 3, 2, 12)).astype(np.float32)
    return nibabel.Nifti1Image(values, np.eye(4)).to_bytes()


WHOLE = {
    "r.npz": arrays(),
    "r.nii": brain(),
    "r.csv": b"time,a,b\n" + b"".join(b"%d,%d,2\n" % (i, i * i) for i in range(12)),
}


@tried()
@given(st.one_of(CELLS.map(str.encode), st.binary(max_size=200)))
def test_any_bytes_are_a_table_or_a_line(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    for read in (read_table, read_catalog):
        assert "\n" not in told(read, tmp_path / "t.csv")


@pytest.mark.parametrize("name", WHOLE)
@tried()
@given(CHANGES, LENGTHS)
@pytest.mark.filterwarnings("ignore")
def test_any_damage_to_a_recording_is_read_or_told(tmp_path, name, changes, length):
    (tmp_path / name).write_bytes(mended(WHOLE[name], changes, length))
    if name == "r.nii":
        events = pd.DataFrame({"trial_type": ["a", "b"] * 6})
    else:
        events = pd.DataFrame({"onset": [2.0, 4.0, 6.0], "trial_type": ["a", "b", "a"]})
    events.to_csv(tmp_path / "events.tsv", sep="\t", index=False)
    window = None if name == "r.nii" else (-1.0, 1.0)
    said = told(read_recording, tmp_path / name, tmp_path / "events.tsv", window=window)
    assert "\n" not in said
