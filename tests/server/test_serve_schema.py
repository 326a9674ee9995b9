"""The OpenAPI document against the service: schemathesis makes up requests from it."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from serving import Client

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402

# Left out: that what fits the document is always accepted. No schema says what a picture is.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance"]
CHECKS += ["response_schema_conformance", "unsupported_method"]


def ask_all(client: Client, examples: int) -> int:
    """Asks every operation so often; returns how many requests there were."""
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
            import httpx
            import requests

            prepared = requests.Request(**how).prepare()
            body = prepared.body
            content = body.encode() if isinstance(body, str) else body
            headers = {**prepared.headers, "Host": "localhost"}
            request = httpx.Request(prepared.method, prepared.url, content=content, headers=headers)
            found = await client._client.send(request)
            given = requests.Response()
            given.status_code, given._content = found.status_code, found.content
            given.headers.update(found.headers)
            given.request = prepared
            return given

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


def test_made_up_requests(client: Client) -> None:
    assert ask_all(client, 4) >= 12 * 4 // 2


@pytest.mark.slow
def test_many_made_up_requests(client: Client) -> None:
    assert ask_all(client, 150) > 1000
