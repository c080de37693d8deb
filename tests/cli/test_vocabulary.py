"""One name for one idea, in every command and every public function."""

import inspect
import typing

import pytest

import affectome.audit
import affectome.brains
import affectome.data
import affectome.dynamics
import affectome.evidence
import affectome.studies.compare
import affectome.studies.emergence
import affectome.studies.emonet
import affectome.studies.encoding
import affectome.studies.mouse_faces
import affectome.studies.neural_code
import affectome.studies.signature
import affectome.studies.similarity
import affectome.units
from affectome.cli import app
from affectome.cli.running import load
from affectome.errors import did_you_mean, no_column, unknown

SYNONYMS = {
    "seed": "random_state",
    "rng_seed": "random_state",
    "n_perm": "n_permutations",
    "n_perms": "n_permutations",
    "permutations": "n_permutations",
    "jobs": "n_jobs",
    "workers": "n_jobs",
    "label": "target",
    "label_column": "target",
    "participant": "subject",
    "subject_column": "subject",
    "resample": "resampling",
    "output": "out",
    "out_dir": "out",
    "outdir": "out",
    "force": "overwrite",
    "folds": "n_splits",
}
ALIASES = {
    "--seed": "--random-state",
    "--permutations": "--n-permutations",
    "--jobs": "--n-jobs",
    "--label": "--target",
    "--event": "--target",
    "--condition": "--stimulus",
    "--resample": "--resampling",
    "--folds": "--n-splits",
    "--file": "--column",
}
"""Older or shorter names that are understood beside the one that help and documents use."""
COMMANDS = [(group, name) for group, commands in app.GROUPS.items() for name in commands]
ROOMS = (
    affectome.audit,
    affectome.brains,
    affectome.data,
    affectome.dynamics,
    affectome.evidence,
    affectome.units,
    affectome.studies.compare,
    affectome.studies.emergence,
    affectome.studies.emonet,
    affectome.studies.encoding,
    affectome.studies.mouse_faces,
    affectome.studies.neural_code,
    affectome.studies.signature,
    affectome.studies.similarity,
)


def options_of(group, name):
    """Parameter → the option's names, first the one that documents use."""
    command = load(app.GROUPS[group][name][0])
    found = {}
    for parameter, hint in typing.get_type_hints(command, include_extras=True).items():
        for extra in getattr(hint, "__metadata__", ()):
            if type(extra).__name__ == "OptionInfo":
                given = (extra.default, *(extra.param_decls or ()))
                names = [n for n in given if isinstance(n, str) and n.startswith("--")]
                found[parameter] = names or [f"--{parameter.replace('_', '-')}"]
    return found


@pytest.mark.parametrize(("group", "name"), COMMANDS)
def test_no_command_has_a_synonym(group, name):
    for parameter, names in options_of(group, name).items():
        if (group, name, parameter) == ("", "train", "column"):
            continue
        first, *others = names
        assert first.strip("-").replace("-", "_") not in SYNONYMS, (parameter, first)
        assert parameter not in {"seed", "permutations", "jobs", "label", "json"}
        for other in others:
            assert ALIASES.get(other) == first, f"{other} is no known other name of {first}"


def test_no_public_function_has_a_synonym():
    wrong = []
    for room in ROOMS:
        for name in getattr(room, "__all__", dir(room)):
            one = getattr(room, name)
            if not callable(one) or (isinstance(one, type) and issubclass(one, Exception)):
                continue
            if not (getattr(one, "__module__", None) or "").startswith("affectome"):
                continue
            for parameter in inspect.signature(one).parameters:
                if parameter in SYNONYMS and parameter != "folds":  # there, the folds themselves
                    wrong.append(f"{room.__name__}.{name}({parameter}=): {SYNONYMS[parameter]}")
    assert wrong == []


def test_what_was_perhaps_meant():
    assert did_you_mean("Themes", ["Theme", "valence"]) == "did you mean 'Theme'? "
    assert did_you_mean("xyz", ["Theme"]) == ""
    assert str(no_column("t.csv has", "subjct", ["subject", "film"])) == (
        "t.csv has no column 'subjct'; did you mean 'subject'? it has subject, film"
    )
    assert str(no_column("the trials have", "x", [f"c{i}" for i in range(14)])).endswith(
        "c10, c11 and 2 more"
    )
    assert str(unknown("the decoder", "liner", ["linear", "gru"])) == (
        "the decoder is one of linear, gru; got 'liner'; did you mean 'linear'?"
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["reed", "x"],
            "no such command 'reed'; did you mean 'read' or 'screen' or 'resume'? affectome --help",
        ),
        (["study", "emergense"], "did you mean 'emergence'? "),
        (["study", "neural-code", "x.npz", "--permutatons", "9"], "did you mean '--permutations'"),
        (["study", "neural-code", "x.npz", "--seed", "-1"], "invalid value for '--random-state'"),
        (["study", "neural-code", "x.npz", "--permutations", "5"], "neither 0 (for no p) nor 20"),
        (["audit", "x.csv", "--fail-on", "hi"], "'hi' is not one of"),
        (["compare", "--jobs", "0"], "invalid value for '--n-jobs'"),
        (["compare", "--epochs", "0"], "invalid value for '--epochs'"),
        (["compare", "--window", "0,4"], "without a recording there is no use of --window"),
        (["encode", "x.npz", "--features", "y.csv", "--window", "4"], "--window takes two numbers"),
        (
            ["study", "emergence", "x", "--out", "o", "--manipulated", "-4"],
            "invalid value for '--manipulated'",
        ),
        (["region", "x.mp4", "--start", "-5"], "invalid value for '--start'"),
        (["region", "x.mp4", "--out", "p.xyz"], "p.xyz should end in .png"),
        (["study", "neural-code", "x.npz", "--parts", "persnal"], "did you mean 'personal'?"),
        (["train", "wrds", "x.csv"], "did you mean 'words'?"),
    ],
)
def test_a_wrong_word_is_one_line_before_any_work(words, says, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        app.main(words)
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert says in said
    assert said.startswith("affectome: ")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        app.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"affectome {affectome.__version__}\n"


def test_a_shell_completes_the_options_of_a_command(monkeypatch, capsys):
    monkeypatch.setenv(app.COMPLETION, "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "affectome study neural-code --rand")
    monkeypatch.setenv("COMP_CWORD", "3")
    monkeypatch.setattr("sys.argv", ["affectome"])
    with pytest.raises(SystemExit):
        app.main([])
    assert "--random-state" in capsys.readouterr().out
