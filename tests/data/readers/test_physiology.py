import numpy as np
import pytest

from affectome.data.readers.physiology import read_physiology
from affectome.errors import InputError


def write_e4(folder, eda, rate=4.0, start=1_600_000_000.0, name="EDA.csv"):
    folder.mkdir(exist_ok=True)
    lines = [f"{start:.6f}", f"{rate:.6f}", *map(str, eda)]
    (folder / name).write_text("\n".join(lines) + "\n")


def table(tmp_path, text):
    file = tmp_path / "signals.csv"
    file.write_text(text)
    return file


def rows(values, step=0.25, start=0.0):
    return "".join(f"{start + k * step},{v}\n" for k, v in enumerate(values))


def test_a_folder_of_an_e4(tmp_path):
    write_e4(tmp_path / "e4", [0.1, 0.2, 0.3])
    write_e4(tmp_path / "e4", [33.1, 33.2], name="TEMP.csv")
    write_e4(tmp_path / "e4", [-5, 9, 3], rate=64, name="BVP.csv")
    found = read_physiology(tmp_path / "e4")
    assert set(found) == {"eda", "pulse", "temperature"}
    eda = found["eda"]
    assert (eda.rate, eda.start_s, eda.unit) == (4.0, 1_600_000_000.0, "µS")
    np.testing.assert_array_equal(eda.values, [0.1, 0.2, 0.3])
    assert found["pulse"].seconds == pytest.approx(3 / 64)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1, the rate in Hz in line 2"),
        ("0.1\n0.2\n0.3\n", "start in unix seconds in line 1"),
        ("1600000000\n4\n", "values from line 3"),
        ("1600000000\n4\n0.1\nx\n", r"line 4: 'x' is not a number"),
        ("1600000000\n4\n250\n251\n", r"median eda is 25\d.*impossible in µS"),
    ],
)
def test_an_e4_file_that_is_none_says_where(tmp_path, text, why):
    (tmp_path / "EDA.csv").write_text(text)
    with pytest.raises(InputError, match=why) as caught:
        read_physiology(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_table_of_shimmer_has_units_below_its_names(tmp_path):
    file = table(
        tmp_path,
        '"sep=\t"\n'
        "Shimmer_A1_Timestamp_Unix_CAL\tShimmer_A1_GSR_Skin_Resistance_CAL\t"
        "Shimmer_A1_PPG_A13_CAL\t\n"
        "ms\tkOhms\tmV\t\n" + "".join(f"{1.6e12 + 8 * k:.1f}\t500\t{k}\t\n" for k in range(10)),
    )
    found = read_physiology(file)
    assert set(found) == {"eda", "pulse"}
    np.testing.assert_allclose(found["eda"].values, 2.0)
    assert found["eda"].rate == pytest.approx(125, rel=1e-5)
    assert found["eda"].start_s == pytest.approx(1.6e9)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("eda_uS", 2, 2.0),
        ("EDA (µS)", 2, 2.0),
        ("gsr_nS", 2000, 2.0),
        ("EDA_kOhm", 500, 2.0),
        ("skin_conductance", 2, 2.0),
        ("temp_C", 33, 33.0),
        ("Temperature [°F]", 95, 35.0),
        ("temp_K", 306.15, 33.0),
    ],
)
def test_units_in_the_names_of_columns(tmp_path, name, value, wanted):
    (signal,) = read_physiology(table(tmp_path, f"time_s,{name}\n" + rows([value] * 5))).values()
    np.testing.assert_allclose(signal.values, wanted)


def test_gaps_are_kept_as_gaps(tmp_path):
    text = "time_s,eda_uS\n" + rows([1, 2, 3]) + rows([4, 5], start=3.0)
    signal = read_physiology(table(tmp_path, text))["eda"]
    assert len(signal.values) == 14
    assert np.isnan(signal.values[3:12]).all()
    np.testing.assert_array_equal(signal.values[12:], [4, 5])
    assert signal.notes == ("1 gaps, 2.2 s in all",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("time_s,eda_uS\n0,1\n1,1\n0.5,1\n2,1\n", r"line 4: the clock jumps back by 0\.5 s"),
        ("time_s,eda_uS\n0,1\n1,1\n2,1\n1e8,1\n", "the clock was reset or the recording inter"),
        ("time_s,eda_uS\n0,1\n1,a\n2,1\n", "line 3, column 'eda_uS': 'a' is not a number"),
        ("time_s,eda_foo(mV)\n0,1\n1,1\n2,1\n", "the unit 'mv' is not known; eda is read in us"),
        ("time_s,eda\n0,500\n1,500\n2,500\n", r"impossible in µS \(no unit is stated\)"),
        ("time_s,temp\n0,306\n1,306\n2,306\n", "such as temp_F"),
        ("eda_uS,x\n1,1\n1,1\n1,1\n", "has no column of time"),
        ("time_s,x\n0,1\n1,1\n2,1\n", "has no body signal"),
        ("time_h,eda\n0,1\n1,1\n", "too few for a signal"),
        ("", "is empty"),
        ("time [h],eda_uS\n0,1\n1,1\n2,1\n", "time is in s or ms; got 'h'"),
    ],
)
def test_what_can_not_be_read_says_where(tmp_path, text, why):
    with pytest.raises(InputError, match=why) as caught:
        read_physiology(table(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"has none of EDA\.csv, BVP\.csv, TEMP\.csv"):
        read_physiology(tmp_path)
    with pytest.raises(InputError, match="there is no such file or folder"):
        read_physiology(tmp_path / "gone")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="is not a table of text"):
        read_physiology(tmp_path / "b.csv")


def test_an_hour_with_a_trembling_clock_loses_no_sample(tmp_path):
    n = 30_000
    time = np.arange(n) / 8 + np.random.default_rng(0).uniform(-0.02, 0.02, n)
    text = "time_s,eda_uS\n" + "".join(f"{t:.3f},{k % 7 + 1}\n" for k, t in enumerate(time))
    signal = read_physiology(table(tmp_path, text))["eda"]
    np.testing.assert_array_equal(signal.values, np.arange(n) % 7 + 1)
    assert signal.rate == pytest.approx(8, rel=1e-4)
