"""How long a user waits before anything happens: imports, the help, and the repr of a result.

Each is the median of seven fresh processes (of 50 calls for a repr), beside what it may take.
"""

import statistics
import subprocess
import sys
import time

import numpy as np

import affectome as af

REPEATS = 7


def fresh(*words: str) -> float:
    """Median seconds of a process of its own, less those of an empty one."""

    def once(command: tuple[str, ...]) -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start

    return statistics.median(once((sys.executable, *words)) for _ in range(REPEATS))


def shown(result: object, how: str) -> float:
    """Median seconds of a call without arguments."""
    times = []
    for _ in range(50):
        start = time.perf_counter()
        getattr(result, how)()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    empty = fresh("-c", "pass")
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(8), 20)
    evidence = af.evaluate(
        af.RidgeClassifierDecoder(),
        rng.normal(size=(160, 20)),
        rng.choice(["joy", "fear"], 160),
        subject=person,
        n_permutations=20,
    )
    rows = [
        ("import affectome", fresh("-c", "import affectome") - empty, 0.3),
        (
            "import affectome; affectome.evaluate",
            fresh("-c", "import affectome; affectome.evaluate") - empty,
            None,
        ),
        ("affectome --help", fresh("-m", "affectome", "--help"), 0.5),
        ("affectome audit --help", fresh("-m", "affectome", "audit", "--help"), None),
        ("repr of Evidence", shown(evidence, "__repr__"), 0.01),
        ("its part of a page", shown(evidence, "_repr_html_"), 0.05),
    ]
    for what, seconds, most in rows:
        verdict = (
            "" if most is None else f"  at most {most:g} s {'ok' if seconds <= most else 'ABOVE'}"
        )
        print(f"{what:<40}{seconds:8.4f} s{verdict}", flush=True)


if __name__ == "__main__":
    main()
