"""The OpenAPI document against the service: schemathesis makes up requests from it."""

from __future__ import annotations

import asyncio
import warnings
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from serving import Client, httpx

# Left out: that what fits the document is always accepted. No schema says what a picture is.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance"]
CHECKS += ["response_schema_conformance", "unsupported_method"]


def ask_all(client: Client, examples: int) -> int:
    """Asks every operation so often; returns how many requests there were."""
    # Here, as loading them takes longer than collecting all tests of the service.
    requests = pytest.importorskip("requests", reason="requests is not installed")
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
        checks = [schemathesis.checks.CHECKS.get_one(name) for name in CHECKS]
        asked = 0

        def answered(case: Any) -> None:
            nonlocal asked
            asked += 1
            how = case.as_transport_kwargs(base_url="http://localhost")
            answer = client.wait(asyncio.wait_for(send(how), 60))
            case.validate_response(answer, checks=checks)

        async def send(how: dict[str, Any]) -> Any:
            prepared = requests.Request(**how).prepare()
            body = prepared.body
            content = body.encode() if isinstance(body, str) else body
            headers = {**prepared.headers, "Host": "localhost"}
            request = httpx.Request(prepared.method, prepared.url, content=content, headers=headers)
            answer = await client._client.send(request)
            answer.elapsed = timedelta(0)  # which it has not in process
            return answer

        for result in schema.get_all_operations():
            operation = result.ok()
            test = given(case=operation.as_strategy())(answered)
            settings(
                max_examples=examples,
                database=None,
                derandomize=True,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(test)()
    return asked


@pytest.mark.timeout(400)  # two seconds, but a busy machine may take long
def test_made_up_requests(client: Client) -> None:
    assert ask_all(client, 3) >= 12


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_many_made_up_requests(client: Client) -> None:
    assert ask_all(client, 150) > 1000
