"""Whatever bytes a reader is given, it reads them or says in a line of ours why not.

``AFFECTOME_FUZZ=10000`` tries as many, new ones each time; by default a few are tried, the same
ones each time, so that the quick tests stay so.
"""

import io
import os

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affectome.data import read_catalog, read_recording
from affectome.data.tables import read_table
from affectome.errors import AffectomeError

TRIED = int(os.environ.get("AFFECTOME_FUZZ", "25"))
LONG = settings(
    max_examples=TRIED,
    deadline=None,
    derandomize="AFFECTOME_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
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


def mended(content, changes, length):
    """Bytes of a whole file with some of them changed, and cut."""
    broken = bytearray(content)
    for place, value in changes:
        broken[place % len(broken)] = value
    return bytes(broken[: max(1, int(length * len(broken)))])


def told(read, *given, **options):
    """What a reader says of what it can't read; nothing where it reads."""
    try:
        read(*given, **options)
    except AffectomeError as error:
        return str(error)
    return ""


@LONG
@given(st.one_of(CELLS.map(str.encode), st.binary(max_size=200)))
def test_any_bytes_are_a_table_or_a_line(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    for read in (read_table, read_catalog):
        assert "\n" not in told(read, tmp_path / "t.csv")


@pytest.mark.parametrize("name", WHOLE)
@LONG
@given(
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6),
    st.sampled_from([1.0, 0.9, 0.5, 0.1]),
)
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
