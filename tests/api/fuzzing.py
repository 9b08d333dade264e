"""Requests that schemathesis makes from our own description of the API, and what no answer to them may be.

Each is sent through the whole stack of the service, as one of several people, in a savepoint that is undone.
Two thirds name things that exist: where every name is made up, nothing but 404 is ever tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode, Response
from schemathesis import checks as known
from schemathesis.specs.openapi import checks as openapi

from apps.api.openapi import document
from tests.laws.routes import Try, place, tries
from tests.standing import Standing

CHECKS = (
    known.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_schema_conformance,
    openapi.response_headers_conformance,
    openapi.ignored_auth,
)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
ROLES = ("developer", "validator", "head-of-model-risk", "administrator", "pipeline", "elsewhere")

schemathesis.serializer.alias(
    ["application/zip", "application/pdf", "application/partial-upload", "text/csv"],
    "application/octet-stream",
)


@lru_cache
def operations() -> tuple[APIOperation[Any, Any, Any, Any], ...]:
    """Every operation of our own description, over our own application."""
    schema = schemathesis.openapi.from_dict(document())
    schema.app = WSGIHandler()
    return tuple(found.ok() for found in schema.get_all_operations())


@dataclass(frozen=True, slots=True)
class Fuzzer:
    """One run over the API: which things exist, how many requests an operation gets, and from which seed."""

    world: Standing
    examples: int
    seed: int = 0
    answered: set[str] = field(default_factory=set)

    def try_all(self) -> Iterator[str]:
        """Whatever is wrong, a line each."""
        good = {f"{one.method} {_path(one.route)}": one for one in tries(self.world) if one.is_api}
        with _kept_connection():
            for one in operations():
                yield from self.try_one(one, good[f"{one.method.upper()} {one.path}"])

    def try_one(self, operation: APIOperation[Any, Any, Any, Any], good: Try) -> list[str]:
        """What is wrong with one operation; the first thing of each kind."""
        found: dict[str, str] = {}
        fitting = _Fitting(operation, self._names(operation.path, good.route), dict(good.body))

        @seed(self.seed)
        @settings(
            max_examples=self.examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(data=st.data())
        def run(data: st.DataObject) -> None:
            case = fitting.case(data)
            with transaction.atomic():
                for line in self._sent(case, data.draw(st.sampled_from(self._roles()))):
                    found.setdefault(line.split(":")[0], line)
                transaction.set_rollback(True)

        run()
        return list(found.values())

    def _names(self, path: str, route: str) -> dict[str, str]:
        """What stands in the path of a thing that exists."""
        parts = zip(path.split("/"), place(route, self.world).split("/")[2:], strict=True)
        return {part[1:-1]: value for part, value in parts if part.startswith("{")}

    def _roles(self) -> list[str]:
        return [role for role in ROLES if role in self.world.tokens] + ["nobody"]

    def _sent(self, case: Case, role: str) -> Iterator[str]:
        token = self.world.tokens.get(role)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = case.call(headers=headers)
        if answer.status_code < 300:
            self.answered.add(case.operation.label)
        for check in CHECKS:
            try:
                case.validate_response(answer, checks=[check], additional_checks=[], headers=headers)
            except (Exception, BaseExceptionGroup) as fault:
                yield _line(check.__name__, case, role, answer, fault)
        if token is None and answer.status_code < 400 and case.operation.definition.raw.get("security"):
            yield _line("no_token", case, role, answer, AssertionError("nobody may ask this"))


@dataclass(frozen=True, slots=True)
class _Fitting:
    """One operation, the names of things that exist, and a body that it takes."""

    operation: APIOperation[Any, Any, Any, Any]
    names: dict[str, str]
    body: dict[str, Any]

    def case(self, data: st.DataObject) -> Case:
        mode = data.draw(st.sampled_from(MODES))
        case: Case = data.draw(self.operation.as_strategy(mode))
        if self.names and data.draw(st.integers(0, 2)):
            case.path_parameters = dict(self.names)
        if self.body and isinstance(case.body, dict) and data.draw(st.integers(0, 2)):
            taken = data.draw(st.sampled_from(["", *sorted(case.body, key=str)]))
            case.body = {**self.body, **({taken: case.body[taken]} if taken else {})}
        return case


@contextmanager
def _kept_connection() -> Iterator[None]:
    """The service would close the connection after a request, and with it the transaction that is undone."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def _path(route: str) -> str:
    """The route as the description writes it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.removeprefix("/api/v1"))


def _line(check: str, case: Case, role: str, answer: Response, fault: Exception) -> str:
    told = (
        json.dumps(case.body, default=repr)[:300]
        if not isinstance(case.body, bytes)
        else repr(case.body)[:80]
    )
    said = " ".join(str(fault).split())[:300]
    return (
        f"{case.method} {case.operation.path} {check}: {answer.status_code} for {role}, "
        f"path {case.path_parameters}, query {case.query}, headers {dict(case.headers)}, body {told}: {said}"
    )
