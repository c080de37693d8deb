"""Whatever the OpenAPI document allows, and much that it doesn't, is answered without a failure."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.checks import not_a_server_error  # noqa: E402

from affectome.studio.app import create_app  # noqa: E402
from affectome.studio.settings import LOOPBACK, Limits, Settings  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
FOLDER = Path(tempfile.mkdtemp()).resolve()
SETTINGS = Settings((FOLDER,), names=(*LOOPBACK, "testserver"), limits=Limits(body_bytes=2**20))
schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(SETTINGS, program=("true",)))


@schema.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_call_makes_it_fail(case):
    case.call_and_validate(checks=[not_a_server_error])
