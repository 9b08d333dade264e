from __future__ import annotations

import pytest

from apps.audit.commands import seal
from apps.audit.events import EventName
from apps.audit.states import system
from apps.engine.statement import Subject, digest
from apps.reports.packs_transcripts import transcripts
from tests import factories

pytestmark = pytest.mark.usefixtures("small_bank")
ASKED = b'{"asked":[[1,2]],"answered":[0.25]}\n'


def evidence(**endpoint: str) -> str:
    return seal(
        by=system("worker"),
        predicate_type="https://countersign.dev/evidence/v1",
        subjects=[Subject("credit-pd@1", digest(b"version"))],
        predicate={"gate": "performance.auc", "endpoint": endpoint},
        event=EventName.EVIDENCE_SEALED,
    ).digest


def test_each_transcript_that_is_kept_is_brought_once():
    kept = factories.blob(ASKED).digest
    named = [evidence(transcript=kept), evidence(transcript=kept, host="a"), evidence(host="b")]
    gone = evidence(transcript="sha256:" + "0" * 64)
    found = {path: b"".join(parts) for path, parts in transcripts([*named, gone])}
    assert found == {f"transcripts/{kept.removeprefix('sha256:')}": ASKED}
