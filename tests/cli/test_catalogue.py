from __future__ import annotations

import json

import jsonschema

from apps.engine.catalogue import all_checks
from tests.cli.conftest import Program


def test_every_check_is_listed(program: Program) -> None:
    code, out, _ = program("catalogue")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(all_checks())


def test_a_family_alone(program: Program) -> None:
    out = program("catalogue", "security")[1]
    assert {line.split(".")[0] for line in out.splitlines()[1:]} == {"security"}


def test_one_check_is_explained(program: Program) -> None:
    out = program("catalogue", "security.artifact_scan")[1]
    assert out.startswith("security.artifact_scan: ")
    assert all(word in out for word in ("Definition", "Edge cases", "Limitations", "References"))


def test_json_holds_valid_argument_schemas(program: Program) -> None:
    checks = json.loads(program("catalogue", "--format", "json")[1])["checks"]
    assert [check["id"] for check in checks] == list(all_checks())
    for check in checks:
        jsonschema.Draft202012Validator.check_schema(check["arguments"])
        assert check["direction"] in ("higher", "lower", "nearest", "none")


def test_an_unknown_check_names_the_nearest(program: Program) -> None:
    code, _, err = program("catalogue", "security.artefact_scan")
    assert code == 4
    assert 'Did you mean "security.artifact_scan"?' in err
