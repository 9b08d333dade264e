"""Signing in by a certified provider, as a browser would: its pages, its keys, its codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from django.test import Client

from apps.access import commands
from apps.access.models import Person, RoleGrant
from apps.access.providers import read_providers
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
VERSION = "9.13.3"
BACK = "http://127.0.0.1:8000/sign-in/with/bank/back"
SERVER = Path(__file__).with_name("oidc_provider") / "server.mjs"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "countersign" / f"oidc-{VERSION}"


def modules() -> Path:
    """Where the provider is installed; skipped with a sentence where it cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not there, which the certified provider runs under")
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(told.strip().lstrip("v").partition(".")[0]) < 20:
        pytest.skip(f"the certified provider runs under Node 20 or later, not {told.strip()}")
    if not (CACHE / "node_modules" / "oidc-provider").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        npm = [
            "npm",
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
            str(CACHE),
        ]
        done = subprocess.run(
            [*npm, f"oidc-provider@{VERSION}"], capture_output=True, timeout=180, check=False
        )
        if done.returncode:
            pytest.skip(f"npm could not install oidc-provider {VERSION}")
    return CACHE


@pytest.fixture
def issuer() -> Iterator[str]:
    where = modules()
    process = subprocess.Popen(
        ["node", str(SERVER), str(where), BACK, "the-secret"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def bank(issuer: str, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the-secret\n")
    told = {
        "title": "Bank directory",
        "issuer": issuer,
        "client": "countersign",
        "secret_file": str(tmp_path / "secret"),
        "hosts": [f"{issuer}=127.0.0.0/8"],
        "scopes": ["openid", "profile", "email", "groups"],
        "groups_claim": "groups",
        "create_accounts": True,
    }
    (tmp_path / "oidc.yaml").write_text(json.dumps({"providers": {"bank": told}}))
    settings.OIDC_PROVIDERS = read_providers(str(tmp_path / "oidc.yaml"))


class Elsewhere:
    """A browser at the provider: follows it until it sends back to us."""

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}

    def agrees(self, url: str, login: str = "vera") -> str:
        """The address with which the provider sends the browser back."""
        form: dict[str, str] | None = None
        for _ in range(12):
            place, page = self._open(url, form)
            if place:
                url, form = urljoin(url, place), None
                if url.startswith(BACK):
                    return url
                continue
            url = urljoin(url, re.findall(r'action="([^"]+)"', page)[0])
            form = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', page))
            form |= {"login": login, "password": "any"} if 'name="login"' in page else {}
        raise AssertionError("the provider never sent the browser back")

    def _open(self, url: str, form: dict[str, str] | None) -> tuple[str, str]:
        parts = urlsplit(url)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(HTTPConnection(parts.netloc, timeout=10)) as wire:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            wire.request("GET" if form is None else "POST", target, urlencode(form or {}), headers)
            answer = wire.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                self._cookies[name] = value
            return answer.headers.get("Location", ""), answer.read().decode()


def come_in(client: Client, person: Elsewhere, how: str = "") -> Any:
    asked = client.get(f"/sign-in/with/bank{how}")
    assert asked.status_code == 302, asked.content.decode()
    back = person.agrees(asked["Location"])
    return client.get(back.removeprefix("http://127.0.0.1:8000"))


def test_a_person_signs_in_gets_what_their_group_is_worth_and_confirms_it(bank: None) -> None:
    admin, client, person = factories.administrator(), Client(), Elsewhere()
    commands.map_group(
        by=admin, source="oidc:bank", group="validators", role="validator", reason="the bank's list"
    )
    assert come_in(client, person, "?next=/models")["Location"] == "/models"
    vera = Person.objects.get(username="vera")
    assert RoleGrant.objects.get(person=vera).role == "validator"
    assert come_in(client, person, "?for=again&next=/reviews")["Location"] == "/reviews"
    assert client.get("/reviews").status_code == 200


def test_a_code_of_the_provider_works_once(bank: None) -> None:
    factories.administrator()
    client, person = Client(), Elsewhere()
    back = person.agrees(client.get("/sign-in/with/bank")["Location"]).removeprefix("http://127.0.0.1:8000")
    kept = dict(client.session["asked_of_provider"])
    assert client.get(back).status_code == 302
    session = client.session
    session["asked_of_provider"] = kept
    session.save()
    answer = client.get(back)
    assert answer.status_code == 403
    assert "It says invalid_grant." in answer.content.decode()
