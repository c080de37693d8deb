"""The linear path of the neural code: every moment of 40 subjects with 1,000 permutations."""

from __future__ import annotations

import resource
import time

import numpy as np
import pandas as pd

from affectome.data import make_recording
from affectome.dynamics.over_time import decode_over_time, predict_memory
from affectome.evidence import make_split

SUBJECTS, TRIALS, TIMES, CHANNELS, PERMUTATIONS = 40, 200, 200, 64, 1000
LIMIT_S, LIMIT_GB = 60.0, 4.0


def main() -> None:
    rng = np.random.default_rng(0)
    n = SUBJECTS * TRIALS
    trials = pd.DataFrame(
        {
            "subject": np.repeat([f"sub-{s:02d}" for s in range(SUBJECTS)], TRIALS),
            "emotion": np.array(["fear", "joy"])[rng.permuted(np.tile([0, 1], n // 2))],
        }
    )
    values = rng.standard_normal((n, TIMES, CHANNELS), dtype=np.float32)
    values[trials["emotion"].to_numpy() == "fear", TIMES // 2 :, :4] += 0.25
    units = pd.DataFrame({"sensor": [f"E{c}" for c in range(CHANNELS)]})
    recording = make_recording(values, trials, units, np.arange(TIMES) / 100)
    split = make_split(trials, trials["emotion"].to_numpy(), holdout="random", n_splits=5)
    predicted = predict_memory(recording, SUBJECTS, PERMUTATIONS, n_jobs=2) / 1e9
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    start = time.perf_counter()
    found = decode_over_time(
        recording, "emotion", split, within="subject", n_permutations=PERMUTATIONS, n_jobs=2
    )
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    verdict = "ok" if seconds <= LIMIT_S and peak <= LIMIT_GB else "ABOVE"
    called = [(half <= 0.05).mean() for half in (found.p[: TIMES // 2], found.p[TIMES // 2 :])]
    print(
        f"{SUBJECTS} subjects x {TRIALS} trials x {CHANNELS} channels x {TIMES} times, "
        f"{PERMUTATIONS} permutations, 2 threads: {seconds:.1f} s (target {LIMIT_S:g}), memory "
        f"predicted {predicted:.2f} GB, peak of the process {peak:.2f} GB, {before:.2f} GB before "
        f"(target {LIMIT_GB:g}) {verdict}; called {called[0]:.0%} of times without and "
        f"{called[1]:.0%} of times with a code",
        flush=True,
    )


if __name__ == "__main__":
    main()
