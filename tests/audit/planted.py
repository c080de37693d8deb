"""Tables with one planted fault each, and families of tables without any, drawn from a seed."""

from collections.abc import Callable

import numpy as np
import pandas as pd

Rng = np.random.Generator
LETTERS = np.array(list("qwertyuiop"))


def features(
    rng: Rng, n: int = 240, n_classes: int = 3, p: int = 12, effect: float = 0.6
) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers (n,), and measurements (n, p) of which a fifth knows a little of them."""
    y = rng.integers(n_classes, size=n)
    X = rng.normal(size=(n, p))
    X[:, : max(1, p // 5)] += effect * (y[:, None] / (n_classes - 1) - 0.5)
    return y, X


def as_table(X: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(X, columns=[f"f{j}" for j in range(X.shape[1])])
    return table.assign(emotion=LETTERS[y] if y.dtype.kind == "i" else y)


def named_subjects(rng: Rng, n_classes: int = 3, effect: float = 0.6) -> pd.DataFrame:
    y, X = features(rng, n_classes=n_classes, effect=effect)
    return as_table(X, y).assign(subject=rng.integers(12, size=len(y)))


def codes(table: pd.DataFrame) -> np.ndarray:
    return np.searchsorted(np.sort(LETTERS), table["emotion"])


def code_called_an_id(rng: Rng) -> pd.DataFrame:
    table = named_subjects(rng)
    return table.assign(label_id=codes(table))


def other_words_for_the_label(rng: Rng) -> pd.DataFrame:
    table = named_subjects(rng)
    return table.assign(Mood=table["emotion"].str.upper() + "!")


def one_column_a_class(rng: Rng) -> pd.DataFrame:
    table = named_subjects(rng, n_classes=6)
    return table.assign(**{f"is_{c}": table["emotion"] == c for c in LETTERS[:6]})


def label_with_errors_beside_good_features(rng: Rng) -> pd.DataFrame:
    table = named_subjects(rng, effect=3.0)
    wrong = rng.random(len(table)) < 0.03
    return table.assign(judged=np.where(wrong, rng.permutation(codes(table)), codes(table)))


def noisy_copy_of_a_rating(rng: Rng) -> pd.DataFrame:
    X = rng.normal(size=(300, 10))
    rating = X[:, :3].sum(axis=1) + rng.normal(size=300)
    noise = rating.std() * np.sqrt(1 / 0.97**2 - 1) * rng.normal(size=300)
    return as_table(X, rating).assign(later=rating + noise)


def names_of_files_that_tell(rng: Rng) -> pd.DataFrame:
    table = named_subjects(rng)
    return table.assign(name=[f"S{k % 9:02d}T{k:03d}_{e}" for k, e in enumerate(table["emotion"])])


def ids_given_class_by_class(rng: Rng) -> pd.DataFrame:
    table = named_subjects(rng).sort_values("emotion", ignore_index=True)
    return table.assign(number=1000 + np.arange(len(table))).sample(frac=1, random_state=0)


def two_names_for_one_category(rng: Rng) -> pd.DataFrame:
    sex = rng.choice(["m", "f"], 240)
    return named_subjects(rng).assign(sex=sex, gender=np.where(sex == "m", "male", "female"))


def logarithm_of_a_column(rng: Rng) -> pd.DataFrame:
    table = named_subjects(rng)
    return table.assign(power=np.exp(table["f3"]))


def one_word_and_one_number(rng: Rng) -> pd.DataFrame:
    number = np.where(np.arange(240) < 3, np.nan, 4.0)
    return named_subjects(rng).assign(word="x", number=number)


def every_row_five_times(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, n=100)
    copies = [X, *(X + 0.1 * rng.normal(size=X.shape) for _ in range(4))]
    return as_table(np.vstack(copies), np.tile(y, 5))


def rows_between_rows(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, n=200, n_classes=2)
    rare = X[y == 1]
    distance = ((rare[:, None] - rare) ** 2).sum(axis=-1)
    near = distance.argsort(axis=1)[:, 1:6]
    i = rng.integers(len(rare), size=100)
    made = rare[i] + rng.random((100, 1)) * (rare[near[i, rng.integers(5, size=100)]] - rare[i])
    return as_table(np.vstack([X, made]), np.r_[y, np.ones(100, dtype=int)])


def same_people_on_both_sides(rng: Rng) -> pd.DataFrame:
    table = people_with_moods(rng)
    return table.assign(split=rng.choice(["train", "test"], len(table), p=[0.8, 0.2]))


def people_with_moods(rng: Rng) -> pd.DataFrame:
    """Twenty people, each mostly in one mood and known by their measurements."""
    subject = np.repeat(np.arange(20), 15)
    y = (rng.permutation(20) % 2)[subject] ^ (rng.random(300) < 0.1)
    X = 2 * rng.normal(size=(20, 10))[subject] + rng.normal(size=(300, 10))
    return as_table(X, y).assign(subject=subject)


def people_without_a_telling_name(rng: Rng) -> pd.DataFrame:
    table = people_with_moods(rng)
    return table.assign(pp=rng.permutation(100)[table.pop("subject")])


def people_in_names_of_scans(rng: Rng) -> pd.DataFrame:
    table = people_with_moods(rng)
    subject = table.pop("subject")
    return table.assign(scan=[f"sub-{s:02d}_ses-02_run-{k}" for k, s in enumerate(subject)])


def windows_that_nothing_names(rng: Rng) -> pd.DataFrame:
    trial = np.repeat(np.arange(60), 8)
    y = rng.integers(2, size=60)[trial]
    X = 2 * rng.normal(size=(60, 20))[trial] + rng.normal(size=(480, 20))
    return as_table(X, y)


def one_film_a_class(rng: Rng) -> pd.DataFrame:
    table = named_subjects(rng)
    return table.assign(video=["film " + e for e in table["emotion"]])


def blocks_by_the_clock(rng: Rng) -> pd.DataFrame:
    table = named_subjects(rng).sort_values("emotion", ignore_index=True)
    times = pd.date_range("2024-03-01 10:00", periods=240, freq="13s").astype(str)
    return table.assign(recorded=times).sample(frac=1, random_state=0)


def two_columns_a_trial(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, n=24, n_classes=2, p=48)
    return as_table(X, y)


def nine_in_ten(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, n=300, n_classes=2)
    return as_table(X, np.where(rng.random(300) < 0.8, 0, y))


PLANTED: tuple[tuple[str, Callable[[Rng], pd.DataFrame], set[str]], ...] = (
    ("label_leak", code_called_an_id, {"label_id"}),
    ("label_leak", other_words_for_the_label, {"Mood"}),
    ("label_leak", one_column_a_class, {f"is_{c}" for c in LETTERS[:6]}),
    ("label_leak", label_with_errors_beside_good_features, {"judged"}),
    ("label_leak", noisy_copy_of_a_rating, {"later"}),
    ("label_leak", names_of_files_that_tell, {"name: name part 5"}),
    ("label_leak", ids_given_class_by_class, {"number"}),
    ("duplicate_columns", two_names_for_one_category, {"gender"}),
    ("duplicate_columns", logarithm_of_a_column, {"power"}),
    ("constant_columns", one_word_and_one_number, {"word", "number"}),
    ("duplicate_trials", every_row_five_times, set()),
    ("duplicate_trials", rows_between_rows, set()),
    ("group_gap", same_people_on_both_sides, {"subject", "split"}),
    ("group_gap", people_with_moods, {"subject"}),
    ("group_gap", people_without_a_telling_name, {"pp"}),
    ("group_gap", people_in_names_of_scans, {"scan: sub"}),
    ("group_gap", windows_that_nothing_names, {"runs of one label"}),
    ("stimulus_identity", one_film_a_class, {"video"}),
    ("order", blocks_by_the_clock, {"recorded"}),
    ("too_few", two_columns_a_trial, {"emotion"}),
    ("imbalance", nine_in_ten, {"emotion"}),
)


def few(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, 40, 2, int(rng.choice([3, 10, 60])), rng.choice([0.0, 0.8]))
    table = as_table(X, y)
    return table.assign(subject=rng.integers(8, size=40)) if rng.random() < 0.5 else table


def wide(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, int(rng.choice([80, 150])), 2, 2000, 0.3)
    return as_table(X, y)


def skewed(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, 200, 3, 15)
    return as_table(np.exp(1.5 * X) if rng.random() < 0.5 else X + rng.standard_t(1.5, X.shape), y)


def correlated(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, 250, 3, 5)
    return as_table(X @ rng.normal(size=(5, 40)) + 0.3 * rng.normal(size=(250, 40)), y)


def categorical(rng: Rng) -> pd.DataFrame:
    y = rng.integers(3, size=200)
    table = pd.DataFrame(
        {"score": rng.normal(size=200) + 0.3 * y, "age": rng.integers(18, 70, 200)}
    )
    for name, values in (("sex", "mf"), ("hand", "lrb"), ("place", "abcdefgh")):
        table[name] = rng.choice(list(values), 200)
    return table.assign(emotion=LETTERS[y])


def ten_classes(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, 300, 10, 30, 1.0)
    return as_table(X, y).assign(subject=rng.integers(15, size=300))


def rated(rng: Rng) -> pd.DataFrame:
    n = int(rng.choice([60, 300]))
    X = rng.normal(size=(n, 20))
    rating = rng.choice([0.0, 0.5]) * X[:, :4] @ rng.normal(size=4) + rng.normal(size=n)
    return as_table(X, rating).assign(subject=rng.integers(10, size=n))


def answers(rng: Rng) -> pd.DataFrame:
    y = rng.integers(2, size=220)
    X = rng.integers(1, 8, size=(220, 12)) + y[:, None] * rng.integers(2, size=(220, 12))
    return as_table(np.clip(X, 1, 7), y)


def with_holes(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, 200, 2)
    X[rng.random(X.shape) < 0.3] = np.nan
    return as_table(X, y)


def drifting(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, 240, 3, 16)
    subject = np.repeat(np.arange(12), 20)
    X += rng.normal(size=(12, 16))[subject] + 0.05 * rng.normal(size=X.shape).cumsum(axis=0)
    return as_table(X, y).assign(subject=subject, trial=np.tile(np.arange(20), 12))


def strong(rng: Rng) -> pd.DataFrame:
    y, X = features(rng, 200, 2, 40, 1.6)
    return as_table(X, y)


def crossed(rng: Rng) -> pd.DataFrame:
    subject, stimulus = np.divmod(np.arange(240), 24)
    y = rng.permutation(np.arange(24) % 3)[stimulus]
    X = rng.normal(size=(240, 20)) + 0.7 * rng.normal(size=(10, 20))[subject]
    X[:, :5] += 0.6 * y[:, None]
    return as_table(X, y).assign(subject=subject, stimulus=stimulus)


def patients(rng: Rng) -> pd.DataFrame:
    subject = np.repeat(np.arange(40), 8)
    y = rng.permutation(np.arange(40) % 2)[subject]
    return as_table(rng.normal(size=(320, 10)) + 0.6 * y[:, None], y).assign(subject=subject)


CLEAN: tuple[Callable[[Rng], pd.DataFrame], ...] = (
    few, skewed, correlated, categorical, ten_classes, rated, answers, with_holes, drifting, strong,
    crossed, patients, wide,
)  # fmt: skip
