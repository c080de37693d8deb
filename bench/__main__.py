"""Run every benchmark: ``python -m bench [name ...]``; ``python -m bench calibration --help``,
``python -m bench scale --short``."""

import importlib
import pkgutil
import sys

import bench
from bench import scale
from bench.calibration import table

HELPERS = {"timing", "voice_parity", "__main__"}


def main() -> None:
    if sys.argv[1:2] == ["calibration"]:
        table.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["scale"]:
        scale.main(sys.argv[2:])
        return
    names = sys.argv[1:] or sorted(
        m.name for m in pkgutil.iter_modules(bench.__path__) if m.name not in HELPERS
    )
    for name in names:
        print(f"# {name}", flush=True)
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
