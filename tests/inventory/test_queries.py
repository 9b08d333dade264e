from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from apps.api import rendering
from apps.audit.errors import Invalid, NotFound
from apps.engine.regimes import known
from apps.inventory.commands import assign_tier, retire_use
from apps.inventory.filtering import filter_choices
from apps.inventory.listing import LONGEST_PAGE, PAGE, make_cursor, model_page, read_cursor
from apps.inventory.models import ModelVersion, RegisteredModel
from apps.inventory.queries import (
    current_tier,
    find_model,
    find_use,
    find_version,
    find_version_by_digest,
    has_blob,
    standing,
    subject_fields,
)
from tests import factories

pytestmark = pytest.mark.django_db


def keys(by, filters=None, cursor=None) -> list[str]:
    return [model.key for model in model_page(by, filters, cursor).rows]


def many(number: int) -> None:
    """Rows of the inventory in one statement, for tests of size."""
    owner, unit = factories.owner(), factories.unit()
    RegisteredModel.objects.bulk_create(
        RegisteredModel(
            key=f"model-{i:05}",
            title=f"Scorecard {i}",
            purpose="Ranks mortgages." if i % 100 == 0 else "Ranks loans.",
            kind="scorecard",
            unit=unit,
            owner=owner,
            registered_by=owner,
        )
        for i in range(number)
    )


def test_pages_follow_each_other_without_gap_or_repetition():
    many(2 * PAGE + 3)
    person, seen, cursor = factories.validator(), [], None
    for expected in (PAGE, PAGE, 3):
        page = model_page(person, {}, cursor)
        assert len(page.rows) == expected
        seen += [m.key for m in page.rows]
        cursor = page.next
    assert cursor is None
    assert seen == sorted(seen)
    assert len(set(seen)) == 2 * PAGE + 3


def test_a_model_registered_meanwhile_moves_no_page():
    many(PAGE + 5)
    first = model_page(factories.validator())
    factories.model("aaa-first")
    assert keys(factories.validator(), {}, first.next) == [f"model-{i:05}" for i in range(PAGE, PAGE + 5)]


@pytest.mark.parametrize("cursor", ["", "!!!", "é", "AA==", make_cursor("x" * 201), make_cursor("a\nb")])
def test_a_cursor_of_somebody_elses_making_is_refused(cursor):
    if not cursor:
        assert keys(factories.validator(), {}, cursor) == []
        return
    with pytest.raises(Invalid, match="cursor is none"):
        read_cursor(cursor)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"q": "default"}, ["credit-pd"]),
        ({"q": "CREDIT loans"}, ["credit-pd"]),
        ({"q": "loans var"}, []),
        ({"q": "100%"}, []),
        ({"q": "_"}, []),
        ({"q": "'; DROP TABLE x --"}, []),
        ({"kind": "regressor"}, ["var"]),
        ({"domain": "credit"}, ["credit-pd"]),
        ({"unit": "markets"}, ["var"]),
        ({"vendor": "yes"}, ["var"]),
        ({"vendor": "no"}, ["credit-pd"]),
        ({"tier": "1"}, ["credit-pd"]),
        ({"tier": "2"}, []),
        ({"owner": "owner", "unit": "retail"}, ["credit-pd"]),
    ],
)
def test_the_list_is_filtered_and_searched(filters, found):
    one = factories.model()
    factories.model("var", of=factories.unit("markets"), title="Value at risk", purpose="Market risk.",
                    kind="regressor", domain="market", vendor=True)  # fmt: skip
    for tier in (2, 1):
        assign_tier(by=factories.head(), model=one, tier=tier, rationale="by exposure")
    assert keys(factories.validator(), filters) == found


@pytest.mark.parametrize(
    "filters", [{"tier": "9"}, {"tier": "x"}, {"vendor": "perhaps"}, {"colour": "red"}, {"q": "a\0b"}]
)
def test_a_filter_that_means_nothing_is_refused(filters):
    with pytest.raises(Invalid):
        model_page(factories.validator(), filters)


def test_a_page_takes_as_many_queries_however_many_models(django_assert_num_queries):
    many(PAGE + 1)
    person = factories.validator()
    for filters, number in (({}, 2), ({"kind": "scorecard"}, 3)):
        with django_assert_num_queries(number):
            page = model_page(person, filters)
            assert [(m.unit.key, m.owner.username, current_tier(m), m.newest_label) for m in page.rows]


def test_a_list_says_the_same_as_the_record():
    version = factories.version()
    assign_tier(by=factories.head(), model=version.model, tier=2, rationale="by exposure")
    row = find_model(factories.validator(), "credit-pd")
    (listed,) = model_page(factories.validator()).rows
    assert rendering.model(listed) == rendering.model(row)
    assert (str(listed), str(listed.owner), listed.newest_label) == (str(row), str(row.owner), version.label)


def test_a_page_is_as_long_as_asked_for():
    many(PAGE + 3)
    assert len(model_page(factories.validator(), size=LONGEST_PAGE).rows) == PAGE + 3
    page = model_page(factories.validator(), size=2)
    assert [m.key for m in page.rows] == ["model-00000", "model-00001"]
    assert keys(factories.validator(), {}, page.next)[0] == "model-00002"
    with pytest.raises(Invalid, match="1 to 1000, not 0"):
        model_page(factories.validator(), size=0)


def test_a_list_shows_what_a_unit_and_a_single_model_let_through():
    markets = factories.unit("markets")
    for key, unit in (("a", markets), ("b", factories.unit()), ("c", factories.unit()), ("d", markets)):
        factories.model(key, of=unit)
    reader = factories.person("reader", "auditor", scope="unit", key="markets")
    assert keys(reader) == ["a", "d"]
    factories.grant(reader, "validator", scope="model", key="c")
    assert keys(reader) == keys(reader, {"kind": "classifier"}) == ["a", "c", "d"]
    assert keys(reader, {}, make_cursor("a")) == ["c", "d"]
    assert [unit.key for unit in filter_choices(model_page(reader).within)["units"]] == ["markets", "retail"]
    assert keys(factories.person("nobody")) == []


@pytest.mark.slow
def test_ten_thousand_models_are_searched_through_an_index(as_role):
    many(10_000)
    with as_role("owner"), connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('model_searched')")
        cursor.execute("ANALYZE inventory_registeredmodel")
    rows = RegisteredModel.objects.filter(searched__contains="scorecard 7771").order_by()
    assert "model_searched" in rows.explain()
    assert len(keys(factories.validator(), {"q": "mortgages"})) == PAGE


def test_nobody_learns_of_what_they_may_not_see():
    version = factories.version()
    stranger = factories.person("stranger", "auditor", scope="unit", key=factories.unit("markets").key)
    for ask in (
        lambda: find_model(stranger, "credit-pd"),
        lambda: find_version(stranger, "credit-pd", "1"),
        lambda: find_version_by_digest(stranger, version.digest),
        lambda: find_model(stranger, "credit-pd\0"),
        lambda: find_model(stranger, "nothing"),
    ):
        with pytest.raises(NotFound, match="There is no"):
            ask()
    assert keys(stranger) == []
    assert filter_choices(model_page(stranger).within)["units"] == []
    assert not has_blob(stranger, version.datasets.get().digest)
    assert has_blob(factories.validator(), version.datasets.get().digest)
    assert find_version(factories.validator(), "credit-pd", "1") == version


def test_a_use_is_found_by_name_or_where_there_is_only_one():
    version = factories.version()
    use = find_use(version.model)
    assert use == find_use(version.model, "credit_decision")
    with pytest.raises(NotFound, match="its uses are: credit_decision"):
        find_use(version.model, "pricing")
    retire_use(by=factories.owner(), use=use, reason="replaced")
    with pytest.raises(Invalid, match="name the use"):
        find_use(version.model)


def test_policies_are_asked_with_what_the_inventory_knows():
    version = factories.version(annotations={"autonomy": "advisory"})
    fields = subject_fields(version, version.model.uses.get())
    assert fields["model.key"] == "credit-pd"
    assert (fields["model.regimes"], fields["model.autonomy"]) == (list(known()), "advisory")
    assert fields["model.jurisdictions"] == ["US"]
    assert fields["model.use"] == "credit_decision"
    assert fields["model.tier"] is fields["model.exposure_eur"] is None
    assert fields["model.artifact_format"] == "none"


def test_a_version_stands_as_of_any_time():
    version = factories.version()
    born = ModelVersion.objects.get().registered_at
    assert standing(version, born - timedelta(seconds=1)) == "unknown"
    assert standing(version, born) == "development"
    use = retire_use(by=factories.owner(), use=version.model.uses.get(), reason="replaced")
    assert standing(version, use.retired_at) == "retired"
    assert standing(version, use.retired_at - timedelta(microseconds=1)) == "development"
