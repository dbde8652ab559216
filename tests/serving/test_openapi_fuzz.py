"""Requests made from the server's own OpenAPI page: every answer is one that the page tells of, and none is a 5xx.

`FUZZ_EXAMPLES=1000 pytest tests/serving/test_openapi_fuzz.py` looks for longer than the tests do.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from server_thread import serving

from clickprompt.serving.config import ServingConfig
from clickprompt.serving.repository import Repository

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 5))
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
many = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def address(shop_bundle, shop_cache) -> Iterator[str]:
    repository = Repository(shop_bundle, ServingConfig(cache=shop_cache))
    repository.load()
    with contextlib.closing(repository), serving(repository) as served:
        yield f"http://127.0.0.1:{served.port}"


def test_answers_are_as_the_page_tells(address):
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    asked: Counter[str] = Counter()
    with requests.Session() as session:

        def ask(case):
            label = case.operation.label
            asked[label] += 1
            if "name" in case.path_parameters and asked[label] % 3:
                case.path_parameters |= {"name": "bundle"} | ({"version": "1"} if "{version}" in label else {})
            answer = case.call(session=session, timeout=3)
            case.validate_response(answer, checks=CHECKS)
            if answer.status_code >= 400:
                assert answer.json()["error"].strip()

        for operation in (found.ok() for found in schema.get_all_operations()):
            modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
            for mode in modes if operation.method == "post" else modes[:1]:
                many(given(case=operation.as_strategy(generation_mode=mode))(ask))()
    assert {"POST /v1/score", "POST /v1/explain", "POST /v2/models/{name}/infer", "GET /v1/models"} <= asked.keys()
    assert asked["POST /v1/score"] == 2 * EXAMPLES
