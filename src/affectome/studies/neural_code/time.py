"""Parts of the neural-code study: how the code moves in time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from affectome.data import trial_table
from affectome.dynamics.generalisation import Generalisation, temporal_generalisation
from affectome.dynamics.latent import (
    TimeConstants,
    relation_to_intensity,
    time_constants,
)
from affectome.dynamics.lead_time import LeadTime, lead_time
from affectome.dynamics.regimes import FEWEST_TRIALS, compare_switching
from affectome.dynamics.states import HiddenStates, hidden_states
from affectome.errors import InputError
from affectome.evidence import Score
from affectome.features.windows import window_means
from affectome.studies.neural_code.case import Case, has_times, past, step_of, thinned
from affectome.studies.neural_code.parts import SlowDimensions

MOST_MAPS, MOST_LEADS = 200, 500
MOST_STATES = 4
SLOW_SECONDS = 8.0
LEADS = 6
FEWEST_LEVELS = 3
FEWEST_OF_A_CLASS = 4


def generalisation(case: Case) -> Generalisation:
    """Does the code found at one moment hold at another?"""
    case.names  # noqa: B018 - refuses ratings
    step = step_of(case.recording)
    coarse = window_means(case.recording, step, step)
    return temporal_generalisation(
        coarse,
        case.target,
        case.design,
        n_permutations=min(case.n_permutations, MOST_MAPS),
        random_state=case.random_state,
    )


def lead(case: Case) -> LeadTime:
    """How long before the report can the target be read?"""
    case.names  # noqa: B018 - refuses ratings
    past(case)
    length = -float(case.recording["time"][0]) * 2 / (LEADS + 1)
    return lead_time(
        case.recording,
        case.target,
        case.design,
        length=length,
        nuisance=case.nuisance,
        features=case.respond,
        n_permutations=min(case.n_permutations, MOST_LEADS),
        random_state=case.random_state,
    )


def states(case: Case) -> HiddenStates:
    """Hidden states of the population: how many, how long, and which class dwells where."""
    case.names  # noqa: B018 - refuses ratings
    return hidden_states(
        thinned(case.recording),
        case.target,
        most_states=MOST_STATES,
        n_starts=3,
        n_permutations=case.n_permutations,
        random_state=case.random_state,
    )


def slow_dimensions(case: Case) -> SlowDimensions:
    """Time constants of the latent dynamics, line attractor, regimes, and the tie to intensity."""
    seconds = float(np.ptp(case.recording["time"].values)) if has_times(case.recording) else 0.0
    if seconds < SLOW_SECONDS:
        raise InputError(
            f"trials of {seconds:.2g} s are too short for slow dynamics; {SLOW_SECONDS:g} s or "
            "more are needed"
        )
    coarse = thinned(case.recording)
    found = time_constants(
        coarse,
        inputs=case.target,
        most_states=MOST_STATES,
        random_state=case.random_state,
    )
    relation = None if found.attractor is None else _relation(case, found, coarse)
    switching = None
    if coarse.sizes["trial"] >= FEWEST_TRIALS:
        switching = compare_switching(coarse, len(found.tau), random_state=case.random_state)
    return SlowDimensions(found, relation, switching)


def _relation(case: Case, found: TimeConstants, coarse: xr.DataArray) -> Score | None:
    """How well the slowest dimension tells the intensity of left-out trials."""
    trials = trial_table(coarse)
    levels = trials["intensity"].nunique() if "intensity" in trials else 0
    if levels < FEWEST_LEVELS or trials[case.target].value_counts().min() < FEWEST_OF_A_CLASS:
        return None
    return relation_to_intensity(
        found.state,
        trials["intensity"].to_numpy(dtype=float),
        trials[case.target].to_numpy(),
        trials=trials,
        n_permutations=max(case.n_permutations, 19),
        random_state=case.random_state,
    )
