"""What the columns of a table are for: groups, clocks, splits, files, texts and features."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from affectome.data.catalog import FILE_COLUMNS

WORDS = {
    "subject": "subject subjects subj sub participant participants person people speaker actor "
    "actress patient mouse mice rat animal individual pid ppt rater user author identity talker "
    "volunteer listener viewer vp proband monkey player customer",
    "stimulus": "stimulus stimuli stim film movie clip video song music track item sentence "
    "statement picture image photo theme scene story word sound utterance source document doc "
    "thread link dialogue dialog conversation group post tweet cluster block object",
    "session": "session ses run day scan site hospital lab recording experiment batch scanner "
    "camera device visit night week ward school city country subreddit center centre clinic "
    "institute family household couple dyad pair team classroom cohort litter cage",
    "order": "trial onset time timestamp order position date clock row utc sequence seq "
    "epoch window frame second seconds",
    "split": "split fold partition subset set",
}
ROLE_OF = {word: role for role, words in WORDS.items() for word in words.split()}
SPLITS = frozenset(
    [
        "train",
        "training",
        "dev",
        "val",
        "valid",
        "validation",
        "test",
        "testing",
        "held",
        "heldout",
        "eval",
    ]
)
FILLERS = frozenset(
    [
        "id",
        "ids",
        "no",
        "nr",
        "num",
        "number",
        "code",
        "name",
        "key",
        "index",
        "of",
        "start",
        "s",
        "ms",
        "sec",
        "label",
    ]
)
PLACES = frozenset(["region", "x", "y", "w", "h", "width", "height"])
KINDS = ("split", "file", "text", "order", "number", "category", "id")
SINGLE = ("split", "file", "text")
MOST_FOLDS = 20
MOST_CLASSES = 10
FEWEST_BLOCKS = 5
MOSTLY_SAME = 0.95
TEXT_COLUMNS = frozenset(
    ["text", "sentence", "utterance", "comment", "tweet", "transcript", "message", "words"]
)


@dataclass(frozen=True)
class Roles:
    """Names of columns by what they are for; ``groups`` maps each to its role or ``codes``."""

    groups: dict[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    split: str | None = None
    file: str | None = None
    text: str | None = None
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()


def words_of(name: str) -> list[str]:
    """Words of a column's name: ``participant_id`` and ``ParticipantId`` hold participant, id."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(name))
    return [w for w in re.split(r"[^a-z]+", spaced.lower()) if w]


def role_of(name: str) -> str | None:
    """Role that a column's name gives away, or None: every word but a filler must have one.

    So ``participant_id`` names subjects, while ``word_count`` and ``head_position_y`` are measured.
    """
    words = [w for w in words_of(name) if w not in FILLERS]
    roles = [ROLE_OF.get(w) for w in words]
    return roles[0] if roles and all(roles) else None


def find_roles(
    table: pd.DataFrame, target: str, groups: Sequence[str] = (), clocks: Collection[str] = ()
) -> Roles:
    """Sort the columns of a table by what they are for.

    Parameters
    ----------
    table
        A row a trial.
    target
        Column with the label; it has no role of its own here.
    groups
        Columns that the user calls groups.
    clocks
        Columns that held dates or times of day.
    """
    given = {str(g): "given" for g in groups}
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    named: dict[str, str] = {}
    for name in map(str, table.columns):
        if name == target or name in given or name in PLACES:
            continue
        kind = "order" if name in clocks else _kind(name, table[name], table[target])
        if kind in found:
            found[kind].append(name)
        else:
            named[name] = kind
    codes = {c: "codes" for c in found["category"] if _codes(table[c], table[target])}
    first = {kind: next(iter(found[kind]), None) for kind in SINGLE}
    others = [name for kind in SINGLE for name in found[kind][1:]]
    return Roles(
        groups=given | named | codes,
        order=tuple(found["order"]),
        split=first["split"],
        file=first["file"],
        text=first["text"],
        numbers=tuple(found["number"]),
        categories=tuple(found["category"]),
        identifiers=tuple(found["id"] + others),
    )


def retells(part: pd.Series, labels: pd.Series, most: int) -> bool:
    """Whether one column is the label in other words: nearly always one label for each value."""
    usual = labels.groupby(part).agg(lambda group: group.value_counts().iloc[0])
    return part.nunique() <= most and bool(usual.sum() >= MOSTLY_SAME * len(labels))


def _kind(name: str, column: pd.Series, target: pd.Series) -> str:
    """What one column is for: a kind of ``KINDS``, or the role of the groups that it names."""
    role, unique = role_of(name), column.nunique(dropna=True)
    textual = column.dtype == object or isinstance(column.dtype, pd.StringDtype)
    if (textual and is_split(column)) or (role == "split" and 2 <= unique <= MOST_FOLDS):
        return "split"
    names_groups = role in ("subject", "stimulus", "session") and _groups(column, unique)
    if textual:
        return _kind_of_text(name, column, role if names_groups else None)
    if role is not None and names_groups:
        return role
    if role is None and _numbers_groups(name, column, unique, target):
        return "codes"
    if role == "order" and unique > 2:
        return "order"
    return "number" if role is None and not _is_row_number(column) else "id"


def _kind_of_text(name: str, column: pd.Series, role: str | None) -> str:
    if name.lower() in FILE_COLUMNS:
        return "file"
    if _is_text(name, column):
        return "text"
    return role or ("id" if 2 * column.nunique() > len(column) else "category")


def is_split(column: pd.Series) -> bool:
    """Whether values are names of the sides of a split, such as train and test."""
    values = {str(v).strip().lower() for v in column.dropna().unique()[:20]}
    return 2 <= len(values) <= 6 and values <= SPLITS


def _is_text(name: str, column: pd.Series) -> bool:
    sample = column.dropna().astype(str).head(500)
    if sample.empty:
        return False
    spaced = float(sample.str.count(r"\s").mean())
    return spaced >= 3 or (spaced >= 1 and bool(set(words_of(name)) & TEXT_COLUMNS))


def _groups(column: pd.Series, unique: int) -> bool:
    """Whether values come back often enough to hold some of them out."""
    if column.dtype.kind == "f" and not (column.dropna() % 1 == 0).all():
        return False
    return 2 <= unique <= column.notna().sum() / 1.5


def _numbers_groups(name: str, column: pd.Series, unique: int, target: pd.Series) -> bool:
    """Whether numbers are called ids, or come in one run each, as those of blocks do."""
    if not _groups(column, unique) or _retells(column, target):
        return False
    in_runs = unique >= FEWEST_BLOCKS and int((column != column.shift()).sum()) == unique
    return words_of(name)[-1:] == ["id"] or (in_runs and 2 * unique <= len(column))


def _retells(column: pd.Series, target: pd.Series) -> bool:
    """Whether a column is the class in other words: as many values, and (nearly) one a class."""
    classes = target.nunique()
    few = classes <= MOST_CLASSES or target.dtype == object
    return few and column.nunique() <= classes and retells(column, target.astype(str), classes)


def _codes(column: pd.Series, target: pd.Series) -> bool:
    """Whether unnamed text looks like codes of someone or something, and not like the label."""
    unique = column.nunique()
    return unique >= 5 and unique <= len(column) / 3 and unique > target.nunique()


def _is_row_number(column: pd.Series) -> bool:
    if column.dtype.kind not in "iu" or len(column) < 3:
        return False
    return bool((np.diff(column.to_numpy()) == 1).all())
