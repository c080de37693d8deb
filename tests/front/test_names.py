"""The one import: cheap, complete, and as the reference lists it."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import affectome as af

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
ROOMS = {
    *("brains", "data", "decoding", "dynamics", "evidence", "faces", "features", "networks"),
    *("people", "simulations", "studies", "units"),
}


def test_importing_affectome_imports_nothing_heavy():
    code = (
        "import sys, affectome; print(*({'numpy', 'torch', 'pandas'} & set(sys.modules)));"
        "print(affectome.Reading.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["", "Reading"]


def test_the_reference_lists_every_public_name_and_no_other():
    listed = re.findall(r"^ {0,4}affectome\.(\w+)$", REFERENCE.read_text(), re.M)
    assert len(listed) == len(set(listed))
    assert set(listed) == set(af.__all__) - ROOMS


def test_every_name_is_there_and_says_what_it_is():
    for name in af.__all__:
        found = getattr(af, name)
        assert found.__doc__, name
    assert set(af.__all__) <= set(dir(af))


def test_studies_run_by_name():
    for name in af.studies.__all__:
        assert callable(getattr(af.studies, name).run)


@pytest.mark.slow
def test_audit_is_the_function_even_where_its_room_came_first():
    code = "import affectome.audit, affectome as af; print(af.audit.__module__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "affectome.audit.run\n"
    assert importlib.import_module("affectome.audit").Audit is af.Audit


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="affectome attribute gone"):
        af.gone  # noqa: B018
