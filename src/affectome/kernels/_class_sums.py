"""The loops of `selectivity`: sums over trials by class, and each unit's statistics from them."""

from __future__ import annotations

import numpy as np
from numba import njit

TRIALS_A_BLOCK = 64


@njit(nogil=True, cache=True)
def join_trials(X, rows, ends, before, mean, scatter, first, last):  # type: ignore[no-untyped-def]
    """Join the trials ``rows[ends[c]:ends[c + 1]]`` of every class c to its mean and scatter."""
    width = last - first
    total = np.empty(width, X.dtype)
    square = np.empty(width, X.dtype)
    for c in range(ends.size - 1):
        n = before[c]
        for i in range(ends[c], ends[c + 1], TRIALS_A_BLOCK):
            stop = min(i + TRIALS_A_BLOCK, ends[c + 1])
            shift = X[rows[i], first:last]
            total[:] = 0
            square[:] = 0
            _sum_block(X, rows, i + 1, stop, shift, total, square, first, last)
            size = stop - i
            joined = n + size
            m, s = mean[c, first:last], scatter[c, first:last]
            each, share, weight = 1.0 / size, size / joined, n * size / joined
            for j in range(width):
                t = total[j] * each
                step = shift[j] + t - m[j]
                s[j] += max(square[j] - total[j] * t, 0.0) + step * step * weight
                m[j] += step * share
            n = joined


@njit(nogil=True, cache=True, fastmath={"contract"})
def _sum_block(X, rows, i, stop, shift, total, square, first, last):  # type: ignore[no-untyped-def]
    # Four trials at a time: the sums are loaded and stored a quarter as often.
    while i + 4 <= stop:
        a, b = X[rows[i], first:last], X[rows[i + 1], first:last]
        c, d = X[rows[i + 2], first:last], X[rows[i + 3], first:last]
        for j in range(last - first):
            u, v = a[j] - shift[j], b[j] - shift[j]
            w, z = c[j] - shift[j], d[j] - shift[j]
            total[j] += (u + v) + (w + z)
            square[j] += (u * u + v * v) + (w * w + z * z)
        i += 4
    while i < stop:
        a = X[rows[i], first:last]
        for j in range(last - first):
            u = a[j] - shift[j]
            total[j] += u
            square[j] += u * u
        i += 1


@njit(nogil=True, cache=True, error_model="numpy")
def unit_statistics(  # type: ignore[no-untyped-def]
    count, mean, scatter, first, last, F, eta, d_prime, index, preferred, tuning
):
    """Fill the statistics of units ``first:last`` from the moments of their classes."""
    n, k = count.sum(), (count > 0).sum()
    width = last - first
    grand, within, between = np.zeros(width), np.zeros(width), np.zeros(width)
    sums, variances = np.zeros(width), np.zeros(width)
    scale, noise = np.empty(width), np.empty(width)
    for c in range(count.size):
        m, s = mean[c, first:last], scatter[c, first:last]
        share, free = count[c] / n, max(count[c] - 1, 1)
        for j in range(width):
            grand[j] += m[j] * share
            within[j] += s[j]
            sums[j] += m[j]
            variances[j] += s[j] / free
    for c in range(count.size):
        m = mean[c, first:last]
        for j in range(width):
            between[j] += count[c] * (m[j] - grand[j]) ** 2
    f, e, best, which = F[first:last], eta[first:last], index[first:last], preferred[first:last]
    for j in range(width):
        # The weighted mean of equal means is off by rounding; that is no difference.
        rounding = 1e-24 * n * grand[j] * grand[j]
        between[j] = 0.0 if within[j] == 0.0 and between[j] <= rounding else between[j]
        total = between[j] + within[j]
        f[j] = 0.0 if total == 0.0 else between[j] / within[j] * ((n - k) / (k - 1))
        e[j] = 0.0 if total == 0.0 else between[j] / total
        scale[j] = 0.0 if total == 0.0 else np.sqrt((n - 1) / total)
        noise[j] = np.sqrt(variances[j] / max(2, k - 1))
        best[j] = 0.0
        which[j] = -1
    for c in range(count.size):
        if count[c] == 0:
            d_prime[c, first:last] = 0.0
            tuning[c, first:last] = 0.0
            continue
        m, d, t = mean[c, first:last], d_prime[c, first:last], tuning[c, first:last]
        for j in range(width):
            t[j] = (m[j] - grand[j]) * scale[j]
            contrast = (m[j] * k - sums[j]) / (k - 1)
            d[j] = 0.0 if scale[j] == 0.0 or contrast == 0.0 else contrast / noise[j]
            better = scale[j] != 0.0 and (which[j] < 0 or d[j] > best[j])
            best[j] = d[j] if better else best[j]
            which[j] = c if better else which[j]
