"""One pass for the selectivity of every unit against scikit-learn's analysis of variance."""

import numpy as np
from sklearn.feature_selection import f_classif

from affectome.kernels.selectivity import class_statistics
from bench.timing import compare, show


def main() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 100_000), dtype=np.float32)
    codes = rng.integers(0, 3, 1000)
    for threads, target in ((1, 8), (2, 15)):
        show(
            compare(
                "F, p, eta2, d', index, tuning: 1,000 x 100,000 float32",
                lambda n_jobs=threads: class_statistics(X, codes, n_jobs=n_jobs),
                lambda: f_classif(X, codes),
                target=target,
                threads=(threads,),
            )
        )
