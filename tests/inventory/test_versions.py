from __future__ import annotations

import json

import pytest
from django.db import DatabaseError, connection, transaction

from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from apps.engine.subject import load
from apps.inventory import store
from apps.inventory.commands import note_contribution, register_version, retire_use
from apps.inventory.layout import lay_out
from apps.inventory.models import Contribution, ModelVersion, RegisteredModel, Use
from tests import factories

pytestmark = pytest.mark.django_db


def registered(manifest=None, *, by=None, data=None, digests=None, **spec) -> ModelVersion:
    """A registration of bytes that the person has just uploaded."""
    who = by or factories.developer()
    factories.unit()
    blob = factories.blob(factories.table() if data is None else data, by=factories.developer())
    declared = manifest or factories.manifest(**spec)
    return register_version(
        by=who, manifest=declared, blobs=digests or {"datasets": {"holdout": blob.digest}}
    )


def counted(action: str) -> int:
    return Event.objects.filter(action=action).count()


def test_a_version_is_registered_with_its_model_use_and_data_one_event_each():
    version = registered()
    assert str(version) == "credit-pd@1"
    assert version.model.unit.key == "retail"
    assert version.model.owner == factories.developer()
    assert [u.key for u in version.model.uses.all()] == ["credit_decision"]
    assert [(d.name, d.rows, d.filename) for d in version.datasets.all()] == [("holdout", 200, "holdout.csv")]
    actions = ("model.registered", "use.added", "version.registered", "dataset.registered")
    assert [counted(a) for a in actions] == [1, 1, 1, 1]


def test_the_digest_is_the_one_that_the_program_prints(tmp_path):
    version = registered()
    lay_out(version, tmp_path)
    subject = load(tmp_path)
    assert subject.digest == version.digest
    assert subject.dataset("holdout").digest == version.datasets.get().digest
    with store.open(version.manifest_digest) as file:
        assert json.loads(file.read())["metadata"]["version"] == "1"


def test_the_same_bytes_again_are_the_same_row_without_another_event():
    first = registered()
    before = Event.objects.count()
    elsewhere = factories.manifest(datasets={"holdout": factories.holdout(path="other/place.csv")})
    assert registered() == first
    assert registered(elsewhere) == first
    assert Event.objects.count() == before
    assert ModelVersion.objects.count() == 1


def test_other_bytes_under_a_label_are_refused_and_both_digests_named():
    first = registered()
    with pytest.raises(Refused) as refused:
        registered(data=factories.table(300))
    assert refused.value.code == "other_bytes"
    assert first.digest in str(refused.value)
    assert str(refused.value).count("sha256:") == 2
    assert ModelVersion.objects.get() == first


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"flavour": "sweet"}, 'spec has no field "flavour"'),
        ({"kind": "oracle"}, "spec.kind must be one of"),
        ({"datasets": {"holdout": factories.holdout(protected=["sexe"])}}, 'Did you mean "sex"'),
        (
            {"datasets": {"holdout": factories.holdout(label={"column": "bad", "positive": 1})}},
            'no column "bad"',
        ),
        (
            {"datasets": {"holdout": factories.holdout(sha256="0" * 64)}},
            "not the file that the manifest names",
        ),
        ({"features": ["income", "wealth"]}, '"wealth", its feature'),
        ({"unit": "nowhere"}, 'no business unit "nowhere"'),
        ({"exposure_eur": -1}, "no exposure"),
        ({"jurisdictions": ["Mars"]}, "no jurisdiction"),
        ({"purpose": "decide\u202e"}, "U+202E"),
        ({"vendor": "perhaps"}, '"vendor" of the manifest must be true or false'),
        ({"artifact": {"path": "m.onnx", "format": "onnx"}}, "m.onnx were not handed in"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(spec, sentence):
    with pytest.raises(Invalid) as refused:
        registered(**spec)
    assert sentence in str(refused.value)
    assert not RegisteredModel.objects.exists()
    assert not Use.objects.exists()
    assert counted("version.registered") == counted("model.registered") == 0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty file"),
        (b"PK\x03\x04 a spreadsheet", "zip archive"),
        (b"sex,pd\nM,0.1,7\n", "the header has 2 cells"),
        (b"PAR1 cut off", "damaged or cut-off Parquet"),
    ],
)
def test_data_that_cannot_be_read_is_refused_by_the_child(data, sentence):
    with pytest.raises(Invalid) as refused:
        registered(data=data)
    assert sentence in str(refused.value)
    assert not ModelVersion.objects.exists()


def test_an_artifact_that_is_none_is_refused():
    hostile = factories.blob(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    data = factories.blob(factories.table())
    manifest = factories.manifest(artifact={"path": "model.onnx", "format": "onnx"})
    factories.unit()
    blobs = {"artifact": hostile.digest, "datasets": {"holdout": data.digest}}
    with pytest.raises(Invalid, match="pickle"):
        register_version(by=factories.developer(), manifest=manifest, blobs=blobs)


@pytest.mark.parametrize(
    ("digests", "sentence"),
    [
        ({"datasets": {}}, "blobs.datasets.holdout is missing"),
        ({"datasets": {"holdout": "sha256:1"}}, "is no digest"),
        ({"datasets": []}, "blobs.datasets"),
        ({"datasets": {"other": "0" * 64}}, 'has "other", which the manifest lacks'),
        ({"artifact": "0" * 64, "datasets": {}}, "names no artifact"),
        ({"data": {}}, '"blobs" has "data"'),
    ],
)
def test_digests_that_do_not_fit_are_refused(digests, sentence):
    with pytest.raises(Invalid, match=sentence):
        registered(digests=digests)


def test_bytes_that_somebody_else_handed_in_cannot_be_claimed():
    theirs = factories.blob(b"sex,pd\nM,0.1\n", by=factories.person("other", "developer"))
    with pytest.raises(NotFound, match="were not uploaded by you"):
        registered(digests={"datasets": {"holdout": theirs.digest}})


def test_a_manifest_that_is_no_yaml_is_refused_with_its_line():
    with pytest.raises(Invalid, match="line 2"):
        registered(b"kind: ModelVersion\nkind: ModelVersion\n")


def test_a_kind_does_not_change_with_a_version():
    registered()
    with pytest.raises(Refused, match="registered as a classifier"):
        registered(factories.manifest(label="2", kind="scorecard"))


def test_who_may_not_register_is_refused_before_anything_is_looked_at():
    with pytest.raises(Forbidden, match="Only the role Model developer"):
        registered(by=factories.person("head", "head-of-model-risk"), unit="retail")


def test_a_pipeline_registers_versions_of_known_models_only():
    acting = factories.acting_through_token(factories.service(), "version.register", "model.see")
    with pytest.raises(Forbidden, match=r"does not carry model\.register|Only the role"):
        registered(by=acting)
    factories.model()
    blob = factories.blob(factories.table(), by=acting)
    version = registered(by=acting, digests={"datasets": {"holdout": blob.digest}})
    issuer = factories.person("token-admin")
    assert {c.person for c in version.contributions.all()} == {acting, issuer}
    event = Event.objects.get(action="version.registered")
    assert event.doc["on_behalf_of"]["id"] == str(issuer.pk)


def test_developers_named_in_the_manifest_built_it():
    factories.person("grace")
    factories.person("mary", email="mary@bank.example")
    version = registered(developers=["grace", "mary@bank.example", "somebody-unknown"])
    parts = {(c.person.username, c.part) for c in version.contributions.all()}
    assert parts == {("dev", "committer"), ("grace", "developer"), ("mary", "developer")}


def test_the_owner_is_the_person_that_the_manifest_names():
    assert registered(owner=factories.owner().username).model.owner == factories.owner()


def test_a_contribution_is_noted_once():
    version, person = registered(), factories.person("grace")
    notes = [
        note_contribution(by=factories.developer(), version=version, person=person, part="trainer")
        for _ in range(2)
    ]
    assert notes[0] == notes[1]
    assert counted("contribution.noted") == 1
    with pytest.raises(Invalid, match='"cook" is no part'):
        note_contribution(by=factories.developer(), version=version, person=person, part="cook")


def test_a_retired_use_takes_no_new_version():
    use = registered().model.uses.get()
    retire_use(by=factories.owner(), use=use, reason="replaced")
    with pytest.raises(Refused, match="was retired on"):
        registered(factories.manifest(label="2"))
    with pytest.raises(Refused, match="retired before"):
        retire_use(by=factories.owner(), use=use, reason="again")
    assert counted("use.retired") == 1


@pytest.mark.parametrize("table", ["modelversion", "dataset", "contribution", "tiering", "possession"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize("role", ["app", "owner"])
def test_facts_refuse_every_change(as_role, table, sql, role):
    version = registered()
    assert Contribution.objects.filter(version=version).exists()
    statement = sql.format(f"inventory_{table}")
    with as_role(role), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE inventory_registeredmodel SET key = 'other'",
        "DELETE FROM inventory_registeredmodel",
        "UPDATE inventory_blob SET size = 1",
        "UPDATE inventory_use SET key = 'other'",
    ],
)
def test_names_stay(as_role, sql):
    registered()
    with as_role("owner"), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
