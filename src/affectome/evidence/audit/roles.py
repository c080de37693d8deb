"""What the columns of a table are for: groups, clocks, splits, files, texts and features."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
    "session": "session run day scan site hospital lab recording experiment batch scanner camera "
    "device visit night week ward school city country subreddit",
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


def find_roles(table: pd.DataFrame, target: str, groups: Sequence[str] = ()) -> Roles:
    """Sort the columns of a table by what they are for.

    Parameters
    ----------
    table
        A row a trial.
    target
        Column with the label; it has no role of its own here.
    groups
        Columns that the user calls groups.
    """
    found: dict[str, list[str]] = {k: [] for k in ("order", "number", "category", "id")}
    given = {str(g): "given" for g in groups}
    named: dict[str, str] = {}
    split = file = text = None
    for name in map(str, table.columns):
        column = table[name]
        if name == target or name in given or name in PLACES:
            continue
        role, unique = role_of(name), column.nunique(dropna=True)
        textual = column.dtype == object or isinstance(column.dtype, pd.StringDtype)
        if textual and _is_split(column):
            split = split or name
        elif textual and name.lower() in FILE_COLUMNS and file is None:
            file = name
        elif textual and text is None and _is_text(name, column):
            text = name
        elif role in ("subject", "stimulus", "session") and _groups(column, unique):
            named[name] = role
        elif not textual and role is None and _is_numbered(name) and _groups(column, unique):
            named[name] = "codes"
        elif role == "order" and not textual and unique > 2:
            found["order"].append(name)
        elif not textual and role is None and not _is_row_number(column):
            found["number"].append(name)
        elif textual and 2 * unique > len(table):
            found["id"].append(name)
        elif textual:
            found["category"].append(name)
        else:
            found["id"].append(name)
    codes = {c: "codes" for c in found["category"] if _codes(table[c], table[target])}
    return Roles(
        groups=given | named | codes,
        order=tuple(found["order"]),
        split=split,
        file=file,
        text=text,
        numbers=tuple(found["number"]),
        categories=tuple(found["category"]),
        identifiers=tuple(found["id"]),
    )


def _is_split(column: pd.Series) -> bool:
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


def _is_numbered(name: str) -> bool:
    return words_of(name)[-1:] == ["id"]


def _codes(column: pd.Series, target: pd.Series) -> bool:
    """Whether unnamed text looks like codes of someone or something, and not like the label."""
    unique = column.nunique()
    return unique >= 5 and unique <= len(column) / 3 and unique > target.nunique()


def _is_row_number(column: pd.Series) -> bool:
    if column.dtype.kind not in "iu" or len(column) < 3:
        return False
    return bool((np.diff(column.to_numpy()) == 1).all())
