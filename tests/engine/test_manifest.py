from __future__ import annotations

import pytest

from apps.engine.errors import BadInput
from apps.engine.manifest import Manifest, read_manifest

WHOLE = """\
apiVersion: governance/v1
kind: ModelVersion
metadata: {model: credit-pd, version: "3", title: Probability of default}
spec:
  use: credit_decision
  kind: classifier
  domain: credit
  jurisdictions: [US, EU]
  vendor: false
  owner: retail-credit-risk
  source: {repository: git+ssh://git.bank.example/credit-pd, commit: 9f2c}
  artifact: {path: model.onnx, format: onnx}
  features: [income, utilisation]
  datasets:
    holdout:
      path: holdout.parquet
      label: {column: defaulted, positive: 1}
      favourable: 0
      score: {column: pd}
      decision: {column: approved, favourable: "yes"}
      protected: [sex, race]
      weight: null
      period: as_of_month
    development: {path: train.parquet, decision: {threshold: 0.20}}
"""


def read(text: str) -> Manifest:
    return read_manifest(text.encode())


def test_the_whole_form_is_read() -> None:
    manifest = read(WHOLE)
    holdout = manifest.datasets["holdout"]
    assert (manifest.model, manifest.version, manifest.format) == ("credit-pd", "3", "onnx")
    assert manifest.features == ("income", "utilisation")
    assert (holdout.label, holdout.positive, holdout.favourable) == ("defaulted", 1, 0)
    assert holdout.decision is not None
    assert holdout.decision.favourable == "yes"
    assert manifest.datasets["development"].decision is not None
    assert manifest.datasets["development"].decision.threshold == 0.2
    assert manifest.spec["owner"] == "retail-credit-risk"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("features:", "feature:", 'line 13, column 3: spec has no field "feature". Did you mean "features"?'),
        (
            "protected:",
            "protcted:",
            'column 7: spec.datasets.holdout has no field "protcted". Did you mean "protected"?',
        ),
        (
            "positive: 1",
            "positve: 1",
            'spec.datasets.holdout.label has no field "positve". Did you mean "positive"?',
        ),
        ("governance/v1", "v2", 'line 1, column 13: apiVersion must be "governance/v1", not "v2".'),
        ("kind: classifier", "kind: clasifier", 'not "clasifier". Did you mean "classifier"?'),
        ("format: onnx", "format: pickle", "spec.artifact.format must be one of onnx, xgboost"),
        ("format: onnx", "format: none", 'An artifact of the format "none" needs no path.'),
        ("{path: model.onnx, format: onnx}", "{format: onnx}", 'of the format "onnx" needs the field path'),
        (
            "[income, utilisation]",
            "income",
            'line 13, column 13: spec.features must be a list of texts, not "income".',
        ),
        ("[income, utilisation]", "[a, 1]", "line 13, column 17: spec.features must hold texts, not 1."),
        ("[income, utilisation]", "[a, a]", 'spec.features names "a" twice.'),
        ("path: holdout.parquet", "title: x", 'spec.datasets.holdout needs the field "path".'),
        ("threshold: 0.20", 'threshold: "0.2"', 'decision.threshold must be a number, not "0.2".'),
        ("threshold: 0.20", "threshold: true", "decision.threshold must be a number, not true."),
        ("threshold: 0.20", "threshold: 0.2, column: a", "or a threshold alone."),
        ("model: credit-pd", "model: ../etc", "metadata.model must be 1 to 100 letters"),
        ("model: credit-pd", "model: null", 'metadata needs the field "model".'),
        ("favourable: 0", "favourable: [0]", "favourable must be one value, not a list."),
        ("favourable: 0", "sha256: abc", 'must be 64 hexadecimal digits, not "abc".'),
        ("kind: ModelVersion", "kind: Model", 'kind must be "ModelVersion", not "Model".'),
    ],
)
def test_refusals_name_the_place_and_the_nearest_right_name(old: str, new: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(WHOLE.replace(old, new, 1))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("model.yaml, line ")


@pytest.mark.parametrize("text", ["[]", "a", "1", "null"])
def test_a_document_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="The manifest must be a mapping"):
        read(text)


@pytest.mark.parametrize(
    "spec", ["", "spec: {}", "spec: {kind: classifier}", "spec: {kind: classifier, datasets: {}}"]
)
def test_a_spec_without_data_is_refused(spec: str) -> None:
    head = "apiVersion: governance/v1\nkind: ModelVersion\nmetadata: {model: a, version: 1}\n"
    with pytest.raises(BadInput, match="spec"):
        read(head + spec)


def test_inventory_fields_and_free_annotations_may_stand_there() -> None:
    text = WHOLE.replace("  vendor: false", "  tier: 1\n  exposure_eur: 5.5\n  annotations: {a: {b: [1]}}")
    assert read(text).spec["annotations"] == {"a": {"b": [1]}}
    assert read(text).spec["exposure_eur"] == 5.5


def test_a_manifest_without_artifact_takes_scores_from_a_column() -> None:
    manifest = read(WHOLE.replace("  artifact: {path: model.onnx, format: onnx}\n", ""))
    assert (manifest.format, manifest.artifact_path) == ("none", None)


def test_an_unknown_data_set_names_those_there_are() -> None:
    with pytest.raises(BadInput, match='no data set "test"; it has holdout, development'):
        read(WHOLE).dataset("test")
