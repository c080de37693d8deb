"""The modalities that can be read, one file each, imported only when asked for.

A modality is two modules, each with one function:

- ``reader(model=None)`` of the first gives an object with ``read_file(file, person=None)``, an
  iterator of readings (and, for words, ``read(texts)``);
- ``train(catalog, out, options, progress)`` of the second makes a model from a user's own table
  (:class:`Trained`).

The cards of the models that are shipped lie beside their weights, in ``models/NAME/card.json``.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from affectome.errors import AffectomeError, InputError, unknown
from affectome.people.cards import Card
from affectome.people.reading import Reading, Readings
from affectome.safeguards import permit, require_purpose

FEWEST_FILES = 8
"""Sounds that a process of its own is worth."""


class Reader(Protocol):
    """What reads one modality."""

    def read_file(self, file: Path, person: str | None = None) -> Iterator[Reading]:
        """Give the readings of one file, one after the other."""
        ...


@dataclass(frozen=True)
class TrainOptions:
    """How a model is made from a user's own table.

    ``column`` holds the texts or file names; ``holdout`` names columns as ``make_split`` takes
    them, empty for the honest default; ``groups`` names columns whose groups are compared;
    ``columns`` maps ``subject``, ``stimulus`` and ``session`` to the columns that hold them, where
    they are called otherwise. ``network`` and its ``preprocessing`` are for pictures: what looks at
    them, as `affectome.networks.load_network` takes it.
    """

    target: str = "emotion"
    column: str | None = None
    holdout: tuple[str, ...] = ()
    n_permutations: int = 500
    random_state: int = 0
    purpose: str | None = None
    groups: tuple[str, ...] = ()
    network: str | None = None
    preprocessing: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """A model made from a user's own data: where it lies, its card, and its evidence.

    ``result`` is what ``result.json`` holds.
    """

    folder: Path
    card: Card
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Modality:
    """A modality by name: which module reads it, and which files it takes.

    Attributes
    ----------
    name
        What ``--modality`` is given.
    module, trainer
        Dotted names of the module that reads it and of the one that makes a model of own data;
        training needs more imports than reading.
    suffixes
        Endings of its files, with the dot, in lower case.
    members
        Names or patterns of files that make a folder one recording.
    only_named
        Whether it is used only where it is asked for, since its files may be of another kind.
    """

    name: str
    module: str
    trainer: str
    suffixes: frozenset[str]
    members: frozenset[str] = frozenset()
    only_named: bool = False

    def holds(self, folder: Path) -> bool:
        """Whether a folder is one recording of this modality."""
        return folder.is_dir() and any(any(folder.glob(name)) for name in self.members)

    def load(self) -> Any:
        """Import the module that reads."""
        return importlib.import_module(self.module)

    def load_trainer(self) -> Any:
        """Import the module that trains."""
        return importlib.import_module(self.trainer)


FACES = frozenset(
    {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"}
    | {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"}
)
MODALITIES: dict[str, Modality] = {
    "words": Modality(
        "words",
        "affectome.people.words.reader",
        "affectome.people.words.training",
        frozenset({".txt", ".md", ".text"}),
    ),
    "voice": Modality(
        "voice",
        "affectome.people.voice.reader",
        "affectome.people.voice.training",
        frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac"})
        | {".aif", ".aiff", ".wma", ".amr"},
    ),
    "pictures": Modality(
        "pictures",
        "affectome.people.pictures.reader",
        "affectome.people.pictures.training",
        frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"}),
    ),
    "physiology": Modality(
        "physiology",
        "affectome.people.physiology.reader",
        "affectome.people.physiology.training",
        frozenset({".csv"}),
        frozenset({"EDA.csv", "BVP.csv", "TEMP.csv"}),
    ),
    "face": Modality(
        "face", "affectome.people.face.reader", "affectome.people.face.training", FACES
    ),
    "face-crop": Modality(
        "face", "affectome.people.face.cropped", "affectome.people.face.training", FACES
    ),
    "body": Modality(
        "body",
        "affectome.people.body.reader",
        "affectome.people.body.training",
        frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"})
        | {".csv", ".h5", ".hdf5", ".json"},
        frozenset({"*_keypoints.json"}),
        only_named=True,
    ),
    "fusion": Modality(
        "fusion",
        "affectome.people.multimodal.reader",
        "affectome.people.multimodal.training",
        frozenset(),
        only_named=True,
    ),
}


def find_modality(name: str) -> Modality:
    """Give the modality of that name; ``"picture"`` is understood too.

    Raises
    ------
    InputError
        If there is none.
    """
    if f"{name}s" in MODALITIES:
        name = f"{name}s"
    if name not in MODALITIES:
        raise unknown("the modality", name, MODALITIES)
    return MODALITIES[name]


def modality_of(file: Path) -> Modality:
    """Tell a file's modality by its ending.

    Raises
    ------
    InputError
        If no modality takes files of that ending.
    """
    for modality in (m for m in MODALITIES.values() if not m.only_named):
        if modality.holds(file):
            return modality
        if file.suffix.lower() in modality.suffixes:
            return modality
    known = sorted({suffix for m in MODALITIES.values() for suffix in m.suffixes})
    raise InputError(
        f"{file}: nothing reads files that end in {file.suffix or 'nothing'!r}; known are "
        f"{', '.join(known)}; --modality forces one of {', '.join(MODALITIES)}"
    )


def files_in(folder: Path, modality: str | None = None) -> list[Path]:
    """Files, and folders that are one recording, of a folder that a modality takes, by name."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    every = [m for m in MODALITIES.values() if not m.only_named]
    if modality:
        every = [find_modality(modality)]
    # A folder may be one recording; tables beside other files are only read where they are meant.
    wholes = {
        place
        for one in every
        if one.members
        for place in (folder, *(p.parent for name in one.members for p in folder.rglob(name)))
        if one.holds(place)
    }
    suffixes = frozenset().union(*(m.suffixes for m in every if modality or not m.members))
    packed: set[Path] = set()
    if modality == "pictures":
        from affectome.data.tars import places, tars_in  # noqa: PLC0415  pandas, for folders only

        packed = {tar / name for tar in tars_in(folder) for name in places(tar)}
    found = sorted(
        {
            file
            for file in (*folder.rglob("*"), *packed)
            if file.suffix.lower() in suffixes
            and (file in packed or file.is_file())
            and not file.name.startswith(".")
            and file.parent not in wholes
        }
        | wholes
    )
    if not found:
        raise InputError(f"{folder}: no file in it ends in {', '.join(sorted(suffixes))}")
    return found


def read_path(
    file: Path,
    modality: str | None = None,
    purpose: str | None = None,
    model: str | None = None,
    person: str | None = None,
    readers: dict[str, Reader] | None = None,
    baseline: Sequence[Path] = (),
) -> Iterator[Reading]:
    """Read one file, once a purpose is declared where its modality needs one.

    Parameters
    ----------
    readers
        Readers by modality, kept from one file to the next so that models load once.
    baseline
        Other files of the same person, without labels, for modalities that can use them.

    Raises
    ------
    InputError
        If the file is missing, of an unknown kind, or can't be read, or its modality has no use for
        a baseline.
    PurposeError, ConsentError
        If a purpose is needed and not declared, or refused; or the person did not agree.
    """
    chosen = find_modality(modality) if modality else modality_of(file)
    require_purpose(chosen.name, purpose)
    if not file.exists():
        raise InputError(f"{file}: there is no such file")
    permit(chosen.name, purpose, person)
    kept = {} if readers is None else readers
    if chosen.name not in kept:
        kept[chosen.name] = _with_baseline(chosen, chosen.load().reader(model), baseline)
    yield from kept[chosen.name].read_file(file, person)


def read_files(
    files: Sequence[Path],
    modality: str | None = None,
    purpose: str | None = None,
    model: str | None = None,
    person: str | None = None,
    baseline: Sequence[Path] = (),
    n_jobs: int = -1,
) -> Iterator[list[Reading] | AffectomeError]:
    """Read files in their order, many of them in several processes.

    Parameters
    ----------
    n_jobs
        Processes at most, as joblib counts them: -1 for all cores. There are eight files or more
        for each, since starting one takes seconds; of texts, a single process is fast enough.

    Yields
    ------
    list of Reading or AffectomeError
        The readings of one file, or why it could not be read.
    """
    for name in _used(files, modality):
        require_purpose(name, purpose)
    given = (modality, purpose, model, person, tuple(baseline))
    texts = MODALITIES["words"].suffixes
    heavy = 0 if modality == "words" else sum(f.suffix.lower() not in texts for f in files)
    if n_jobs == 1 or heavy < 2 * FEWEST_FILES:
        readers: dict[str, Reader] = {}
        yield from (_attempt(file, given, readers) for file in files)
        return
    from joblib import effective_n_jobs  # noqa: PLC0415  not for one text

    from affectome.execution import run_blocks  # noqa: PLC0415

    jobs = min(effective_n_jobs(n_jobs), heavy // FEWEST_FILES)
    yield from run_blocks(_attempt_apart, ((file, given) for file in files), jobs)


def _used(files: Sequence[Path], modality: str | None) -> list[str]:
    """Names of the modalities that files are read by; files that none reads say so later."""
    names = {find_modality(modality).name} if modality else set()
    for file in files if modality is None else ():
        with contextlib.suppress(InputError):
            names.add(modality_of(file).name)
    return sorted(names)


Given = tuple[str | None, str | None, str | None, str | None, tuple[Path, ...]]


def _attempt(
    file: Path, given: Given, readers: dict[str, Reader]
) -> list[Reading] | AffectomeError:
    modality, purpose, model, person, baseline = given
    try:
        return list(read_path(file, modality, purpose, model, person, readers, baseline))
    except AffectomeError as error:
        return error


def _attempt_apart(file: Path, given: Given) -> list[Reading] | AffectomeError:
    """Read a file in a process of its own, which keeps its readers for the next."""
    return _attempt(file, given, _kept(given))


@lru_cache(maxsize=2)
def _kept(given: Given) -> dict[str, Reader]:
    return {}


def _with_baseline(chosen: Modality, reader: Any, baseline: Sequence[Path]) -> Reader:
    if not baseline:
        return reader
    if not hasattr(reader, "with_baseline"):
        raise InputError(
            f"--baseline is for voices and body signals; {chosen.name} are read without one"
        )
    return reader.with_baseline(baseline)


def read(
    source: str | Path | list[str],
    *,
    modality: str | None = None,
    purpose: str | None = None,
    model: str | None = None,
    person: str | None = None,
    baseline: Sequence[Path] = (),
    n_jobs: int = -1,
) -> Reading | Readings:
    """Read emotion from a text, a file, a folder of files, or a list of texts.

    Parameters
    ----------
    source
        A ``Path``, or a string that names an existing file or folder, is read as what its ending
        says; any other string is a text, and a list is many texts.
    modality
        ``"words"``, ``"voice"`` …; by default by the file's ending.
    purpose
        ``"research"``, ``"medical"``, ``"safety"`` or ``"personal"``: needed for all but words and
        pictures.
    model
        Folder of a model that ``affectome train`` made; by default the one that is shipped.
    person
        Who is read, as your records name them.
    baseline
        Other sounds of the same person, without labels: a voice is then read against that person's
        usual one.
    n_jobs
        Processes for a folder of many sounds, -1 for all cores.

    Returns
    -------
    Reading or Readings
        One for a text or a file that holds one reading.

    Examples
    --------
    >>> affectome.read("I did not expect that, thank you so much!")  # doctest: +SKIP
    Reading(words): gratitude
      gratitude 0.98  surprise 0.11  ...
    """
    if isinstance(source, list):
        permit("words", person=person)
        return Readings(find_modality("words").load().reader(model).read(source))
    path = _existing(source)
    if path is None:
        if modality not in {None, "words"}:
            raise InputError(f"{str(source)[:80]!r}: there is no such file to read as {modality}")
        permit("words", person=person)
        return next(iter(find_modality("words").load().reader(model).read([str(source)])))
    files = files_in(path, modality) if path.is_dir() else [path]
    readings: list[Reading] = []
    for found in read_files(files, modality, purpose, model, person, baseline, n_jobs):
        if isinstance(found, AffectomeError):
            raise found
        readings += found
    return readings[0] if len(readings) == 1 and not path.is_dir() else Readings(readings)


def _existing(source: str | Path) -> Path | None:
    if isinstance(source, Path):
        if not source.exists():
            raise InputError(f"{source}: there is no such file or folder")
        return source
    try:
        return Path(source) if source.strip() and Path(source).exists() else None
    except (OSError, ValueError):  # too long for a name, or with a null character
        return None
