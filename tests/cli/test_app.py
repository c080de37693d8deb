import errno
import subprocess
import sys

import pytest
import typer

from affectome.cli import app as application
from affectome.cli.running import finish, parse_pair, parse_ratings
from affectome.errors import InputError, MissingExtraError, require


def run_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    def broken(_: object) -> typer.Typer:
        app = typer.Typer(pretty_exceptions_enable=False)

        @app.command()
        def fail() -> None:
            raise error

        return app

    monkeypatch.setattr(application, "build", broken)
    with pytest.raises(SystemExit) as caught:
        application.main([])
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("no such thing"), "affectome: no such thing\n"),
        (MemoryError(), "affectome: there is not enough memory"),
        (OSError(errno.ENOSPC, "No space", "r.zarr"), "the disk is full while writing r.zarr"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "x: Permission denied"),
        (KeyError("a\nb"), "an error inside affectome, please report it: KeyError"),
    ],
)
def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    message: str,
) -> None:
    assert run_with(monkeypatch, error) == 2
    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1
    assert "Traceback" not in text


def test_skipped_inputs_set_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    finish({"skipped": []}, as_json=False)
    with pytest.raises(typer.Exit) as caught:
        finish({"skipped": [{"file": "x", "why": "empty"}], "warnings": ["w"]}, as_json=True)
    assert caught.value.exit_code == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("{")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from affectome.cli import app; app.build(['--help']); "
        "sys.exit(' '.join({'torch', 'numba', 'mne', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", [*application.COMMANDS, *application.STUDIES])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [name] if name in application.COMMANDS else ["study", name]
    with pytest.raises(SystemExit) as caught:
        application.main([*words, "--help"])
    assert caught.value.code in {0, None}
    assert "--out" in capsys.readouterr().out


def test_options() -> None:
    assert parse_ratings(["valence", "arousal=A"]) == {"valence": "valence", "arousal": "A"}
    assert parse_ratings([]) is None
    assert parse_pair("3.5,5", "--cut") == (3.5, 5.0)
    with pytest.raises(InputError, match="--cut takes two numbers"):
        parse_pair("3.5", "--cut")


def test_a_missing_extra_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'affectome\[eeg\]'"):
        require("no_such_module_here", "eeg")
