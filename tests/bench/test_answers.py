"""The deploy gate's answers over HTTP beside Django REST framework with tokens, and beside an empty view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access import commands as access
from apps.deploys.commands import admit
from tests import factories
from tests.bench.goals import Goal, Side, compare
from tests.bench.load import Load, load, tool
from tests.bench.measuring import PEERS, PeerProblem, median, named, peer_job
from tests.bench.serving import THEIRS, gunicorn, peers_database
from tests.bench.table import Line, Table
from tests.database import FreshDatabase
from tests.flows.bank import production, state_in

pytestmark = pytest.mark.bench
PART = "The deploy gate: reading an answer"
ROUNDS, DIGEST = 4, f"sha256:{777:064x}"
Server = tuple[str, Mapping[str, str]]


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path) -> Iterator[Path]:
    """Keys and files of this run alone."""
    with state_in(tmp_path):
        yield tmp_path


def test_reading_an_answer(table: Table, fresh_database: FreshDatabase, state_folder: Path) -> None:
    path, headers = _asked()
    base = fresh_database.environment() | {"COUNTERSIGN_STATE": str(state_folder)}
    empty = base | {"DJANGO_SETTINGS_MODULE": "tests.bench.empty_settings"}
    with ExitStack() as stack:
        servers: dict[str, Server] = {
            "ours": (stack.enter_context(gunicorn(base)) + path, headers),
            "empty": (stack.enter_context(gunicorn(empty)) + "/", {}),
        }
        problem = _beside(stack, servers)
        alone, many = (_loaded(servers, connections) for connections in (1, 8))
    Client().get(path, headers=headers)  # the first read of a process checks the signature
    with CaptureQueriesContext(connection) as log:
        assert Client().get(path, headers=headers).status_code == 200
    title = f"`GET /api/v1/admissions/{{id}}` with a token, {len(log)} statement"
    _alone(table, title, alone, problem)
    _many(table, title, many, problem)


def _asked() -> Server:
    """An answer, and the token of who asked for it."""
    production()
    factories.unit()
    pipeline = factories.service()
    admission = admit(by=pipeline, model="nobody", version="1", environment="production")
    issuer = factories.person("issuer", "administrator")
    _, token = access.issue_token(by=issuer, person=pipeline, name="bench", scopes=["admission.see"])
    return f"/api/v1/admissions/{admission.pk}", {"Authorization": f"Bearer {token}"}


def _beside(stack: ExitStack, servers: dict[str, Server]) -> str:
    """Start the peer's site; why not, if not."""
    env = stack.enter_context(peers_database())
    try:
        token = peer_job("site_fill", env=env).said["token"]
    except PeerProblem as problem:
        return str(problem)
    site = stack.enter_context(gunicorn(env, THEIRS, python=PEERS))
    servers["drf"] = f"{site}/decisions/{DIGEST}", {"Authorization": f"Token {token}"}
    return ""


def _loaded(servers: Mapping[str, Server], connections: int) -> dict[str, list[Load]]:
    """Every server in turns; the first round does not count."""
    found: dict[str, list[Load]] = {name: [] for name in servers}
    for number in range(ROUNDS):
        for name, (url, headers) in servers.items():
            ran = load(url, headers, connections=connections, seconds=2)
            if number:
                found[name].append(ran)
    return found


def _middle(runs: list[Load], of: Callable[[Load], float]) -> float:
    return median([of(run) for run in runs])


def _alone(table: Table, title: str, found: dict[str, list[Load]], problem: str) -> None:
    half = {name: _middle(runs, lambda run: run.half) for name, runs in found.items()}
    most = _middle(found["ours"], lambda run: run.most)
    compare(
        table,
        part=PART,
        what=f"{title}: half of the requests within ({tool()}, one connection)",
        ours=Side(seconds=half["ours"], note=f"99 of 100 within {most * 1e3:.2f} ms"),
        theirs=Side(seconds=half["drf"]) if "drf" in half else None,
        peer=problem or "Django REST framework 3.18, token and ModelSerializer, gunicorn as ours",
        goal=Goal(ratio=3, seconds=0.55e-3, share=1 / 2.2),
        share=half["empty"] / half["ours"],
        limit=f"an empty view, {named('Django', 'gunicorn')}",
    )


def _many(table: Table, title: str, found: dict[str, list[Load]], problem: str) -> None:
    rate = {name: _middle(runs, lambda run: run.rate) for name, runs in found.items()}
    goal = "≥ 3.4×, ≥ 3,500 requests/s"
    reached = "drf" in rate and rate["ours"] >= 3500 and rate["ours"] / rate["drf"] >= 3.4
    table.add(
        Line(
            part=PART,
            what=f"{title}: requests a second ({tool()}, 8 connections, on the same cores)",
            ours=f"{rate['ours']:,.0f}",
            peer=problem or "the same",
            theirs=f"{rate['drf']:,.0f}" if "drf" in rate else "",
            ratio=f"{rate['ours'] / rate['drf']:.1f}" if "drf" in rate else "",
            goal=goal,
            met="yes" if reached else "no",
            limit=f"{100 * rate['ours'] / rate['empty']:.0f} % of an empty view",
        )
    )
