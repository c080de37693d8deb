"""Whole files with bytes changed and cut, and what a reader says of them.

``AFFECTOME_FUZZ=10000`` tries as many, new ones each time; by default a few are tried, the same
ones each time, so that the quick tests stay so.
"""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from affectome.errors import AffectomeError

ASKED = os.environ.get("AFFECTOME_FUZZ")
HEADER = 600


def tried(few=25):
    """Settings of a test that tries a few cases, or as many as were asked for."""
    return settings(
        max_examples=int(ASKED or few),
        deadline=None,
        derandomize=ASKED is None,
        database=None,
        phases=[Phase.generate] if ASKED is None else [Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


CHANGES = st.lists(
    st.tuples(
        st.one_of(st.integers(0, HEADER), st.integers(0, 1 << 17)),
        st.one_of(st.sampled_from(b"\x00\x01\x7f\x80\xff -.,0919e\n"), st.integers(0, 255)),
    ),
    max_size=6,
)
LENGTHS = st.sampled_from([1.0, 1.0, 1.0, 0.9, 0.5, 0.1])


def mended(content, changes, length):
    """Bytes of a whole file with some of them changed, and cut."""
    broken = bytearray(content)
    for place, value in changes:
        broken[place % len(broken)] = value
    return bytes(broken[: max(1, int(length * len(broken)))])


def told(read, *given, **options):
    """What a reader says of what it can't read; nothing where it reads."""
    try:
        read(*given, **options)
    except AffectomeError as error:
        return str(error)
    return ""
