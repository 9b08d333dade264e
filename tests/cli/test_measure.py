from __future__ import annotations

import json
from pathlib import Path

import pytest

from apps.engine.resources import driver
from tests.cli.conftest import Program

MEASURE = ("measure", "model.yaml", "--check")


def test_json_is_the_measurement_of_the_interface(folder: Path, program: Program) -> None:
    code, out, err = program(*MEASURE, "security.artifact_scan", "--format", "json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert (found["check"], found["status"], found["provenance"], found["value"]) == (
        "security.artifact_scan", "measured", "governed", 0.0,
    )  # fmt: skip
    assert set(found) >= {
        "interval",
        "confidence",
        "method",
        "n",
        "seed",
        "parameters",
        "groups",
        "tables",
        "notes",
    }


def test_without_a_number_the_exit_code_says_so(folder: Path, program: Program) -> None:
    code, out, _ = program(*MEASURE, "security.sbom")
    assert code == 3
    assert "INSUFFICIENT" in out


def test_arguments_are_yaml(folder: Path, program: Program) -> None:
    words = ("--with", "draws=100", "--with", "method=tree_path", "--format", "json")
    found = json.loads(program(*MEASURE, "explainability.global_importance", *words)[1])
    assert found["parameters"]["draws"] == 100
    assert found["parameters"]["method"] == "tree_path"
    assert found["parameters"]["dataset"] == "holdout"


def test_text_shows_the_number_the_tables_and_the_parameters(folder: Path, program: Program) -> None:
    out = program(*MEASURE, "explainability.global_importance", "--with", "draws=100")[1]
    assert out.startswith("explainability.global_importance  ")
    assert "income" in out
    assert "draws=100" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--with", "drawz=20"], 'no argument "drawz". Did you mean "draws"?'),
        (["--with", "draws=x"], "draws must be an integer"),
        (["--with", "draws=2.5"], "draws must be an integer"),
        (["--with", "draws=-1"], "draws must be an integer from 100 to"),
        (["--with", "method=magic"], "method must be one of auto"),
        (["--with", "draws"], '--with takes key=value, not "draws".'),
        (["--with", "draws=1", "--with", "draws=2"], "--with gives draws twice."),
        (["--with", "draws=[1"], '--with draws: "[1" is not a YAML value.'),
        (["--dataset", "test"], 'no data set "test"; it has holdout.'),
    ],
)
def test_wrong_arguments_are_named(folder: Path, program: Program, words: list[str], sentence: str) -> None:
    code, out, err = program(*MEASURE, "explainability.global_importance", *words)
    assert (code, out) == (4, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_an_unknown_check_names_the_nearest(folder: Path, program: Program) -> None:
    code, _, err = program(*MEASURE, "security.artefact_scan")
    assert code == 4
    assert 'Did you mean "security.artifact_scan"?' in err


def test_a_damaged_artifact_is_one_sentence(folder: Path, program: Program) -> None:
    (folder / "m.json").write_bytes((folder / "m.json").read_bytes()[:-300])
    code, out, err = program(*MEASURE, "explainability.additivity")
    assert (code, out) == (4, "")
    assert err.startswith("countersign: m.json ")
    assert "Traceback" not in err


def test_out_writes_a_whole_file_or_none(folder: Path, program: Program) -> None:
    code, out, _ = program(*MEASURE, "security.digest", "--format", "json", "--out", "answer.json")
    assert (code, out) == (0, "")
    assert json.loads((folder / "answer.json").read_text())["check"] == "security.digest"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_out_that_cannot_be_written_is_named(folder: Path, program: Program) -> None:
    code, _, err = program(*MEASURE, "security.digest", "--out", "no/such/folder.json")
    assert code == 4
    assert "no/such/folder.json cannot be written: No such file or directory." in err


def test_two_runs_give_the_same_bytes(folder: Path, program: Program) -> None:
    words = (*MEASURE, "explainability.global_importance", "--with", "draws=100", "--format", "json")
    assert program(*words)[1] == program(*words)[1]


@pytest.mark.skipif(driver(), reason="a GPU is there")
@pytest.mark.parametrize(
    "words", [(*MEASURE, "security.artifact_scan"), ("evaluate", "model.yaml", "--policy", "pass.yaml")]
)
def test_a_gpu_that_is_not_there_is_said_and_nothing_measured(
    folder: Path, program: Program, words: tuple[str, ...]
) -> None:
    code, out, err = program(*words, "--device", "cuda")
    assert (code, out) == (4, "")
    assert "No GPU can be used: this machine has no NVIDIA driver." in err


def test_the_device_leaves_no_trace_in_the_measurement(folder: Path, program: Program) -> None:
    check = (*MEASURE, "explainability.additivity", "--format", "json")
    assert program(*check, "--device", "cpu")[1] == program(*check)[1]


def test_what_the_manifest_lacks_is_insufficient_with_its_sentence(folder: Path, program: Program) -> None:
    code, out, err = program(*MEASURE, "stability.psi")
    assert (code, err) == (3, "")
    assert 'the reference data set "development", which the manifest lacks' in " ".join(out.split())
    code, _, err = program(*MEASURE, "performance.auc", "--dataset", "holdot")
    assert (code, err) == (4, 'countersign: The manifest has no data set "holdot"; it has holdout.\n')


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            "bins=wide",
            "psi: bins must be one of quantile, width, unique, edges, or a list of ascending numbers",
        ),
        ("bins=[0.5, 0.2]", "or a list of ascending numbers, not [0.5, 0.2]."),
        ("bins_wanted=1", "bins_wanted must be an integer from 2 to 10000, not 1."),
        ("floor=0", "floor must be a number from 1e-06 to 0.5, not 0."),
        ("confidence=.inf", "confidence must be a number from 0.5 to 0.9999"),
        ("edges=0.5", "edges must be a list of numbers, not 0.5."),
        ("bin=5", 'stability.psi has no argument "bin". Did you mean "bins"?'),
    ],
)
def test_arguments_are_refused_before_anything_is_read(
    folder: Path, program: Program, given: str, sentence: str
) -> None:
    code, out, err = program(*MEASURE, "stability.psi", "--with", given)
    assert (code, out) == (4, "")
    assert sentence in err
