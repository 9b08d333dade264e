"""Status checks and blocked deployments of GitLab."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import HttpResponse
from standardwebhooks import Webhook

from apps.deploys.commands import reconcile_integrations
from apps.deploys.models import Question
from tests.cli.loopback import Asked, Told
from tests.integrations.site import WORKER, Answerer, Elsewhere, Site, made, signed

pytestmark = pytest.mark.usefixtures("world")

SHA = "141be9714669a4c1ccaa013c6a7f3e462ff2a40f"
CHECK = {
    "object_kind": "merge_request",
    "project": {"id": 6, "path_with_namespace": "flightjs/Flight"},
    "object_attributes": {"iid": 4, "target_branch": "main", "last_commit": {"id": SHA}},
    "external_approval_rule": {"id": 1, "name": "QA"},
}
BLOCKED = {
    "object_kind": "deployment",
    "status": "blocked",
    "deployment_id": 15,
    "environment": "production",
    "project": {"id": 6},
    "short_sha": "141be971",
    "commit_url": f"https://gitlab.example/flightjs/Flight/-/commit/{SHA}",
    "ref": "v1",
}


class FakeGitLab:
    """Knows the head of one merge request, one blocked deployment, and one token."""

    def __init__(self) -> None:
        self.checks: list[dict[str, str]] = []
        self.approvals: list[dict[str, str]] = []
        self.head = SHA

    def __call__(self, asked: Asked) -> Told:
        if asked.headers.get("private-token") != "glpat-1":
            return Told(401, {})
        url = urlsplit(asked.path)
        if url.path == "/api/v4/projects/6/merge_requests/4/status_check_responses":
            said = {name: values[0] for name, values in parse_qs(url.query).items()}
            if said["sha"] != self.head:
                return Told(409, {})
            assert said["status"] in ("pending", "passed", "failed")
            self.checks.append(said)
            return Told(201, {})
        assert url.path == "/api/v4/projects/6/deployments/15/approval", url.path
        self.approvals.append(asked.json)
        return Told(201, {})


@pytest.fixture
def gitlab(elsewhere: Elsewhere) -> FakeGitLab:
    elsewhere.answers = found = FakeGitLab()
    return found


def site(elsewhere: Elsewhere, **settings: str) -> Site:
    return made("gitlab", hosts=elsewhere.host, given={"token": "glpat-1"}, base=elsewhere.url, **settings)


def checked(site: Site, body: Any = CHECK, *, by: str = "") -> HttpResponse:
    raw = json.dumps(body).encode()
    return site.deliver(raw, {"X-Gitlab-Signature": signed(by or site.secrets["webhook"], raw)})


def hooked(
    site: Site, body: Any = BLOCKED, *, at: int = 0, delivery: str = "msg_1", **head: str
) -> HttpResponse:
    raw, seconds = json.dumps(body).encode(), int(time.time()) + at
    from datetime import UTC, datetime

    sign = Webhook(site.secrets["webhook"]).sign(delivery, datetime.fromtimestamp(seconds, UTC), raw.decode())
    told = {"webhook-id": delivery, "webhook-timestamp": str(seconds), "webhook-signature": sign}
    return site.deliver(raw, {**told, **head})


@pytest.mark.parametrize(("version", "status"), [("1", "passed"), ("2", "pending"), ("9", "failed")])
def test_a_status_check_is_set(elsewhere: Elsewhere, gitlab: FakeGitLab, version: str, status: str) -> None:
    ours = site(elsewhere)
    ours.bind(source="6", place="main", version_from="fixed", version=version)

    assert checked(ours).status_code == 202
    ours.worked()

    assert gitlab.checks == [{"sha": SHA, "external_status_check_id": "1", "status": status}]


def test_a_check_that_is_sent_again_is_set_again(elsewhere: Elsewhere, gitlab: FakeGitLab) -> None:
    ours = site(elsewhere)
    ours.bind(version_from="fixed", version="1", place="")
    checked(ours)
    ours.worked()

    assert checked(ours).status_code == 200
    ours.worked()
    assert len(gitlab.checks) == 2
    assert Question.objects.count() == 1


def test_a_merge_request_that_moved_on_is_left_alone(elsewhere: Elsewhere, gitlab: FakeGitLab) -> None:
    ours = site(elsewhere)
    ours.bind(version_from="fixed", version="1", place="")
    gitlab.head = "0" * 40
    checked(ours)

    assert ours.worked().told == "allowed"
    assert gitlab.checks == []


@pytest.mark.parametrize(("version", "status"), [("1", "approved"), ("9", "rejected")])
def test_a_blocked_deployment_is_answered(
    elsewhere: Elsewhere, gitlab: FakeGitLab, version: str, status: str
) -> None:
    ours = site(elsewhere)
    ours.bind(source="6", version_from="fixed", version=version)

    assert hooked(ours).status_code == 202
    ours.worked()

    (told,) = gitlab.approvals
    assert told["status"] == status
    assert "Countersign" in told["comment"]


def test_while_people_sign_a_deployment_stays_blocked(elsewhere: Elsewhere, gitlab: FakeGitLab) -> None:
    ours = site(elsewhere)
    ours.bind(version_from="fixed", version="2")
    hooked(ours)

    assert ours.worked().told_at is None
    assert gitlab.approvals == []


def test_the_tag_names_the_version(elsewhere: Elsewhere, gitlab: FakeGitLab) -> None:
    ours = site(elsewhere)
    ours.bind(version_from="ref")
    hooked(ours)
    assert ours.worked().told == "allowed"


@pytest.mark.parametrize("at", [-301, 301])
def test_an_old_or_early_delivery_is_refused(elsewhere: Elsewhere, at: int) -> None:
    assert hooked(site(elsewhere), at=at + (1 if at > 0 else -1)).status_code == 401


def test_what_proves_nothing_is_refused(elsewhere: Elsewhere) -> None:
    ours = site(elsewhere)
    wrong = f"v1,{base64.b64encode(b'x' * 32).decode()}"
    assert hooked(ours, **{"webhook-signature": wrong}).status_code == 401
    assert hooked(ours, **{"webhook-id": "msg_2"}).status_code == 401
    assert hooked(ours, **{"webhook-timestamp": "1"}).status_code == 401
    assert hooked(ours, **{"webhook-signature": ""}).status_code == 401
    assert checked(ours, by="another").status_code == 401
    assert ours.deliver(CHECK, {"X-Gitlab-Token": ours.secrets["webhook"]}).status_code == 401
    assert ours.deliver(CHECK, {}).status_code == 401
    assert ours.taken() == []


def test_one_right_signature_among_several_will_do(elsewhere: Elsewhere) -> None:
    ours = site(elsewhere)
    raw, now = json.dumps(BLOCKED).encode(), int(time.time())
    from datetime import UTC, datetime

    right = Webhook(ours.secrets["webhook"]).sign("m", datetime.fromtimestamp(now, UTC), raw.decode())
    head = {"webhook-id": "m", "webhook-timestamp": str(now), "webhook-signature": f"v1,AAAA {right}"}
    assert ours.deliver(raw, head).status_code == 202


def test_a_plain_token_counts_only_where_it_was_chosen(elsewhere: Elsewhere) -> None:
    ours = site(elsewhere, signed="token")
    assert ours.deliver(BLOCKED, {"X-Gitlab-Token": ours.secrets["webhook"]}).status_code == 202
    assert ours.deliver(BLOCKED, {"X-Gitlab-Token": "x"}).status_code == 401
    assert checked(ours).status_code == 401


@pytest.mark.parametrize(
    "changes", [{"project": {}}, {"deployment_id": "15"}, {"commit_url": "x"}, {"environment": None}]
)
def test_a_delivery_that_names_no_place_is_refused(elsewhere: Elsewhere, changes: dict[str, Any]) -> None:
    assert hooked(site(elsewhere), {**BLOCKED, **changes}).status_code == 422


def test_other_events_ask_nothing(elsewhere: Elsewhere) -> None:
    ours = site(elsewhere)
    assert hooked(ours, {**BLOCKED, "status": "success"}).status_code == 202
    assert ours.taken() == ["nothing to do"]


# After an outage ------------------------------------------------------------------------------------------

WAITING = {
    "id": 15,
    "iid": 2,
    "ref": "v1",
    "sha": SHA,
    "status": "blocked",
    "environment": {"id": 9, "name": "production"},
}


def listing(gitlab: FakeGitLab, *rows: Any) -> Answerer:
    """The blocked deployments of the project, and everything else as before."""

    def answers(asked: Asked) -> Told | None:
        if asked.method == "GET" and urlsplit(asked.path).path == "/api/v4/projects/6/deployments":
            assert parse_qs(urlsplit(asked.path).query)["status"] == ["blocked"]
            return Told(200 if asked.headers.get("private-token") == "glpat-1" else 401, list(rows))
        return gitlab(asked)

    return answers


def test_a_blocked_deployment_that_was_never_told_of_is_found(
    elsewhere: Elsewhere, gitlab: FakeGitLab
) -> None:
    ours = site(elsewhere)
    ours.bind(source="6", version_from="fixed", version="1")
    elsewhere.answers = listing(gitlab, WAITING)

    assert [reconcile_integrations(by=WORKER) for _ in range(2)] == [1, 0]
    ours.worked()

    assert [told["status"] for told in gitlab.approvals] == ["approved"]
    assert reconcile_integrations(by=WORKER) == 0, "one that was answered is not asked again"


def test_one_that_the_hook_told_of_is_not_asked_twice(elsewhere: Elsewhere, gitlab: FakeGitLab) -> None:
    ours = site(elsewhere)
    ours.bind(source="6", version_from="fixed", version="1")
    hooked(ours)
    elsewhere.answers = listing(gitlab, WAITING)
    assert reconcile_integrations(by=WORKER) == 0


def test_what_is_listed_and_cannot_be_answered_asks_nothing(elsewhere: Elsewhere, gitlab: FakeGitLab) -> None:
    ours = site(elsewhere)
    ours.bind(source="6", version_from="fixed", version="1")
    bad = [{"sha": "x"}, {"environment": None}, {"id": "15"}, {"id": True}, {"status": "running"}]
    elsewhere.answers = listing(gitlab, "x", None, *({**WAITING, **one} for one in bad))
    assert reconcile_integrations(by=WORKER) == 0


def test_only_projects_that_are_bound_are_looked_at(elsewhere: Elsewhere, gitlab: FakeGitLab) -> None:
    ours = site(elsewhere)
    ours.bind(version_from="fixed", version="1")
    assert reconcile_integrations(by=WORKER) == 0
    assert elsewhere.told() == []


@pytest.mark.parametrize("status", [403, 500])
def test_an_answer_that_is_not_taken_leaves_the_deployment_blocked(
    elsewhere: Elsewhere, gitlab: FakeGitLab, status: int
) -> None:
    ours = site(elsewhere)
    ours.bind(source="6", version_from="fixed", version="1")
    hooked(ours)
    elsewhere.answers = lambda _: Told(status, {"message": "You cannot approve your own deployment"})

    question = ours.worked()

    assert (question.told_at, question.fault) == (None, f"GitLab answered {status}.")
    elsewhere.answers = gitlab
    assert ours.worked_later().told == "allowed"


def test_a_redirect_is_not_followed_with_the_token(elsewhere: Elsewhere, gitlab: FakeGitLab) -> None:
    ours = site(elsewhere)
    ours.bind(source="6", version_from="fixed", version="1")
    hooked(ours)
    elsewhere.answers = lambda _: Told(302, {}, {"Location": f"{elsewhere.url}/stolen"})
    assert ours.worked().told_at is None
    assert elsewhere.told("/stolen") == []
