"""What file names say: their parts, and numbering such as "Dog 1"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

import pandas as pd

from affectome.audit.corpora import Corpora
from affectome.errors import InputError

TOKEN = re.compile(r"\d+|[^\W\d_]+")
NUMBERS = re.compile(r"(?:(?:[\s_\-]+\(?\d+\)?)+|\d+)$")
FOLDER = re.compile(r"folder (\d+)")
ENTITY = re.compile(r"(?:^|_)([A-Za-z]+)-([A-Za-z0-9]+)")
SHARE_ALIKE = 0.95


def name_parts(files: Sequence[str], corpora: Corpora) -> tuple[pd.DataFrame, dict[str, str]]:
    """Parts that the names of files share, a row a file, and what some of them are.

    Parameters
    ----------
    files
        Paths, relative to one folder.
    corpora
        Naming schemes and keys that are known.

    Returns
    -------
    parts
        Text columns: the named parts of a known set or of BIDS (``sub-01_ses-02`` has ``sub`` and
        ``ses``), else ``name part 1`` and so on where names are built alike; ``name without
        number`` where names are numbered ("Dog 1", "Dog 2"); ``folder 1`` and so on from the path.
        Empty text where a file has no such part.
    roles
        Part → ``subject``, ``stimulus`` and so on, where the corpora say it.
    """
    paths = [PurePath(f) for f in files]
    columns: dict[str, list[str]] = {}
    depth = min((len(p.parts) - 1 for p in paths), default=0)
    for level in range(depth):
        columns[f"folder {level + 1}"] = [p.parts[level] for p in paths]
    stems = [p.stem for p in paths]
    known = corpora.recognise(stems)
    if known is not None:
        roles = {name: part.role for name, part in known[0].parts.items()}
        columns.update({str(c): list(known[1][c]) for c in known[1]})
    else:
        roles = {name: part.role for name, part in corpora.keys.items()}
        columns.update(_entities(stems))
        columns.update(_alike(stems))
        columns.update(_numbered(stems))
    table = pd.DataFrame(columns, index=pd.RangeIndex(len(paths)), dtype=object)
    table = table.loc[:, [table[c].nunique() > 1 for c in table]]
    return table, {name: role for name, role in roles.items() if name in table}


def target_from_names(files: Sequence[str], how: str) -> pd.Series:
    """Labels read from the names of files.

    Parameters
    ----------
    files
        Paths.
    how
        Number of a part (``"3"``: the third run of digits or letters, counted from 1), a folder
        (``"folder 2"``: the second one of the path), or a regular expression whose first group is
        the label (``"^.{5}(.)"``: the sixth character).

    Raises
    ------
    InputError
        If the expression is wrong or a name has no such part.
    """
    level = FOLDER.fullmatch(how)
    if level is not None:
        return pd.Series([_folder(f, int(level[1])) for f in files], dtype=object)
    stems = [PurePath(f).stem for f in files]
    if how.isdigit():
        return pd.Series([_token(stem, int(how)) for stem in stems], dtype=object)
    try:
        pattern = re.compile(how)
    except re.error as error:
        raise InputError(f"{how!r} is not a regular expression ({error})") from error
    if pattern.groups < 1:
        raise InputError(f"{how!r} has no group; put the label in brackets, as in '^.{{5}}(.)'")
    found = [pattern.search(stem) for stem in stems]
    bad = next((s for s, m in zip(stems, found, strict=True) if m is None), None)
    if bad is not None:
        raise InputError(f"the name {bad!r} does not match {how!r}")
    return pd.Series([m.group(1) for m in found if m], dtype=object)


def describe_parts(files: Sequence[str], corpora: Corpora) -> str:
    """One line on what the names hold, for a user who must name the part with the label."""
    parts, _ = name_parts(files, corpora)
    shown = [f"{c} ({', '.join(sorted(set(parts[c]))[:4])}, …)" for c in parts.columns[:8]]
    return "; ".join(shown) if shown else "names without shared parts"


def _folder(file: str, number: int) -> str:
    folders = PurePath(file).parts[:-1]
    if not 1 <= number <= len(folders):
        raise InputError(f"{file!r} lies in {len(folders)} folders; folder {number} was asked for")
    return folders[number - 1]


def _token(stem: str, number: int) -> str:
    tokens = TOKEN.findall(stem)
    if not 1 <= number <= len(tokens):
        raise InputError(
            f"the name {stem!r} has {len(tokens)} parts ({', '.join(tokens)}); part {number} was "
            "asked for"
        )
    return tokens[number - 1]


def _alike(stems: Sequence[str]) -> dict[str, list[str]]:
    """Parts of names that (nearly) all consist of the same sequence of digits and letters."""
    tokens = [TOKEN.findall(stem) for stem in stems]
    shapes = pd.Series(["".join("0" if t.isdigit() else "a" for t in row) for row in tokens])
    if shapes.empty:
        return {}
    usual = shapes.value_counts()
    if usual.iloc[0] < SHARE_ALIKE * len(stems) or not usual.index[0]:
        return {}
    width = len(usual.index[0])
    rows = [row if len(row) == width else [""] * width for row in tokens]
    return {f"name part {k + 1}": [row[k] for row in rows] for k in range(width)} | _characters(
        rows, width
    )


def _entities(stems: Sequence[str]) -> dict[str, list[str]]:
    """Values of keys that (nearly) all names have, as in ``sub-01_ses-02_run-1``."""
    found = [dict(ENTITY.findall(stem)) for stem in stems]
    keys = pd.Series([key for one in found for key in one]).value_counts()
    usual = keys.index[keys >= SHARE_ALIKE * len(stems)]
    return {str(key): [one.get(key, "") for one in found] for key in usual}


def _characters(rows: Sequence[Sequence[str]], width: int) -> dict[str, list[str]]:
    """Single letters of short codes that change their case, such as ``Wa`` and ``Fb``."""
    columns = {}
    for k in range(width):
        values = [row[k] for row in rows]
        sizes = {len(v) for v in values if v}
        if len(sizes) != 1 or not 2 <= (size := sizes.pop()) <= 3:
            continue
        cases = {"".join("U" if c.isupper() else "l" for c in v) for v in values if v}
        if len(cases) == 1 and len(set(cases.pop())) == 2:
            for i in range(size):
                columns[f"name part {k + 1}, letter {i + 1}"] = [v[i : i + 1] for v in values]
    return columns


def _numbered(stems: Sequence[str]) -> dict[str, list[str]]:
    """Names less their number, where that makes groups: "Dog 1" and "Dog 2" are both "Dog"."""
    themes = [NUMBERS.sub("", stem) or stem for stem in stems]
    return {"name without number": themes} if 1 < len(set(themes)) < len(stems) else {}
