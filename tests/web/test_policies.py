from __future__ import annotations

import pytest

from apps.gates.models import PolicyProposal, PolicyRelease
from tests import factories
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def author(world: Standing) -> Browser:
    return Browser(factories.person("author", "model-risk-policy"))


@pytest.fixture
def second(world: Standing) -> Browser:
    return Browser(factories.person("second", "model-risk-policy"), fresh=True)


def next_version(title: str = "Another title") -> dict[str, str]:
    """The baseline's files with another title and the next number."""
    offered = PolicyProposal.objects.get(policy="baseline-all", version="2.0.0")
    text = bytes(offered.text).decode().replace("version: 2.0.0", "version: 2.0.1")
    old = next(line for line in text.splitlines() if line.startswith("  title:"))
    text = text.replace(old, f"  title: {title}", 1).replace("\n", "\r\n")
    return {"text": text, "cases": "---\n".join(offered.cases.values()), "note": "Clearer"}


def test_a_policy_is_proposed_on_a_page_and_released_by_another(author: Browser, second: Browser) -> None:
    shown = plain(author.send("/policies/propose", **next_version()))
    proposal = PolicyProposal.objects.get(version="2.0.1")
    assert "Another title" in shown
    assert "decisions would change" in shown
    assert "by a second person, not by whoever proposed it" in shown
    assert "baseline-all@2.0.1" in plain(second.get("/policies"))
    assert "is released" in plain(second.send(f"/policies/proposals/{proposal.pk}/release"))
    assert PolicyRelease.objects.get(version="2.0.1", policy="baseline-all").proposal == proposal


def test_a_release_asks_for_the_password_again(author: Browser) -> None:
    author.send("/policies/propose", **next_version())
    proposal = PolicyProposal.objects.get(version="2.0.1")
    stale = Browser(factories.person("third", "model-risk-policy"))
    assert "password" in plain(stale.send(f"/policies/proposals/{proposal.pk}/release"))
    assert not PolicyRelease.objects.filter(version="2.0.1", policy="baseline-all").exists()


def test_a_faulty_text_is_refused_with_its_line_and_kept_in_the_form(author: Browser) -> None:
    files = next_version()
    files["text"] = files["text"].replace("enforcement: mandatory", "enforcement: perhaps", 1)
    shown = author.send("/policies/propose", on="/policies/propose", **files)
    assert "line" in plain(shown)
    assert "enforcement: perhaps" in shown
    assert not PolicyProposal.objects.filter(version="2.0.1").exists()


def test_the_next_version_starts_from_the_released_text(author: Browser) -> None:
    shown = author.get("/policies/propose?from=baseline-all@2.0.0")
    assert "version: 2.0.0" in shown
    assert "policy: baseline-all" in shown
