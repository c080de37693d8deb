import subprocess
import sys

import pytest

import affectome


def test_importing_affectome_imports_nothing_heavy():
    code = (
        "import sys, affectome; print(*({'numpy', 'torch', 'pandas'} & set(sys.modules)));"
        "print(affectome.Reading.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["", "Reading"]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'affectome' has no attribute 'gone'"):
        affectome.gone  # noqa: B018
