import json

import pytest

from affectome.cli import main
from affectome.errors import InputError
from affectome.people.fusion import fuse
from affectome.people.reading import Reading
from affectome.people.streams import fuse_over_time


def face(start, end, happiness, **about):
    emotions = {"anger": 1 - happiness, "happiness": happiness}
    return Reading("face", emotions, start_s=start, end_s=end, person="ada", **about)


def voice(start, end, happiness):
    emotions = {"anger": 1 - happiness, "happiness": happiness}
    return Reading("voice", emotions, start_s=start, end_s=end, person="ada")


def test_streams_of_different_rates_stand_on_one_clock():
    faces = [face(k / 5, (k + 1) / 5, 0.9 if k < 10 else 0.2) for k in range(20)]
    voices = [voice(0.0, 2.5, 0.6), voice(2.5, 4.0, 0.3)]
    found = fuse_over_time([*faces, *voices], 2.0)
    assert [(one.reading.start_s, one.reading.end_s) for one in found] == [(0, 2), (2, 4)]
    first = fuse([face(0, 2, 0.9), voice(0, 2, 0.6)])
    assert found[0].reading.emotions == pytest.approx(first.reading.emotions)
    mixed = (0.5 * 0.6 + 1.5 * 0.3) / 2
    second = fuse([face(2, 4, 0.2), voice(2, 4, mixed)])
    assert found[1].reading.emotions == pytest.approx(second.reading.emotions)


def test_what_has_no_time_holds_throughout_and_parts_stand_for_their_whole():
    words = Reading("words", {"anger": 0.2, "joy": 0.8}, person="ada")
    whole = Reading(
        "voice",
        {"anger": 0.5, "happiness": 0.5},
        person="ada",
        parts=(
            voice(0, 1, 0.9),
            Reading("voice", abstains=True, because="no speech", start_s=1, end_s=2),
        ),
    )
    one, two = fuse_over_time([words, whole], 1.0)
    assert set(one.shares) == {"words", "voice"}
    assert set(two.shares) == {"words"}
    assert two.left_out == {"voice": "no speech"}


def test_a_recorder_that_started_later_is_moved():
    moved = fuse_over_time([face(0, 1, 0.9), voice(0, 1, 0.6)], 1.0, offsets={"voice": 2.0})
    assert [set(one.shares) for one in moved] == [{"face"}, {"voice"}]
    assert moved[1].reading.start_s == 2


def test_what_can_not_be_aligned():
    with pytest.raises(InputError, match="a window has more than 0 seconds; got 0"):
        fuse_over_time([face(0, 1, 0.5)], 0)
    with pytest.raises(InputError, match="no reading has a time; pool them without a step"):
        fuse_over_time([Reading("words", {"joy": 0.4, "anger": 0.1})], 1)
    with pytest.raises(InputError, match="readings of one person are pooled; got"):
        fuse_over_time([face(0, 1, 0.5), Reading("words", {"joy": 0.4}, person="bo")], 1)


def test_the_command_gives_a_line_a_window(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [one.to_json() for one in (face(0, 2, 0.9), voice(0, 1, 0.7))]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    with pytest.raises(SystemExit):
        main(["fuse", "a.jsonl", "--every", "1", "--json"])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["start_s"] for one in found] == [0, 1]
    assert found[1]["left_out"] == {"voice": "there is no reading of this time"}
    with pytest.raises(SystemExit):
        main(["fuse", "a.jsonl", "--offset", "voice=1"])
    assert "give --every SECONDS too" in capsys.readouterr().err
