"""Clean designs whose labels belong to people or films: serious findings stay rare."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affectome.audit import audit


def people_with_one_label_each(seed: int) -> pd.DataFrame:
    """Traits of 10 to 30 people: known by half of the measurements, each trial by itself."""
    rng = np.random.default_rng(seed)
    people, trials = int(rng.choice([10, 16, 30])), int(rng.choice([4, 12, 30]))
    trait = rng.permutation(people) % 2
    person = np.repeat(np.arange(people), trials)
    y, n = trait[person], people * trials
    X = rng.normal(size=(n, 12))
    X[:, :6] += rng.choice([0.0, 0.4, 0.8]) * y[:, None]
    table = pd.DataFrame(X, columns=[f"f{j}" for j in range(12)])
    return table.assign(emotion=np.where(y, "a", "b"), subject=person)


def films_with_one_label_each(seed: int) -> pd.DataFrame:
    """Films that all people saw; labels are those of the film, measurements know the label."""
    rng = np.random.default_rng(seed)
    films, people = int(rng.choice([12, 20, 40])), int(rng.choice([6, 12]))
    label = rng.permutation(films) % int(rng.choice([2, 4]))
    film, person = (v.ravel() for v in np.meshgrid(np.arange(films), np.arange(people)))
    y = label[film]
    X = rng.normal(size=(len(y), 10)) + 0.5 * rng.normal(size=(people, 10))[person]
    X[:, :4] += rng.choice([0.0, 0.5]) * y[:, None]
    table = pd.DataFrame(X, columns=[f"f{j}" for j in range(10)])
    return table.assign(emotion=[f"c{v}" for v in y], film=film, subject=person)


def with_facts(draw, group: str):
    """What belongs to a person or film, such as an age, and has nothing to do with the label."""

    def drawn(seed: int) -> pd.DataFrame:
        table = draw(seed)
        rng = np.random.default_rng(1000 + seed)
        facts = rng.normal(size=(table[group].max() + 1, 4))[table[group]]
        few = rng.integers(2, size=(table[group].max() + 1, 4))[table[group]]
        return table.assign(**{f"fact {k}": facts[:, k] for k in range(4)}).assign(
            **{f"kind {k}": few[:, k] for k in range(4)}
        )

    return drawn


DESIGNS = [people_with_one_label_each, films_with_one_label_each]
WITH_FACTS = [
    with_facts(people_with_one_label_each, "subject"),
    with_facts(films_with_one_label_each, "film"),
]


def serious(draw, seed: int) -> bool:
    found = audit(draw(seed), "emotion", random_state=seed)
    return any(f.severity == "high" for f in found.findings)


@pytest.mark.parametrize("draw", DESIGNS)
def test_a_clean_design_has_nothing_serious(draw) -> None:
    assert not serious(draw, 0)


@pytest.mark.slow
@pytest.mark.parametrize("draw", DESIGNS)
def test_serious_findings_on_clean_designs_are_rare(draw) -> None:
    assert np.mean([serious(draw, seed) for seed in range(100)]) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("draw", WITH_FACTS, ids=["people", "films"])
def test_facts_of_people_and_films_are_rarely_called_leaks(draw) -> None:
    leaks = []
    for seed in range(40):
        found = audit(draw(seed), "emotion", random_state=seed).findings
        leaks.append(any(f.kind == "label_leak" and f.severity == "high" for f in found))
    assert np.mean(leaks) <= 0.05


def pictures_of_people(folder: Path, seed: int) -> Path:
    """Eight people with a mood each, ten pictures each; a patch of the picture tells the person."""
    rng = np.random.default_rng(seed)
    mood = rng.permutation(8) % 2
    patches = rng.integers(40, 220, (8, 8, 8))
    rows = []
    for person in range(8):
        for k in range(10):
            picture = rng.integers(60, 200, (48, 48))
            picture[8:16, 24:32] = patches[person] + rng.integers(-15, 16, (8, 8))
            Image.fromarray(picture.astype(np.uint8)).save(folder / f"{person}_{k}.png")
            rows.append((f"{person}_{k}.png", f"p{person}", ("calm", "joy")[mood[person]]))
    table = pd.DataFrame(rows, columns=["file_name", "subject", "emotion"])
    table.to_csv(folder / "metadata.csv", index=False)
    return folder


@pytest.mark.slow
def test_a_patch_that_tells_the_person_is_rarely_called_a_burnt_in_label(tmp_path: Path) -> None:
    regions = []
    for seed in range(40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found = audit(pictures_of_people(folder, seed), "emotion").findings
        regions.append(any("box" in f.evidence and f.severity == "high" for f in found))
    assert np.mean(regions) <= 0.05
