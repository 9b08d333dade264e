"""Vendors' models: the checklist, gaps as findings, changes without a word."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from apps.approvals import commands as approvals
from apps.approvals.models import Finding
from apps.audit.errors import Forbidden, Invalid
from apps.audit.models import Event
from apps.inventory import commands, vendors
from apps.inventory.models import RegisteredModel
from tests import factories

pytestmark = pytest.mark.usefixtures("db")
WHOLE: dict[str, Any] = {item.id: {"met": "yes"} for item in vendors.ITEMS}


def bought() -> RegisteredModel:
    return factories.model("bought", vendor=True)


def reviewed(**changes: Any) -> Any:
    answers = {**WHOLE, **changes}
    return approvals.review_vendor(
        by=factories.validator(), model=bought(), vendor="Scores Ltd", answers=answers
    )


def gates() -> set[str]:
    return set(Finding.objects.filter(model=bought()).values_list("gate", flat=True))


def test_a_whole_file_reaches_every_point_and_has_no_gap():
    review = reviewed()
    assert review.points == review.of == 32  # five items of weight 2 and six of weight 1, two points each
    assert gates() == set()
    assert Event.objects.filter(action="vendor.reviewed").count() == 1


def test_each_gap_is_a_finding_that_names_the_vendor():
    review = reviewed(limits={"met": "partly", "note": "one page"}, exit={"met": "no"})
    assert review.points == 32 - 2 - 2
    found = Finding.objects.get(gate="vendor.limits")
    assert (found.title, found.severity) == ("Scores Ltd tells part of: limits", "high")
    assert "one page" in found.detail
    assert gates() == {"vendor.limits", "vendor.exit"}


def test_the_same_gap_again_opens_nothing_new():
    reviewed(limits={"met": "no"})
    reviewed(limits={"met": "partly"})
    assert Finding.objects.filter(gate="vendor.limits").count() == 1


def test_what_is_not_answered_counts_as_missing():
    review = approvals.review_vendor(by=factories.validator(), model=bought(), vendor="S", answers={})
    assert review.points == 0
    assert len(gates()) == len(vendors.ITEMS)


@pytest.mark.parametrize(
    "answers", [{"poem": {"met": "yes"}}, {"limits": {"met": "maybe"}}, {"limits": "yes"}, []]
)
def test_what_the_checklist_does_not_know_is_refused(answers):
    with pytest.raises(Invalid):
        approvals.review_vendor(by=factories.validator(), model=bought(), vendor="S", answers=answers)
    assert not gates()


def test_its_developer_does_not_review_and_what_was_built_here_has_no_vendor():
    with pytest.raises(Forbidden):
        approvals.review_vendor(by=factories.developer(), model=bought(), vendor="S", answers=WHOLE)
    with pytest.raises(Invalid, match="was built here"):
        approvals.review_vendor(by=factories.validator(), model=factories.model(), vendor="S", answers=WHOLE)


def versions() -> None:
    bought()
    factories.version("bought", "1")
    factories.version("bought", "2", data={"holdout": factories.table(60)})


def test_a_new_version_without_a_word_opens_one_finding():
    versions()
    assert len(approvals.open_untold_findings(by=factories.developer())) == 1
    assert approvals.open_untold_findings(by=factories.developer()) == []
    assert Finding.objects.get(gate="vendor.change_notice").version.label == "2"


def test_a_version_that_was_announced_opens_none():
    bought()
    commands.note_change(
        by=factories.developer(),
        model=bought(),
        announces="2",
        told_on=timezone.now().date(),
        summary="Newer data.",
    )
    versions()
    assert approvals.open_untold_findings(by=factories.developer()) == []
    assert Event.objects.filter(action="change.noticed").count() == 1
