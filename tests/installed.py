"""Install the wheel and the source archive of a folder into empty environments, and try them.

    python -m build && python tests/installed.py dist

Nothing of the repository is on the path there: what is missing from the archives is found here.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

TRIED = """
import json, pathlib, subprocess, sys
import affectome as af
from affectome.packages import packages
assert "site-packages" in af.__file__, af.__file__
assert len(af.__all__) > 50 and callable(af.evaluate) and callable(af.studies.neural_code.run)
assert packages() and (pathlib.Path(af.__file__).parent / "py.typed").is_file()
recording, _ = af.simulate_population(n_subjects=4, n_trials=24, n_units=8, effect=2.0)
found = af.evaluate(af.RidgeClassifierDecoder(), recording, "emotion", n_permutations=5)
found.save("found.html")
for words in (["--help"], ["weights", "list"], ["models", "list"]):
    subprocess.run([sys.executable, "-m", "affectome", *words], check=True, capture_output=True)
print(found)
"""


def try_one(archive: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = next(
            path
            for path in (Path(place, "bin", "python"), Path(place, "Scripts", "python.exe"))
            if path.exists()
        )
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, archive.resolve()], check=True)
        subprocess.run([python, "-I", "-c", TRIED], check=True, cwd=place)


if __name__ == "__main__":
    for found in sorted(Path(sys.argv[1]).iterdir()):
        sys.stdout.write(f"{found.name}\n")
        try_one(found)
