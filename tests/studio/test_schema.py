"""Whatever the OpenAPI document allows, and much that it doesn't, is answered without a failure."""

import pytest
from hypothesis import HealthCheck, given, settings

from affectome.studio.app import create_app
from affectome.studio.settings import LOOPBACK, Limits, Settings

FEW = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_no_call_makes_it_fail(folder):
    schemathesis = pytest.importorskip("schemathesis")
    names, limits = (*LOOPBACK, "testserver"), Limits(body_bytes=2**20)
    app = create_app(Settings((folder,), names=names, limits=limits), program=("true",))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [one.ok() for one in schema.get_all_operations()]
    assert len(operations) > 12
    for operation in operations:

        @FEW
        @given(operation.as_strategy())
        def call(case):
            answer = case.call()
            assert answer.status_code < 500, f"{case.as_curl_command()}: {answer.text}"

        call()
