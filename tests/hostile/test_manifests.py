"""Manifests that are broken, lie about their files, or name what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.hostile.conftest import Refused

MANIFEST = """\
apiVersion: governance/v1
kind: ModelVersion
metadata: {model: credit-pd, version: "3", title: Probability of default, consumer loans}
spec:
  kind: classifier
  datasets:
    holdout:
      path: holdout.csv
      label: {column: defaulted, positive: 1}
      favourable: 0
      score: {column: score}
      decision: {threshold: 0.5}
      protected: [sex]
"""
RATIO = ("measure", "model.yaml", "--check", "fairness.selection_rate_ratio", "--with", "min_group_size=1")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  kind: cl", "  kynd: cl", 'line 5, column 3: spec has no field "kynd". Did you mean "kind"?'),
        ("classifier", "clasifier", 'Did you mean "classifier"?'),
        ("title:", "titel:", '"consumer loans" has no value'),
        ("      path", "      path: x\n      path", 'line 9, column 7: the key "path"'),
        ("holdout:", "hold:", 'no data set "holdout"; it has hold'),
        ("holdout.csv", "absent.csv", "absent.csv) does not exist"),
        ("holdout.csv", ".", "(.)"),
        ("holdout.csv", "s3://bucket/h.csv", "only files are opened"),
        ("holdout.csv", "file://elsewhere/h.csv", "only files are opened"),
        ("holdout.csv", '"a\\0b"', "is not allowed"),
        ("holdout.csv", f"holdout.csv\n      sha256: {'0' * 64}", "is not the file that the manifest names"),
        ("holdout.csv", "holdout.csv\n      sha256: abc", "64 hexadecimal digits"),
        ("column: score", "column: scores", 'Did you mean "score"?'),
        ("[sex]", "[sx]", 'Did you mean "sex"?'),
        ("[sex]", "sex", "must be a list of texts"),
        ("[sex]", "[sex, sex]", 'names "sex" twice'),
        ("positive: 1", "positive: 7", 'never holds "7", the value of label.positive'),
        ("favourable: 0", "favourable: 2", 'never holds "2", the value of favourable'),
        ("favourable: 0", "favourable: [0]", "must be one value"),
        ("0.5", ".nan", 'a number, not ".nan"'),
        ("0.5", "9" * 400, "400 digits"),
        ("0.5", "1e999", "at most 1e+15"),
        ("{threshold: 0.5}", "{threshold: 0.5, column: approved}", "or a threshold alone"),
        ("{threshold: 0.5}", "{column: approved, favourable: maybe}", 'never holds "maybe"'),
        ("model: credit-pd", "model: " + "x" * 100_000, "1 to 100 letters"),
        ("model: credit-pd", "model: ../../etc", "1 to 100 letters"),
        ("model: credit-pd", 'model: "a\u202eb"', "U+202E"),
        ("  kind: cl", "  artifact: {path: m, format: onxx}\n  kind: cl", 'Did you mean "onnx"?'),
        ("  kind: cl", "  artifact: {path: m, format: none}\n  kind: cl", "needs no path"),
        ("  kind: cl", "  artifact: {format: onnx}\n  kind: cl", "needs the field path"),
        ("  kind: cl", "  artifact: {path: /etc/passwd, format: onnx}\n  kind: cl", "passwd is text"),
        ("apiVersion", "\ufeffapiVersion", "a byte order mark"),
        ("spec:", "spec:\n  a: &x [1]", 'the anchor "&x"'),
    ],
)  # fmt: skip
def test_a_broken_manifest_is_refused_with_its_cause(
    here: Path, refused: Refused, old: str, new: str, words: str
) -> None:
    Path("model.yaml").write_text(MANIFEST.replace(old, new, 1))
    assert words in refused(*RATIO)


@pytest.mark.parametrize(
    "decision",
    [
        "{threshold: 0.5}",
        '{column: approved, favourable: "yes"}',
        "{column: approved, favourable: yes}",
        '{column: approved, positive: "no"}',
    ],
)
def test_a_decision_is_read_in_every_form_of_the_interface(
    here: Path, program: Program, decision: str
) -> None:
    Path("model.yaml").write_text(MANIFEST.replace("{threshold: 0.5}", decision))
    code, out, _ = program(*RATIO, "--format", "json")
    assert code == 0
    assert '"value": 0.6666666666666666,' in out


@pytest.mark.parametrize("name", ["absent.yaml", "a\0b", "x" * 5000, "model.yaml/x"])
def test_a_manifest_that_is_no_file_is_named(here: Path, refused: Refused, name: str) -> None:
    assert refused("measure", name, "--check", "performance.auc")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--with", "confidence"), "takes key=value"),
        (("--with", "=1"), "takes key=value"),
        (("--with", "confidence=0.9", "--with", "confidence=0.9"), "twice"),
        (("--with", "confidence=[")  , "is not a YAML value"),
        (("--with", "confidence=.nan"), "a number from"),
        (("--with", "confidance=1"), 'Did you mean "confidence"?'),
        (("--with", "attributes=[[sex, sex]]"), "attributes"),
        (("--with", "attributes=[colour]"), '"colour"'),
        (("--dataset", "nope"), 'no data set "nope"'),
        (("--out", "absent/x.txt"), "cannot be written"),
        (("--out", "."), "cannot be written"),
    ],
)  # fmt: skip
def test_broken_words_of_the_command_line_are_named(
    here: Path, refused: Refused, words: tuple[str, ...], said: str
) -> None:
    assert said in refused(*RATIO, *words)
    assert sorted(p.name for p in here.iterdir()) == ["holdout.csv", "model.yaml"]


def test_a_lone_attribute_needs_no_brackets(here: Path, program: Program) -> None:
    with_list = program(*RATIO, "--with", "attributes=[sex]", "--format", "json")
    assert with_list[0] == 0
    assert program(*RATIO, "--with", "attributes=sex", "--format", "json") == with_list
