"""The Hugging Face Hub: commits on main become drafts, known by the bytes that the Hub names."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse

from apps.deploys import commands
from apps.deploys.integrations import trying
from apps.deploys.integrations.standing import entries_of
from apps.deploys.models import Inbound, RegistryEntry, RegistryPoll
from tests.cli.loopback import Asked, Told
from tests.integrations.site import WORKER, Elsewhere, Site, made
from tests.standing import Standing

REPO, HEAD, OLD = "bank/credit-pd", "a" * 40, "b" * 40
PUSHED: dict[str, Any] = {
    "event": {"action": "update", "scope": "repo.content"},
    "repo": {
        "type": "model",
        "name": REPO,
        "id": "621ffdc036468d709f17434d",
        "private": True,
        "headSha": HEAD,
    },
    "updatedRefs": [{"ref": "refs/heads/main", "oldSha": OLD, "newSha": HEAD}],
    "webhook": {"id": "6390e855e30d9209411de93b", "version": 3},
}


class Hub:
    """One repository with two commits."""

    def __init__(self, digest: str) -> None:
        self.files: list[dict[str, Any]] = [{"rfilename": "README.md"}]
        self.files += [
            {"rfilename": "model.onnx", "size": 9, "lfs": {"sha256": digest.removeprefix("sha256:")}}
        ]

    def __call__(self, asked: Asked) -> Told:
        if asked.headers.get("authorization") != "Bearer hf_1":
            return Told(401, {"error": "Invalid credentials"})
        path = asked.path.removeprefix(f"/api/models/{REPO}/")
        if path.startswith("commits/main"):
            rows = [{"id": key, "title": "Train", "date": "2026-11-21T06:30:00.000Z"} for key in (HEAD, OLD)]
            return Told(200, rows)
        if path.startswith(f"revision/{HEAD}") or path == "revision/main":
            return Told(200, {"sha": HEAD, "siblings": self.files, "cardData": {"license": "mit"}})
        if path.startswith(f"revision/{OLD}"):
            return Told(200, {"sha": OLD, "siblings": []})
        return Told(404, {"error": "Repository not found"})


@pytest.fixture
def site(world: Standing, elsewhere: Elsewhere) -> Site:
    elsewhere.answers = Hub(world.granted.version.manifest_digest)
    found = made("huggingface", hosts=elsewhere.host, given={"token": "hf_1"}, base=elsewhere.url, repos=REPO)
    found.bind(source=REPO, place="", version_from="commit")
    return found


def delivered(site: Site, body: dict[str, Any] = PUSHED, secret: str = "") -> HttpResponse:
    return site.deliver(body, {"X-Webhook-Secret": secret or site.secrets["webhook"]})


def read(site: Site) -> RegistryPoll:
    found = commands.read_registry(by=WORKER, integration_id=site.row.pk)
    assert found is not None
    return found


def test_a_commit_on_main_becomes_a_draft_known_by_its_bytes(world: Standing, site: Site) -> None:
    assert delivered(site).status_code == 202
    assert site.taken() == [f"{REPO}: {HEAD[:12]} becomes a draft"]

    assert (read(site).fault, RegistryEntry.objects.count()) == ("", 2)

    shown = {one.entry.number: one for one in entries_of(site.row)}
    assert shown[HEAD].versions == [world.granted.version]
    assert (shown[HEAD].entry.said["licence"], shown[HEAD].entry.said["file"]) == ("mit", "model.onnx")
    assert (shown[OLD].versions, shown[OLD].entry.digest) == ([], "")
    assert shown[HEAD].entry.marked_at is None


def test_the_same_body_is_taken_in_once(site: Site) -> None:
    assert [delivered(site).status_code for _ in range(2)] == [202, 200]
    assert Inbound.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "looks"),
    [
        ({"event": {"action": "update", "scope": "repo.content.lfs"}}, True),
        ({"event": {"action": "delete", "scope": "repo"}}, True),
        ({"event": {"action": "update", "scope": "repo.config"}}, False),
        ({"event": {"action": "create", "scope": "discussion.comment"}}, False),
        ({"event": {"action": "update", "scope": "repo.contents"}}, False),
        ({"updatedRefs": [{"ref": "refs/pr/1", "oldSha": None, "newSha": HEAD}]}, False),
        ({"updatedRefs": [{"ref": "refs/tags/v1", "newSha": HEAD}]}, False),
        ({"repo": {"type": "dataset", "name": REPO}}, False),
    ],
)
def test_only_what_may_change_main_has_it_read(site: Site, changes: dict[str, Any], looks: bool) -> None:
    assert delivered(site, {**PUSHED, **changes}).status_code == 202
    assert RegistryPoll.objects.filter(integration=site.row).exists() is looks
    assert (site.taken() == ["nothing to do"]) is not looks


def test_a_wrong_secret_and_what_names_no_repository_are_refused(site: Site) -> None:
    assert delivered(site, secret="wrong").status_code == 401
    assert site.deliver(PUSHED, {}).status_code == 401
    assert delivered(site, {**PUSHED, "repo": {}}).status_code == 422
    assert not Inbound.objects.exists()


def test_the_way_out_can_be_tried(site: Site, elsewhere: Elsewhere) -> None:
    assert "every repository" in trying.tried(site.row)
    assert all(asked.headers["authorization"] == "Bearer hf_1" for asked in elsewhere.told())
