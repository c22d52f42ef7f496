"""That the answers are really being checked, and that the check notices."""

import json

import pytest

from tests.forge.conftest import REPO, Running
from tests.forge.openapi import Description, Exchange


def test_githubs_description_is_here(description: Description | None) -> None:
    if description is None:
        pytest.skip("npm could not provide @octokit/openapi 23.0.2; answers of the forge are NOT checked against it")
    assert description.operation("GET", f"/repos/{REPO}/issues/1") is not None


def test_an_answer_with_a_missing_or_wrong_field_is_noticed(forge: Running, description: Description | None) -> None:
    if description is None:
        pytest.skip("npm could not provide @octokit/openapi 23.0.2")
    good = forge.session().post(f"{forge.repo}/issues", json={"title": "a"}).json()
    path = f"/repos/{REPO}/issues/1"

    def complaints(body: object) -> list[str]:
        return description.complaints(Exchange("GET", path, 200, "application/json", json.dumps(body).encode()))

    assert complaints(good) == []
    assert complaints({k: v for k, v in good.items() if k != "user"})
    assert complaints(good | {"number": "1"})
    assert description.complaints(Exchange("POST", path, 200, "application/json", b"{}"))
    assert description.complaints(Exchange("GET", path, 404, "application/json", b'{"message":"Not Found"}'))
