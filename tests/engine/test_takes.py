"""Every check declares what it takes of a machine."""

from __future__ import annotations

import pytest

from apps.cli.catalogue import document, explained
from apps.engine.catalogue import all_checks, find
from apps.engine.catalogue.takes import PROCESS, Takes

READS_NOTHING = {"declared", "artifact", "artifact?", "features", "protected?"}


@pytest.mark.parametrize("check", all_checks().values(), ids=lambda check: check.id)
def test_every_check_declares_what_it_takes(check) -> None:
    takes = check.takes
    assert isinstance(takes, Takes)
    assert takes.memory(0, 0) == PROCESS
    grows = takes.memory(1000, 10) > PROCESS
    assert grows is bool(set(check.needs) - READS_NOTHING)


def test_what_looks_at_features_grows_with_them_and_explanations_like_a_gpu() -> None:
    by_cell = {check.id for check in all_checks().values() if check.takes.cell}
    assert {"data.outliers", "fairness.consistency", "stability.csi", "robustness.weak_segments"} <= by_cell
    assert not {"performance.auc", "fairness.selection_rate_ratio", "security.sbom"} & by_cell
    gpu = {check.id for check in all_checks().values() if check.takes.gpu == "optional"}
    assert gpu == {
        check.id
        for check in all_checks().values()
        if check.family == "explainability"
        and check.id.rpartition(".")[2] not in ("surrogate_fidelity", "partial_dependence")
    }


def test_the_catalogue_tells_it() -> None:
    check = find("explainability.global_importance")
    assert document(check)["takes"] == {"cores": "all", "row": 0, "cell": check.takes.cell, "gpu": "optional"}
    assert "a GPU where there is one" in explained(check)
