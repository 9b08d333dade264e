"""SageMaker's model registry: packages are read, their status is what the gate answers, other hands are told.

The other side is held against AWS's own description of the service: what it is sent must be signed as
`botocore` signs, and every request and answer must be of the shapes that are published there.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ServiceModel
from botocore.session import Session
from botocore.validate import ParamValidator
from django.http import HttpResponse

from apps.approvals import commands as approvals
from apps.approvals.models import Finding
from apps.audit.errors import Refused
from apps.audit.models import Event
from apps.deploys import commands
from apps.deploys.commands import registries
from apps.deploys.integrations import trying
from apps.deploys.integrations.sagemaker import signer_of
from apps.deploys.integrations.sending import Line, NotTold
from apps.deploys.integrations.telling import Way
from apps.deploys.models import Inbound, RegistryEntry, RegistryPoll
from tests import factories
from tests.cli.loopback import Asked, Told
from tests.integrations.site import WORKER, Elsewhere, Site, made
from tests.standing import Standing

KEY, SECRET = "AKIDEXAMPLE0EXAMPLE0", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/credit-pd"


@pytest.fixture(scope="module")
def described() -> ServiceModel:
    return Session().get_service_model("sagemaker")


class FakeSageMaker:
    """One group of packages; everything that comes is held against the published shapes and signature."""

    def __init__(self, url: str, described: ServiceModel) -> None:
        self.url, self.described = url, described
        self.packages: dict[str, dict[str, Any]] = {}
        self.updates: list[dict[str, Any]] = []
        self.away = False

    def add(self, number: str, digest: str, status: str = "PendingManualApproval") -> dict[str, Any]:
        self.packages[f"{ARN}/{number}"] = package = {
            "ModelPackageGroupName": "credit-pd",
            "ModelPackageVersion": int(number),
            "ModelPackageArn": f"{ARN}/{number}",
            "ModelApprovalStatus": status,
            "ModelPackageStatus": "Completed",
            "CreationTime": 1763800000.1,
            "CustomerMetadataProperties": {"countersign_digest": digest} if digest else {},
        }
        return package

    def __call__(self, asked: Asked) -> Told:
        if self.away:
            return Told(503, {})
        if not self.signed(asked):
            return Told(403, {"__type": "InvalidSignatureException"})
        action, body = asked.headers["x-amz-target"].removeprefix("SageMaker."), asked.json
        shape = self.described.operation_model(action).input_shape
        wrong = ParamValidator().validate(body, shape).generate_report()
        assert not wrong, wrong
        return Told(200, getattr(self, action)(body))

    def signed(self, asked: Asked) -> bool:
        names = asked.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
        headers = {name: asked.headers[name] for name in names}
        request = AWSRequest("POST", f"{self.url}/", data=asked.body, headers=headers)
        request.context["timestamp"] = headers["x-amz-date"]
        auth = SigV4Auth(Credentials(KEY, SECRET), "sagemaker", "eu-west-1")
        canonical = auth.string_to_sign(request, auth.canonical_request(request))
        return asked.headers["authorization"].endswith(f"Signature={auth.signature(canonical, request)}")

    def ListModelPackageGroups(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"ModelPackageGroupSummaryList": [{"ModelPackageGroupName": "credit-pd"}]}

    def ListModelPackages(self, body: dict[str, Any]) -> dict[str, Any]:
        """One a page, so that pages are followed."""
        arns = sorted(self.packages)
        at = int(body.get("NextToken", "0"))
        more = {"NextToken": str(at + 1)} if at + 1 < len(arns) else {}
        return {"ModelPackageSummaryList": [{"ModelPackageArn": a} for a in arns[at : at + 1]], **more}

    def DescribeModelPackage(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.packages[body["ModelPackageName"]]

    def UpdateModelPackage(self, body: dict[str, Any]) -> dict[str, Any]:
        self.updates.append(body)
        self.packages[body["ModelPackageArn"]]["ModelApprovalStatus"] = body["ModelApprovalStatus"]
        return {"ModelPackageArn": body["ModelPackageArn"]}

    def status(self, number: str) -> str:
        return str(self.packages[f"{ARN}/{number}"]["ModelApprovalStatus"])


@pytest.fixture
def aws(world: Standing, elsewhere: Elsewhere, described: ServiceModel) -> FakeSageMaker:
    elsewhere.answers = found = FakeSageMaker(elsewhere.url, described)
    return found


@pytest.fixture
def site(aws: FakeSageMaker, elsewhere: Elsewhere) -> Site:
    found = made(
        "sagemaker",
        hosts=elsewhere.host,
        given={"secret_key": SECRET},
        region="eu-west-1",
        key_id=KEY,
        endpoint=elsewhere.url,
    )
    found.bind(source="credit-pd", place="", version_from="commit")
    return found


def read(site: Site) -> RegistryPoll:
    """The registry read now, whenever its time is."""
    registries._due_now(site.row)
    found = commands.read_registry(by=WORKER, integration_id=site.row.pk)
    assert found is not None
    return found


def titles() -> list[str]:
    return list(Finding.objects.filter(title__startswith="Somebody else").values_list("title", flat=True))


def test_what_the_gate_allows_is_approved_and_nothing_else(
    world: Standing, site: Site, aws: FakeSageMaker
) -> None:
    aws.add("1", world.granted.version.digest)
    aws.add("2", world.waiting.version.digest)
    aws.add("3", "sha256:" + "7" * 64)
    aws.add("4", "")

    poll = read(site)

    assert (poll.fault, poll.entries) == ("", 4)
    assert [aws.status(n) for n in "1234"] == ["Approved", *["PendingManualApproval"] * 3]
    (sent,) = aws.updates
    assert "/admissions/" in sent["ApprovalDescription"]
    assert len(sent["ApprovalDescription"]) <= 1024
    entry = RegistryEntry.objects.get(number="1")
    assert entry.admission is not None
    assert entry.admission.allowed
    assert titles() == []


def test_the_same_again_writes_nothing(world: Standing, site: Site, aws: FakeSageMaker) -> None:
    aws.add("1", world.granted.version.digest)
    read(site)
    before = Event.objects.count()
    read(site)
    assert len(aws.updates) == 1
    assert Event.objects.count() == before


def test_an_approval_that_is_void_is_taken_away(world: Standing, site: Site, aws: FakeSageMaker) -> None:
    aws.add("1", world.granted.version.digest)
    read(site)
    approvals.revoke(by=factories.head(), approval=world.granted, reason="The data were wrong.")

    read(site)

    assert aws.status("1") != "Approved"
    assert titles() == []


def test_an_approval_by_somebody_else_is_a_finding_and_put_right(
    world: Standing, site: Site, aws: FakeSageMaker
) -> None:
    aws.add("2", world.waiting.version.digest)
    read(site)
    aws.packages[f"{ARN}/2"]["ModelApprovalStatus"] = "Approved"

    read(site)

    assert aws.status("2") == "PendingManualApproval"
    assert titles() == ["Somebody else marked credit-pd/2 “Approved” in our-sagemaker"]
    assert Event.objects.filter(action="registry.changed").count() == 1


def test_one_that_was_approved_before_anybody_looked_is_a_finding_too(site: Site, aws: FakeSageMaker) -> None:
    aws.add("9", "", status="Approved")
    read(site)
    assert aws.status("9") == "PendingManualApproval"
    assert len(titles()) == 1


def test_a_rejection_by_somebody_else_is_told_and_left(
    world: Standing, site: Site, aws: FakeSageMaker
) -> None:
    aws.add("1", world.granted.version.digest)
    read(site)
    aws.packages[f"{ARN}/1"]["ModelApprovalStatus"] = "Rejected"
    read(site)
    assert aws.status("1") == "Rejected"
    assert len(titles()) == 1

    entry = RegistryEntry.objects.get()
    commands.mark_again(by=factories.administrator(), entry=entry, reason="It was rejected by mistake.")
    read(site)
    assert aws.status("1") == "Approved"


def test_where_it_is_only_told_nothing_is_put_right(world: Standing, aws: FakeSageMaker, site: Site) -> None:
    settings = {**site.row.settings, "others": "tell"}
    commands.change_integration(
        by=factories.administrator(),
        integration=site.row,
        account=site.row.account,
        settings=settings,
        hosts=" ".join(site.row.hosts),
    )
    aws.add("3", "", status="Approved")
    read(site)
    assert aws.status("3") == "Approved"
    assert len(titles()) == 1


def test_what_is_bound_to_nothing_is_left_alone(world: Standing, site: Site, aws: FakeSageMaker) -> None:
    binding = site.row.bindings.get()
    commands.unbind_model(by=factories.administrator(), binding=binding)
    aws.add("1", world.granted.version.digest, status="Approved")
    read(site)
    assert (aws.updates, titles(), RegistryEntry.objects.count()) == ([], [], 1)


def test_what_is_gone_is_kept_as_gone(world: Standing, site: Site, aws: FakeSageMaker) -> None:
    aws.add("1", world.granted.version.digest)
    read(site)
    aws.packages.clear()
    read(site)
    assert RegistryEntry.objects.get().gone_at is not None
    told = set(Event.objects.filter(action__startswith="registry.").values_list("action", flat=True))
    assert told == {"registry.seen", "registry.marked", "registry.gone"}


def test_nobody_who_answers_changes_nothing_here(world: Standing, site: Site, aws: FakeSageMaker) -> None:
    aws.add("1", world.granted.version.digest)
    read(site)
    aws.away = True
    assert "answered 503" in read(site).fault
    assert RegistryEntry.objects.get().gone_at is None


def test_a_wrong_key_is_told_in_words(site: Site, aws: FakeSageMaker) -> None:
    assert "takes this key" in trying.tried(site.row)
    commands.give_secret(
        by=factories.administrator(), integration=site.row, name="secret_key", value="x" * 40
    )
    with pytest.raises(Refused, match="answered 403"):
        trying.tried(site.row)
    assert "403" in read(site).fault


# Events ---------------------------------------------------------------------------------------------------

EVENT = {
    "version": "0",
    "id": "844e2571-85d4-695f-b930-0153b71dcb42",
    "detail-type": "SageMaker Model Package State Change",
    "source": "aws.sagemaker",
    "account": "123456789012",
    "time": "2026-11-21T16:24:02Z",
    "region": "eu-west-1",
    "resources": [f"{ARN}/1"],
    "detail": {
        "ModelPackageGroupName": "credit-pd",
        "ModelPackageVersion": 1,
        "ModelPackageArn": f"{ARN}/1",
        "ModelApprovalStatus": "Approved",
    },
}


def event(site: Site, body: Any = EVENT, **headers: str) -> HttpResponse:
    return site.deliver(body, {"X-Countersign-Key": site.secrets["webhook"], **headers})


def test_an_event_has_the_registry_read_and_the_same_again_nothing_more(site: Site) -> None:
    poll = RegistryPoll.objects.create(
        integration=site.row, due_at=datetime.fromisoformat("2099-01-01T00:00Z")
    )
    assert [event(site).status_code for _ in range(3)] == [202, 200, 200]
    poll.refresh_from_db()
    assert poll.due_at.year < 2099
    assert Inbound.objects.count() == 1


def test_what_an_event_says_itself_is_not_believed(world: Standing, site: Site, aws: FakeSageMaker) -> None:
    aws.add("1", "")
    event(site)
    read(site)
    assert RegistryEntry.objects.get().status == "PendingManualApproval"


def test_what_proves_nothing_or_changed_on_the_way_is_refused(site: Site) -> None:
    for key in ("", "x", site.secrets["webhook"][:-1]):
        assert event(site, **{"X-Countersign-Key": key}).status_code == 401
    assert event(site).status_code == 202
    assert event(site, {**EVENT, "region": "us-east-1"}).status_code == 422
    assert event(site, {**EVENT, "id": ""}).status_code == 422
    assert event(site, {**EVENT, "id": "2", "detail": {}}).status_code == 422
    assert event(site, {**EVENT, "id": "3", "source": "aws.ec2"}).status_code == 202
    assert site.deliver(b"x" * (2 << 20), {"X-Countersign-Key": site.secrets["webhook"]}).status_code == 413
    assert site.deliver(b"{}", {}, content_type="text/plain").status_code == 415
    assert json.dumps(sorted(site.taken())) == '["nothing to do", "read again for credit-pd"]'


# Temporary credentials ------------------------------------------------------------------------------------

LATER = datetime(2027, 1, 1, tzinfo=UTC)
TEMPORARY = {
    "AccessKeyId": "ASIA" + "A" * 16,
    "SecretAccessKey": "s" * 40,
    "SessionToken": "t/+=" * 100,
    "Expiration": "2027-01-01T01:00:00+00:00",
}


def way(**secrets: str) -> Way:
    return Way(
        line=Line([]),
        settings={"region": "eu-west-1", "key_id": KEY},
        secret=lambda name: secrets.get(name, ""),
    )


@pytest.mark.parametrize("told", [TEMPORARY, {"Credentials": TEMPORARY, "AssumedRoleUser": {}}])
def test_temporary_credentials_are_signed_as_aws_does(told: dict[str, Any]) -> None:
    signer = signer_of(way(session=json.dumps(told), secret_key=SECRET), LATER)
    url, raw = "https://api.sagemaker.eu-west-1.amazonaws.com/", b"{}"
    sent = signer.signed(url, raw, {"Content-Type": "application/x-amz-json-1.1"}, LATER)
    assert sent["X-Amz-Security-Token"] == TEMPORARY["SessionToken"]
    headers = {name: value for name, value in sent.items() if name != "Authorization"}
    request = AWSRequest("POST", url, data=raw, headers={**headers, "host": urlsplit(url).hostname})
    request.context["timestamp"] = sent["X-Amz-Date"]
    held = Credentials(TEMPORARY["AccessKeyId"], TEMPORARY["SecretAccessKey"], TEMPORARY["SessionToken"])
    auth = SigV4Auth(held, "sagemaker", "eu-west-1")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert sent["Authorization"].endswith(f"Signature={auth.signature(text, request)}")


@pytest.mark.parametrize(
    "told",
    [
        {**TEMPORARY, "Expiration": "2027-01-01T00:00:00Z"},
        {**TEMPORARY, "Expiration": "2027-01-01T01:00:00"},
        {**TEMPORARY, "Expiration": "soon"},
        {**TEMPORARY, "SessionToken": ""},
        {**TEMPORARY, "SessionToken": "a\r\nX-Evil: 1"},
        {name: value for name, value in TEMPORARY.items() if name != "SessionToken"},
        {"Credentials": []},
        [],
    ],
)
def test_what_has_ended_or_is_none_is_not_used_and_no_other_key_is(told: Any) -> None:
    with pytest.raises(NotTold, match="temporary credentials") as fault:
        signer_of(way(session=json.dumps(told), secret_key=SECRET), LATER)
    assert TEMPORARY["SecretAccessKey"] not in str(fault.value)
