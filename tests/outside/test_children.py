"""A model that is a service, from start to end: what goes out, what comes in, what is written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.outside.children import Done, Outside, done_in_child
from apps.outside.permits import Permits
from tests.engine.subjects import ROLES, write_subject
from tests.outside.scorer import Running, logistic

N = 300
TABLE = {
    "a": [i / 50 - 3 for i in range(N)],
    "b": [(i * 7 % 13) / 13 for i in range(N)],
    "defaulted": [int(i % 3 == 0 or i > 200) for i in range(N)],
    "sex": ["F", "M"] * (N // 2),
}
Asked = Callable[..., Done]


@pytest.fixture
def asked(tmp_path: Path, scorer: Running) -> Asked:
    """Measures one check of a model that the service scores."""

    def run(path: str = "/ok", check: str = "performance.auc", **given: Any) -> Done:
        recorded, secrets = given.pop("recorded", None), given.pop("secrets", None)
        features = given.pop("features", ["a", "b"])
        allowed = given.pop("allowed", [scorer.allowed])
        arguments = given.pop("arguments", {})
        write_subject(
            tmp_path,
            {"holdout": TABLE},
            roles={**ROLES, "score": None, "decision": {"threshold": 0.5}},
            features=features,
            endpoint={"url": scorer.url(path), "batch": 100, "timeout_s": 10, **given},
        )
        outside = Outside(Permits.of(allowed, secrets), recorded=recorded)
        task = {"do": "measure", "manifest": str(tmp_path), "check": check, "arguments": arguments}
        return done_in_child(task, outside=outside)

    return run


def value(done: Done) -> float:
    assert done.answer["status"] == "done", done.answer
    assert done.answer["result"]["status"] == "measured", done.answer
    return float(done.answer["result"]["value"])


def reason(done: Done) -> str:
    assert done.answer["status"] == "error", done.answer
    return str(done.answer["reason"])


def test_scores_are_asked_in_batches_and_only_features_go_out(asked: Asked, scorer: Running) -> None:
    assert 0 < value(asked()) < 1
    bodies = [json.loads(body) for _, _, body in scorer.seen]
    assert [len(body["rows"]) for body in bodies] == [100, 100, 100, 100, 100]  # the first one twice
    assert {tuple(body["features"]) for body in bodies} == {("a", "b")}
    assert bodies[2]["rows"][:2] == [[TABLE["a"][0], TABLE["b"][0]], [TABLE["a"][1], TABLE["b"][1]]]
    assert not any("Authorization" in headers for _, headers, _ in scorer.seen)


@pytest.mark.slow
def test_arrow_gives_the_number_that_json_gives(asked: Asked) -> None:
    assert value(asked("/arrow", format="arrow")) == value(asked("/ok"))


def test_text_goes_out_as_text(asked: Asked, scorer: Running) -> None:
    value(asked(features=["a", "sex"]))
    assert json.loads(scorer.seen[0][2])["rows"][0] == [TABLE["a"][0], "F"]


@pytest.mark.slow
def test_a_service_is_explained_like_any_other_model(asked: Asked) -> None:
    found = asked(check="explainability.global_importance", arguments={"rows": 20, "background_rows": 10})
    rows = found.answer["result"]["tables"]["attributions"]
    assert {row["feature"] for row in rows} == {"a", "b"}


def test_what_was_asked_and_answered_is_written_down(asked: Asked) -> None:
    done = asked()
    assert done.transcript is not None
    told = done.transcript.summary()
    assert told["exchanges"] == 5
    assert told["asked_twice"] == {"rows": 100, "largest_difference": 0.0}
    assert told["model"] == "pd 7"
    assert told["transcript"].startswith("sha256:")


def test_recorded_answers_stand_in_for_the_service(asked: Asked, scorer: Running) -> None:
    first = asked()
    assert first.transcript is not None
    scorer.seen.clear()
    again = asked(recorded=first.transcript.written(), allowed=[])
    assert again.answer["result"] == first.answer["result"]
    assert not scorer.seen
    first.transcript.keep = False
    with pytest.raises(Exception, match="answers were not kept"):
        asked(recorded=first.transcript.written())
    other = asked(recorded=done_with(first), features=["b", "a"])
    assert "holds no answer to these rows" in reason(other)


def done_with(done: Done) -> bytes:
    assert done.transcript is not None
    done.transcript.keep = True
    return done.transcript.written()


def test_a_secret_is_sent_and_nowhere_written(asked: Asked, scorer: Running, tmp_path: Path) -> None:
    folder = tmp_path / "secrets" / "127.0.0.1"
    folder.mkdir(parents=True)
    (folder / "pd").write_text("Zq-9-token")
    done = asked(secret="pd", secrets=tmp_path / "secrets")
    assert scorer.seen[0][1]["Authorization"] == "Bearer Zq-9-token"
    assert done.transcript is not None
    assert b"Zq-9" not in done.transcript.written() + json.dumps(done.answer).encode()


def test_a_busy_service_is_asked_again(asked: Asked) -> None:
    done = asked("/busy", batch=300)
    assert value(done) > 0
    assert done.transcript is not None
    assert done.transcript.retries > 0


def test_whose_scores_a_number_rests_on_is_said(asked: Asked) -> None:
    assert asked().answer["result"]["provenance"] == "asked"
    assert asked(check="data.duplicates").answer["result"]["provenance"] == "governed"


BAD = {
    "/moved": "answered 307, which would lead elsewhere and is not followed",
    "/broken": "answered 500; 200 was expected",
    "/drift": "differ by up to 0.001; spec.endpoint.varies allows 0",
    "/other": 'said it is "pd 2" after "pd 1"',
    "/short": "gave 1 scores for 100 rows",
    "/nan": "answered NaN, which is no number of JSON",
    "/huge": "gave no finite score for row 1 of 100",
    "/text": "gave something that is no number for row 1",
    "/words": "answered something that is no JSON",
    "/flood": "answered more than the 71,936 bytes",
    "/gone": "answered 503",
}


@pytest.mark.parametrize("path", BAD)
def test_what_else_comes_is_no_number_and_says_why(asked: Asked, path: str) -> None:
    done = asked(path)
    assert BAD[path] in reason(done)
    assert done.answer["kind"] == ("unavailable" if path == "/gone" else "bad_input")
    assert "inner words" not in reason(done)


def test_difference_within_what_the_manifest_allows_is_measured_and_told(asked: Asked) -> None:
    done = asked("/drift", varies=0.01)
    assert value(done) > 0
    assert done.transcript is not None
    assert done.transcript.notes["asked_twice"]["largest_difference"] == pytest.approx(0.001)


def test_without_a_permit_nothing_is_asked(asked: Asked, scorer: Running) -> None:
    with pytest.raises(Exception, match="may not be asked"):
        asked(allowed=[])
    assert not scorer.seen


def test_the_score_of_the_example_is_what_it_says() -> None:
    assert logistic([0, "text", None]) == 0.5
