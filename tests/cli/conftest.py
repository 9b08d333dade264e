"""A small real subject in the current folder, and the program called in process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xgboost

from apps.cli.main import main
from tests.engine.subjects import write_subject

Program = Callable[..., tuple[int, str, str]]

POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: tiny, version: 1.0.0, title: Tiny}
effective: {from: 2026-01-01, until: 2027-01-01}
gates:
  - {id: scan, title: No code, check: security.artifact_scan, pass: {max: 0}, severity: critical}
"""
FAILING = (
    POLICY
    + """\
  - id: top
    title: No feature dominates
    check: explainability.global_importance
    pass: {max: 0.001}
    with: {draws: 100}
"""
)
INSUFFICIENT = POLICY + "  - {id: sbom, title: Components, check: security.sbom, pass: {max: 0}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 2))
    label = (x[:, 0] > 0).astype(int)
    names = ["age", "income"]
    data = xgboost.DMatrix(x, label=label, feature_names=names)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 3)
    booster.save_model(tmp_path / "m.json")
    table = {
        "age": x[:, 0].tolist(),
        "income": x[:, 1].tolist(),
        "defaulted": label.tolist(),
        "sex": ["F", "M"] * 30,
    }
    write_subject(
        tmp_path,
        {"holdout": table},
        roles={"score": None, "decision": {"threshold": 0.5}},
        artifact={"path": "m.json", "format": "xgboost"},
    )
    for name, text in (("pass", POLICY), ("fail", FAILING), ("insufficient", INSUFFICIENT)):
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    """Exit code, standard output, standard error."""

    def call(*words: str) -> tuple[int, str, str]:
        try:
            code = main(words)
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        found = capsys.readouterr()
        return code, found.out, found.err

    return call
