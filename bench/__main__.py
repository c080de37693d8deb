"""Run every benchmark: ``python -m bench [name ...]``."""

import importlib
import pkgutil
import sys

import bench

HELPERS = {"timing", "__main__"}


def main() -> None:
    names = sys.argv[1:] or sorted(
        m.name for m in pkgutil.iter_modules(bench.__path__) if m.name not in HELPERS
    )
    for name in names:
        print(f"# {name}", flush=True)
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
