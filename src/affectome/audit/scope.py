"""What a run did not look for: no audit can find what its source does not hold."""

from __future__ import annotations

from collections.abc import Sequence

from affectome.audit.candidates import Candidate
from affectome.audit.findings import CODES
from affectome.audit.material import Material
from affectome.audit.media import MOST_LARGE, Pictures, Sounds
from affectome.audit.probes import MOST_ROWS

ALWAYS = "what was done to the data before they came here"


def not_looked_for(
    material: Material,
    media: Pictures | Sounds | None,
    found: Sequence[Candidate],
    predictions: bool,
    ignored: Sequence[str],
) -> tuple[str, ...]:
    """Say what was not looked for in this run, and why, one line each.

    Parameters
    ----------
    material, media
        What was audited.
    found
        Candidates that were measured.
    predictions
        Whether predictions were given.
    ignored
        Codes that were left out.
    """
    lines = []
    roles = {one.role for one in found}
    if not roles & {"subject", "given"}:
        lines.append("people on both sides of a split: no column or part of a name says who it was")
    if not roles & {"stimulus", "given"}:
        lines.append("stimuli on both sides of a split: none is named")
    if not material.roles.order:
        rows = "" if material.files else "; the order of the rows alone was read"
        lines.append(f"drift with time: no column is a clock{rows}")
    if material.roles.split is None:
        lines.append("copies and groups across a given split: no column is a split")
    if not material.files and not material.parts.shape[1]:
        lines.append("labels in the names of files: there are no file names")
    if isinstance(media, Sounds) or media is None:
        lines.append("labels burnt into pictures: no pictures were read")
    elif len(media.large) < material.n:
        lines.append(f"marks in more than {MOST_LARGE} of the {material.n} pictures")
    if material.files and media is not None:
        lines.append(
            "copies that were rotated, cropped below four fifths or played at another speed"
        )
    elif material.texts:
        lines.append("texts that say the same in other words")
    if material.n > MOST_ROWS:
        lines.append(f"gaps and prices on more than {MOST_ROWS} of the {material.n} trials")
    if not predictions:
        lines.append("layers and thresholds chosen on the test set: no --predictions were given")
    kinds = {code: kind for kind, code in CODES.items()}
    lines += [f"{kinds[code].replace('_', ' ')}: {code} was ignored" for code in ignored]
    return (*lines, ALWAYS)
