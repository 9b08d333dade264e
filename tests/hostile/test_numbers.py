"""Every check on every table that an outsider may hand in: a finite number, or one sentence, or a refusal."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import average_precision_score, roc_auc_score

from apps.engine.errors import Problem
from apps.engine.measure import measure
from apps.engine.subject import Subject, load
from tests.cli.conftest import Program
from tests.engine.laws.specimens import ARGUMENTS, CHECKS, TIMED
from tests.hostile.tables import Hostile, csv, everything, spoilt, weighed, written

ALL = everything()
QUICK = [
    "no rows", "one row", "score inf", "score huge", "score subnormal", "integers of 5,000 digits",
    "mixed groups", "weights huge", "a weight NaN", "quoted", "ragged", "Parquet: list score",
    "Parquet: broken text in binary", "a reference without the columns", "a name with markup",
]  # fmt: skip
MEASURABLE = [check for check in CHECKS if check not in TIMED]


def answer(check: str, subject: Subject) -> dict[str, Any] | str:
    """What a check says, or the sentence with which it refuses the data."""
    try:
        return measure(check, subject, arguments=ARGUMENTS.get(check)).as_json()
    except Problem as refused:
        return str(refused)


def answers(subject: Subject) -> dict[str, dict[str, Any] | str]:
    return {check: answer(check, subject) for check in MEASURABLE}


def sentence(words: str) -> bool:
    """One that fits on a screen and says nothing to the terminal."""
    return len(words) < 2500 and words.isprintable() and words.rstrip().endswith((".", "?"))


def sound(check: str, found: dict[str, Any]) -> None:
    """A number that is one, or none and why."""
    json.dumps(found, allow_nan=False)
    if found["status"] == "measured":
        assert found["value"] is not None, check
        assert math.isfinite(found["value"]), check
    else:
        assert (found["value"], found["exact"]) == (None, None), check
        assert found["notes"], check


def loaded(manifest: Path) -> Subject | str:
    try:
        return load(manifest)
    except Problem as refused:
        return str(refused)


def swept(folder: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        subject = loaded(written(folder, ALL[name]))
        found = {"": subject} if isinstance(subject, str) else answers(subject)
    for check, said in found.items():
        if isinstance(said, str):
            assert sentence(said), (check, said[:300])
        else:
            sound(check, said)


@pytest.mark.parametrize("name", QUICK)
def test_a_table_is_measured_or_told(tmp_path: Path, name: str) -> None:
    swept(tmp_path, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(ALL) - set(QUICK)))
def test_every_table_is_measured_or_told(tmp_path: Path, name: str) -> None:
    swept(tmp_path, name)


SAME = [
    "byte order mark", "CRLF", "no line end", "blank lines", "label yes", "label TRUE",
    "label true told as 1", "label 1.0", "label 1 and 2", "label -1 and 1", "label 01",
    "Parquet: bool label", "Parquet: decimal score", "Parquet: large_string score",
    "Parquet: string_view group", "Parquet: dictionary",
]  # fmt: skip


def numbers(folder: Path, given: Hostile) -> dict[str, tuple[Any, ...]]:
    """Status, value and interval of each check that looks at roles and not at the raw columns."""
    folder.mkdir()
    found = answers(load(written(folder, given)))
    return {
        check: () if isinstance(one, str) else (one["status"], one["value"], one["interval"])
        for check, one in found.items()
        if not check.startswith(("data.", "security."))
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    return numbers(tmp_path_factory.mktemp("plain") / "here", Hostile(csv()))


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME)
def test_another_coding_of_the_same_table_gives_the_same_bytes(
    tmp_path: Path, plain: dict[str, tuple[Any, ...]], name: str
) -> None:
    assert numbers(tmp_path / "here", ALL[name]) == plain


@pytest.mark.slow
@pytest.mark.parametrize("weight", [1e308, 5e-324, 0.5])
def test_equal_weights_of_any_size_weigh_alike(tmp_path: Path, weight: float) -> None:
    one = numbers(tmp_path / "one", weighed(1.0))
    other = numbers(tmp_path / "other", weighed(*[weight] * 240))
    for check, expected in one.items():
        assert other[check][:1] == expected[:1], check
        if expected and expected[1] is not None:
            assert other[check][1] == pytest.approx(expected[1], rel=1e-9), check


UGLY = ["scores of two values", "scores are log odds", "score huge", "score subnormal", "score minus zero"]


@pytest.mark.slow
@pytest.mark.parametrize("name", UGLY)
def test_ugly_scores_give_the_numbers_of_other_libraries(tmp_path: Path, name: str) -> None:
    subject = load(written(tmp_path, ALL[name]))
    score, label = subject.datasets["holdout"].score, subject.datasets["holdout"].label

    def value(check: str) -> float | None:
        return measure(check, subject).measured.value

    if len(np.unique(score)) == 1:
        assert value("performance.auc") is None
        return
    apart = ks_2samp(score[label], score[~label]).statistic
    precision = average_precision_score(label, score)
    assert value("performance.auc") == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert value("performance.ks") == pytest.approx(apart, abs=1e-12)
    assert value("performance.average_precision") == pytest.approx(precision, abs=1e-12)


GATE = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: lenient, version: 1.0.0, title: Lenient}
effective: {from: 2026-01-01}
gates:
  - {id: a, title: A, check: performance.auc, pass: {min: 0.01}}
  - {id: b, title: B, check: fairness.selection_rate_ratio, pass: {min: 0.01}, with: {min_group_size: 1}}
  - {id: c, title: C, check: stability.psi, pass: {max: 900}, with: {floor: 0.0001}}
  - {id: d, title: D, check: performance.rmse, pass: {max: 900}}
"""
EXIT = {"pass": 0, "fail": 1, "insufficient": 3}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["no rows", "one row", "one class", "score NaN", "score inf", "score empty", "weights of zero",
             "decision of others", "a reference of no rows", "a reference with missing scores", "ragged",
             "Parquet: null score", "Parquet without row groups", "groups of markup", "score huge"]
)  # fmt: skip
def test_what_cannot_be_measured_never_passes(tmp_path: Path, program: Program, name: str) -> None:
    manifest = written(tmp_path, ALL[name])
    (tmp_path / "p.yaml").write_text(GATE)
    words = ("evaluate", str(manifest), "--policy", str(tmp_path / "p.yaml"), "--format", "json")
    code, out, err = program(*words)
    if code == 4:
        assert (out, err.count("\n")) == ("", 1)
        return
    found = json.loads(out)
    assert EXIT[found["outcome"]] == code
    for gate in found["gates"]:
        if gate["outcome"] == "pass":
            assert math.isfinite(gate["measurement"]["value"])
    assert (code == 0) == all(gate["outcome"] == "pass" for gate in found["gates"])


@pytest.mark.parametrize("text", ["\x1b[2J", "a\x9bb", "\u202egnp"])
def test_what_the_terminal_shows_of_a_group_is_printable(tmp_path: Path, program: Program, text: str) -> None:
    manifest = written(tmp_path, Hostile(csv(spoilt("sex", *[text] * 60))))
    code, out, _ = program("measure", str(manifest), "--check", "fairness.group_rates")
    assert code == 0
    assert all(line.isprintable() for line in out.split("\n")), repr(out)


def test_a_refusal_names_no_hundred_thousand_letters(tmp_path: Path, program: Program) -> None:
    manifest = written(tmp_path, Hostile(csv(lambda t: {"x" * 100_000: t["score"], "\x1b[2J": t["score"]})))
    code, _, err = program("measure", str(manifest), "--check", "performance.auc")
    assert code == 4
    assert err.rstrip("\n").isprintable()
    assert len(err) < 2500
