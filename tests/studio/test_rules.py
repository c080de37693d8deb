import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectome.errors import InputError
from affectome.people.reading import Estimate, Reading
from affectome.safeguards import PurposeError
from affectome.studio.responding import Responder
from affectome.studio.rules import Condition, Rule, Rules, Watch, parse_when, read_rules

ANGRY = Rule("angry", (Condition("anger", True, 0.6),), 3.0, 0.8, every_s=10.0, note="calm down")


def face(p, other=0.0):
    return Reading("face", {"anger": p, "neutral": 1 - p - other, "fear": other})


def fired(rule, readings):
    watch = Watch(Rules("research", (rule,)))
    return [t for t, reading in readings if watch.see(reading, t)]


def steady(start, stop, p, step=0.2):
    n = round((stop - start) / step)
    return [(round(start + k * step, 6), face(p)) for k in range(n)]


def test_it_fires_once_it_has_held_long_enough():
    assert fired(ANGRY, steady(0, 10, 0.9)) == [3.0]
    assert fired(ANGRY, steady(0, 2.9, 0.9) + steady(2.9, 10, 0.3)) == []
    assert fired(ANGRY, steady(0, 10, 0.7)) == []  # above .6, but nothing is sure enough


def test_it_fires_again_only_after_it_fell_behind_and_time_has_passed():
    hovering = steady(0, 5, 0.9) + steady(5, 5.4, 0.55) + steady(5.4, 30, 0.9)
    assert fired(ANGRY, hovering) == [3.0]
    released = steady(0, 5, 0.9) + steady(5, 5.4, 0.45) + steady(5.4, 30, 0.9)
    assert fired(ANGRY, released) == [3.0, 13.0]


def test_an_abstention_never_fires():
    nothing = Reading("face", {"anger": 0.99}, abstains=True, because="blurred")
    assert fired(ANGRY, [(k / 5, nothing) for k in range(100)]) == []
    blinks = [(t, nothing if k % 5 == 4 else one) for k, (t, one) in enumerate(steady(0, 5, 0.9))]
    assert fired(ANGRY, blinks) == [3.0]
    gap = steady(0, 2, 0.9) + [(2 + k / 5, nothing) for k in range(15)] + steady(5, 9, 0.9)
    assert fired(ANGRY, gap) == [8.0]


@given(st.lists(st.tuples(st.floats(0.01, 3), st.floats(0, 1), st.booleans()), max_size=80))
def test_whatever_comes_the_rate_holds_and_no_abstention_fires(steps):
    watch, now, last = Watch(Rules("research", (ANGRY,))), 0.0, None
    for step, p, abstains in steps:
        now += step
        because = "blurred" if abstains else ""
        found = watch.see(Reading("face", {"anger": p}, abstains=abstains, because=because), now)
        if found:
            assert not abstains
            assert p >= 0.8
            assert last is None or now - last >= ANGRY.every_s
            last = now


def test_dimensions_modalities_and_several_conditions():
    low = Rule("low", (Condition("valence", False, 2.0), Condition("anger", True, 0.1)), note="x")
    words = Reading("words", {"anger": 0.3}, valence=Estimate(1.8))
    assert fired(low, [(0, words)]) == [0]
    assert fired(low, [(0, face(0.9))]) == []
    voices = Rule("v", (Condition("anger", True, 0.1),), modality="voice", note="x")
    assert fired(voices, [(0, words), (1, Reading("voice", {"anger": 0.3}))]) == [1]


def test_a_condition_is_a_line():
    assert parse_when("anger > .6 for 3 s, confidence ≥ .8") == (
        (Condition("anger", True, 0.6),),
        3.0,
        0.8,
    )
    assert parse_when("valence<=2.5 and arousal > 3") == (
        (Condition("valence", False, 2.5), Condition("arousal", True, 3.0)),
        0.0,
        0.0,
    )


@pytest.mark.parametrize(
    "text", ["", "anger", "anger > high", "anger > .6 for ever", "a > 1, sure > 2", "anger = .6"]
)
def test_what_is_no_condition(text):
    with pytest.raises(InputError, match="is no condition such as"):
        parse_when(text)


FILE = 'purpose = "{purpose}"\n[[rule]]\nname = "n"\nwhen = "anger > .6"\n{more}\n'


@pytest.mark.parametrize("purpose", ["workplace", "school", "hiring"])
def test_rules_that_judge_people_at_work_or_in_education_are_refused(tmp_path, purpose):
    (tmp_path / "r.toml").write_text(FILE.format(purpose=purpose, more='note = "x"'))
    with pytest.raises(PurposeError, match=r"Article 5\(1\)\(f\)"):
        read_rules(tmp_path / "r.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "can't be read as rules"),
        ("x = 1", 'rules say what they are for: purpose = "research"'),
        ('purpose = "research"', r"purpose and one or more of \[\[rule\]\]"),
        (FILE.format(purpose="research", more=""), "rule 1 does nothing; give one of webhook"),
        (FILE.format(purpose="research", more='sound = "x"'), "rule 1 has 'sound'; known are"),
        (FILE.format(purpose="research", more="note = 3"), "rule 1: note is no text"),
        (FILE.format(purpose="research", more='webhook = "file:///etc"'), "starts with http://"),
        (FILE.format(purpose="research", more="command = [1]"), "command is a list of words"),
        (FILE.format(purpose="research", more='note="x"\nmodality="smell"'), "modality is one of"),
        (FILE.format(purpose="research", more='note="x"\nrelease=-1'), "release and every_s are 0"),
        ('purpose = "research"\n[[rule]]\nname = "n"\nnote = "x"', "rule 1 needs a name and when"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, text, message):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_rules(tmp_path / "r.toml")


def test_what_happens_when_it_fires(tmp_path):
    got = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = f"import sys; open({str(tmp_path / 'ran')!r}, 'w').write(sys.stdin.read())"
    (tmp_path / "r.toml").write_text(
        'purpose = "research"\n'
        '[[rule]]\nname = "n"\nwhen = "anger > .6"\nnote = "calm down"\n'
        f'webhook = "http://127.0.0.1:{server.server_port}/"\n'
        f"command = [{json.dumps(sys.executable)}, '-c', {json.dumps(command)}]\n"
        '[[rule]]\nname = "m"\nwhen = "anger > .6"\ncommand = ["no-such-program"]\n'
    )
    told = []
    responder = Responder(read_rules(tmp_path / "r.toml"), told.append)
    responder.see(Reading("face", {"anger": 0.9}, person="ada"), 1.0)
    responder.close(wait=True)
    server.shutdown()
    server.server_close()
    expected = {
        "rule": "n",
        "seconds": 1.0,
        "modality": "face",
        "values": {"anger": 0.9},
        "confidence": 0.9,
        "note": "calm down",
    }
    assert got == [expected]
    assert json.loads((tmp_path / "ran").read_text()) == expected
    assert told[0] == {"type": "note", **expected}
    assert "no-such-program did not run" in told[-1]["note"]
    assert "ada" not in str(told)
