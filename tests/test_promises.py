"""Every promise names tests that are there."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROMISES = tomllib.loads((ROOT / "tests" / "promises.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", PROMISES)
def test_a_promise_names_tests_that_exist(number: str) -> None:
    named = PROMISES[number]["tests"]
    assert named
    for name in named:
        file, _, function = name.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_"}
        assert tests, f"{file} has no tests"
        assert not function or function in tests, name
