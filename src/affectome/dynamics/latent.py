r"""Time constants of latent dynamics, and the line attractor where there is one.

The eigenvalues of a fitted linear system are time constants. A slow one that stands alone is a line
attractor, a dimension that holds what an event left in it (Nair et al. 2023). Three things look
like one and are none: a baseline that differs between trials, a stimulus that goes on, and slow
drift. So every class (or other given input) has a free course over time, every trial a free level,
only what follows the stimulus is taken, and the claim stands behind two tests: trials drawn from
the same system with a faster slow dimension must not look as slow, and trials run backwards, in
which drift and slow noise look the same, must not decay alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike
from scipy.linalg import null_space

from affectome.data import trial_table
from affectome.dynamics.linear_system import (
    LinearSystem,
    climb,
    smooth_states,
    subspace_start,
    trials_in_time,
)
from affectome.dynamics.slow_dimension import SlowDimension, fit_slow_dimension, start_from
from affectome.errors import InputError, no_column
from affectome.evidence import Null, Score, exchange_for, score, tested
from affectome.evidence.dynamics_surrogates import (
    likelihood_interval,
    linear_trials,
    reversal_test,
    surrogate_test,
)
from affectome.kernels.kalman import Array, smooth_about_levels
from affectome.kernels.ranks import pearson
from affectome.progress import Progress, silent

FEWEST_TIMES = 8
FEWEST_TRIALS = 8
LONGEST = 10.0  # lengths of a trial, beyond which no time constant is told from a level
SETTLED = 3.0  # time constants of the second dimension, after which its share has gone
FEW_SURROGATES = 19
ALPHA = 0.05
CLEARLY = 1.1  # times the energy of decays, from which a step is the better account
OCTAVE = 1.0  # log2 of the slowest over the next, from which the slowest stands alone


@dataclass(frozen=True)
class TimeConstants:
    """Time constants of latent dynamics, and whether one of them is a line attractor.

    Attributes
    ----------
    system
        The fitted system: dynamics in which the slow dimension comes first, and how units load on
        them; its levels are those of the mean trial.
    tau
        Seconds, slowest first, shape (n_states,); none is told beyond ``longest``.
    interval
        95 % interval of the slowest by its profile likelihood. Its end is infinite where the trials
        can't tell the time constant from a longer one, and 0 where not from a shorter one.
    longest
        Ten times what was seen of a trial: the longest time constant that is tried.
    held_out
        Log likelihood per sample of left-out trials for 1, 2, … states.
    converged
        Whether both fits came to rest.
    n_trials
        Trials that the interval rests on.
    attractor
        Seconds of the slowest dimension where it is a line attractor, else None.
    p
        Of the line attractor: the larger of two, that trials with a slowest dimension of ``slow``
        seconds look as slow, and that trials look the same from their ends. None where there is
        nothing to test.
    null
        How the null of ``p`` was made.
    why
        Why there is no p.
    state
        Position along the slowest dimension, about the trial's level, shape (n_trials, n_times).
    """

    system: LinearSystem
    tau: Array
    interval: tuple[float, float]
    longest: float
    held_out: tuple[float, ...]
    converged: bool
    n_trials: int
    attractor: float | None
    p: float | None
    null: Null | None
    why: str | None
    state: Array

    @property
    def longer_than(self) -> float | None:
        """Seconds that the slowest exceeds where no upper end is told, else None."""
        return self.interval[0] if np.isinf(self.interval[1]) else None

    def to_dict(self) -> dict[str, Any]:
        """Give time constants and the attractor as plain values."""
        low, high = self.interval
        return {
            "time_constants_s": self.tau.tolist(),
            "slowest": {
                "value": float(self.tau[0]),
                "interval": None if np.isinf(high) else [low, high],
                "longer_than": self.longer_than,
                "over": f"{self.n_trials} trials",
            },
            "longest_s": self.longest,
            "n_states": len(self.tau),
            "held_out_log_likelihood": list(self.held_out),
            "converged": self.converged,
            "attractor": {
                "value": self.attractor,
                "p": self.p,
                "null": None if self.null is None else self.null.to_dict(),
                "why": self.why,
            },
        }


def time_constants(
    recording: xr.DataArray,
    *,
    inputs: str | Sequence[str] = (),
    until: float = 0.0,
    n_states: int | None = None,
    most_states: int = 6,
    slow: float = 10.0,
    n_surrogates: int = 199,
    max_iter: int = 300,
    random_state: int = 0,
    progress: Progress = silent,
) -> TimeConstants:
    """Estimate the spectrum of time constants, and test for a line attractor.

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    inputs
        Columns of the trials that the stimulus differs by, such as its class. Each value of a
        column of names, and each column of numbers, gets a free course over time; all trials share
        one in any case.
    until
        Seconds at which the stimulus ends; what came before is left out.
    n_states
        Hidden dimensions; chosen by the likelihood of left-out trials when not given.
    most_states
        Most dimensions that are tried.
    slow
        Seconds from which a time constant may count as that of an integrator.
    n_surrogates
        Most surrogates of the test.
    max_iter
        Most rounds of EM of a fit.
    random_state
        Seed.
    progress
        Called when a number of states is done, and when the tests are.

    Raises
    ------
    InputError
        If there are fewer than eight trials beyond the inputs or eight times after the stimulus, or
        a column is missing.
    """
    values, step = trials_in_time(recording)
    after = np.flatnonzero(recording["time"].values >= until - step / 1e3)
    if len(after) < FEWEST_TIMES:
        raise InputError(
            f"the trials hold {len(after)} times from {until:g} s on, when the stimulus ends; "
            f"{FEWEST_TIMES} or more are needed to tell dynamics from the stimulus"
        )
    Y = values[:, after]
    design = _design(recording, inputs)
    free = null_space(design.T)
    if free.shape[1] < FEWEST_TRIALS:
        raise InputError(
            f"{len(Y)} trials less {np.linalg.matrix_rank(design)} courses of the inputs leave "
            f"{free.shape[1]}; {FEWEST_TRIALS} or more are needed"
        )
    rest = np.tensordot(free.T, Y, axes=1)
    held_out: tuple[float, ...] = ()
    if n_states is None:
        held_out = _held_out(rest, step, most_states, max_iter, progress)
        n_states = 1 + int(np.argmax(held_out))
    if not 1 <= n_states <= Y.shape[2]:
        raise InputError(f"n_states lies in 1–{Y.shape[2]}, the number of units; got {n_states}")
    base = _axes(rest, n_states, step, max_iter)
    whiten = _whitening(base)
    scores = rest @ whiten
    longest = LONGEST * len(after)
    fit = _slowest(base, scores, whiten, longest)
    tau = fit.time_constants * step
    interval = _interval(fit, scores, longest)
    state = np.linalg.inv(fit.C)[0]
    projected = (Y - Y.mean(1, keepdims=True)) @ whiten
    course = _leftover(design, projected @ state)
    why = _no_candidate(tau, slow, course, step)
    p, null = None, None
    if why is None:
        decay = _decay(course, fit.tau, tau, step)
        p, null = _gate(fit, scores, decay, slow, step, longest, n_surrogates, random_state)
    progress("line attractor", 1, 1)
    found = p is not None and p <= ALPHA
    return TimeConstants(
        system=_in_units(base, fit, whiten, Y),
        tau=tau,
        interval=(interval[0] * step, interval[1] * step),
        longest=longest * step,
        held_out=held_out,
        converged=base.converged and fit.converged,
        n_trials=len(Y),
        attractor=float(tau[0]) if found else None,
        p=p,
        null=null,
        why=why,
        state=_states(fit, projected)[..., 0],
    )


def _design(recording: xr.DataArray, inputs: str | Sequence[str]) -> Array:
    """One column a course: all trials, each value of a name, each column of numbers."""
    trials = trial_table(recording)
    columns = [np.ones(len(trials))]
    for name in [inputs] if isinstance(inputs, str) else inputs:
        if name not in trials:
            raise no_column("the trials have", name, trials)
        values = trials[name].to_numpy()
        if np.issubdtype(values.dtype, np.number):
            columns.append(values - values.mean())
        else:
            columns += [values == one for one in np.unique(values.astype(str))[1:]]
    return np.column_stack(columns).astype(float)


def _leftover(design: Array, values: Array) -> Array:
    """What the courses leave of each trial, with the variance of a trial."""
    hat = design @ np.linalg.pinv(design)
    return (values - hat @ values) / np.sqrt(np.maximum(1 - np.diag(hat), 1e-9))[:, None]


def _axes(rest: Array, n_states: int, step: float, max_iter: int) -> LinearSystem:
    """Fit a system to trials less their means, for the loadings and the units' noise.

    Scores along the loadings, weighted by the noise, hold all that the units tell of the states.
    """
    n_times = rest.shape[1]
    centred = (rest - rest.mean(1, keepdims=True)) * np.sqrt(n_times / (n_times - 1))
    return climb(subspace_start(centred, n_states, step), centred, max_iter=max_iter, tol=0.01)


def _held_out(
    rest: Array, step: float, most: int, max_iter: int, progress: Progress
) -> tuple[float, ...]:
    n_times = rest.shape[1]
    test = np.arange(len(rest)) % 4 == 3
    left_out = (rest[test] - rest[test].mean(1, keepdims=True)) * np.sqrt(n_times / (n_times - 1))
    found = []
    for k in range(1, min(most, rest.shape[2]) + 1):
        system = _axes(rest[~test], k, step, max_iter)
        found.append(smooth_states(system, left_out).log_likelihood / left_out.size)
        progress("number of latent dimensions", k, most)
    return tuple(found)


def _whitening(base: LinearSystem) -> Array:
    """Map from units to scores with noise of unit covariance, (n_units, k)."""
    loaded = base.C / base.r[:, None]
    size, turn = np.linalg.eigh(base.C.T @ loaded)
    return loaded @ (turn / np.sqrt(np.maximum(size, 1e-12))) @ turn.T


def _slowest(base: LinearSystem, scores: Array, whiten: Array, longest: float) -> SlowDimension:
    """Fit the slow dimension from where EM came to rest, and from a slower place; the likelier."""
    turn = whiten.T @ base.C
    A = turn @ base.A @ np.linalg.inv(turn)
    Q, V = (turn @ part @ turn.T for part in (base.Q, base.start_cov))
    start = start_from(A, Q, V, longest)
    slower = start.copy()
    slower[0] = max(start[0], np.log(scores.shape[1] / 2))
    fits = [fit_slow_dimension(scores, one, longest) for one in (start, slower)]
    return max(fits, key=lambda one: one.log_likelihood)


def _interval(fit: SlowDimension, scores: Array, longest: float) -> tuple[float, float]:
    at = {float(np.log(fit.tau)): fit.parameters}

    def profile(eta: float) -> float:
        nearest = min(at, key=lambda known: abs(known - eta))
        held = fit_slow_dimension(scores, at[nearest], longest, float(np.exp(eta)))
        at[eta] = held.parameters
        return held.log_likelihood

    ends = (float(np.log(0.2)), float(np.log(longest)))
    low, high = likelihood_interval(profile, fit.log_likelihood, float(np.log(fit.tau)), ends)
    return float(np.exp(low)), float(np.exp(high))


def _no_candidate(tau: Array, slow: float, course: Array, step: float) -> str | None:
    """Tell why there is nothing to test: no dimension could be a line attractor."""
    if tau[0] <= slow:
        return f"no p, because the slowest time constant, {tau[0]:.2g} s, is not above {slow:g} s"
    if len(tau) > 1 and np.log2(tau[0] / tau[1]) < OCTAVE:
        return (
            f"no p, because two dimensions are slow, {tau[0]:.2g} and {tau[1]:.2g} s: none stands "
            "alone"
        )
    jump = _jump(course[:, _settled(tau, step, course.shape[1]) :], slow / step)
    if jump is not None:
        at = (jump + _settled(tau, step, course.shape[1])) * step
        return (
            f"no p, because trials change at once {at:.3g} s after the start of the course, as "
            "where a stimulus ends, and do not decay; say with until= when it ends"
        )
    return None


def _settled(tau: Array, step: float, n_times: int) -> int:
    """First sample at which the second dimension's share of the course has gone."""
    second = tau[1] / step if len(tau) > 1 else 0.0
    return int(min(np.ceil(SETTLED * second), n_times // 4))


def _jump(course: Array, slow: float) -> int | None:
    """Sample at which a step fits the trials better than any slow decay, or None."""
    n_times = course.shape[1]
    time = np.arange(n_times)
    steps = (time[None] >= np.arange(1, n_times)[:, None]).astype(float)
    decays = np.exp(-time / np.geomspace(slow, LONGEST * n_times + slow, 30)[:, None])
    energy = []
    for shapes in (steps, decays):
        centred = shapes - shapes.mean(1, keepdims=True)
        centred /= np.linalg.norm(centred, axis=1, keepdims=True)
        energy.append(((course @ centred.T) ** 2).sum(0))
    return 1 + int(energy[0].argmax()) if energy[0].max() > CLEARLY * energy[1].max() else None


def _gate(
    fit: SlowDimension,
    scores: Array,
    decay: Array,
    slow: float,
    step: float,
    longest: float,
    n_surrogates: int,
    random_state: int,
) -> tuple[float, Null]:
    """Test that trials decay from what the event left, and that the slowest dimension is slow.

    The larger p counts, so where the first test has spoken few surrogates will do for the second.
    """
    p_decay, _ = reversal_test(decay, random_state=random_state)
    held = fit_slow_dimension(scores, fit.parameters, longest, slow / step)

    def slowest(rng: np.random.Generator) -> float:
        drawn = linear_trials(held.A, held.Q, held.V, held.C, scores.shape[:2], rng)
        return fit_slow_dimension(drawn, held.parameters, longest).tau

    # A climb that stops at the bound stops within rounding of it.
    p_slow, null = surrogate_test(
        fit.tau * (1 - 1e-6),
        slowest,
        n_surrogates if p_decay <= ALPHA else min(FEW_SURROGATES, n_surrogates),
        f"trials of the fitted system with a slowest dimension of {slow:g} s, and trials run "
        "backwards; the larger p of the two",
        len(decay),
        random_state=random_state,
    )
    return max(p_slow, p_decay), null


def _decay(course: Array, slowest: float, tau: Array, step: float) -> Array:
    """Give each trial's product of slope and bend, whose sign a trial run backwards changes.

    A decay with the slowest time constant is cut in its parts that are odd and even about the
    middle of the trial. What decays from either side has both of one sign.
    """
    after = course[:, _settled(tau, step, course.shape[1]) :]
    time = np.arange(after.shape[1])
    shape = np.exp(-time / slowest)
    shape = (shape - shape.mean()) / np.linalg.norm(shape - shape.mean())
    odd, even = (shape - shape[::-1]) / 2, (shape + shape[::-1]) / 2
    return (after @ odd) * (after @ (even / np.linalg.norm(even)))


def _states(fit: SlowDimension, projected: Array) -> Array:
    """States about the level of their trial, shape (n_trials, n_times, k)."""
    centred = np.ascontiguousarray(projected.swapaxes(0, 1))
    return smooth_about_levels(fit.A, fit.Q, fit.V, fit.C, centred).mean.swapaxes(0, 1)


def _in_units(base: LinearSystem, fit: SlowDimension, whiten: Array, Y: Array) -> LinearSystem:
    """Write the slow dimension and the others as a system of the units."""
    back = base.C @ np.linalg.inv(whiten.T @ base.C)
    k = len(fit.A)
    return replace(
        base,
        A=fit.A,
        b=np.zeros(k),
        Q=fit.Q,
        C=back @ fit.C,
        d=Y.mean((0, 1)),
        start=np.zeros(k),
        start_cov=fit.V,
    )


def relation_to_intensity(
    state: Array,
    intensity: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    trials: pd.DataFrame | None = None,
    n_permutations: int = 1000,
    random_state: int = 0,
) -> Score:
    """Correlate intensity with what the integration dimension predicts of left-out trials.

    In each class a line from the trial's mean position to intensity is fitted without the trial.
    The null lets intensities trade places as :func:`affectome.evidence.exchange_for` finds valid,
    and fits the lines anew.

    Parameters
    ----------
    state
        Position along the integration dimension, shape (n_trials, n_times).
    intensity
        Of each trial, shape (n_trials,).
    labels
        Class of each trial: two emotions may lie on opposite sides of the dimension.
    trials
        What the trials have in common, one row a trial; each stands alone when not given.
    n_permutations, random_state
        Of the null.

    Raises
    ------
    InputError
        If a class has fewer than four trials.
    """
    strength = np.asarray(intensity, dtype=float)
    names = np.zeros(len(strength)) if labels is None else np.asarray(labels)
    codes = np.unique(names, return_inverse=True)[1]
    if np.bincount(codes).min() < 4:
        raise InputError(
            f"a line from state to intensity needs four trials of a class; the rarest of "
            f"{len(np.bincount(codes))} has {np.bincount(codes).min()}"
        )
    hat = np.zeros((len(strength), len(strength)))
    for code in range(codes.max() + 1):
        mine = np.flatnonzero(codes == code)
        design = np.column_stack([np.ones(len(mine)), state[mine].mean(1)])
        hat[np.ix_(mine, mine)] = design @ np.linalg.pinv(design)
    free = np.maximum(1 - np.diag(hat), 1e-9)
    left_out = strength - (strength - strength @ hat.T) / free
    found = score("pearson_r", strength, left_out, random_state=random_state, over="trials")
    table = pd.DataFrame(index=range(len(strength))) if trials is None else trials
    kept = table.drop(columns="intensity", errors="ignore")
    exchange = exchange_for(kept.assign(label_of_trial=codes), strength)
    if exchange.why_not is not None:
        return replace(found, why=f"no p, because {exchange.why_not}")
    drawn = exchange.draw(n_permutations, random_state)
    again = drawn - (drawn - drawn @ hat.T) / free
    p, null = tested(found.value, pearson(again, drawn), exchange.scheme, exchange.n_groups)
    return found.with_p(p, null)
