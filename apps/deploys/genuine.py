"""Whether a stored answer is the one that was sealed: the row alone is believed by nobody.

Bytes that were found genuine once stay so; a process remembers the newest few thousand by their digest.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from apps.audit.errors import Refused
from apps.audit.trail import contents
from apps.deploys.states import Outcome
from apps.engine.errors import Problem
from apps.engine.statement import payload_of

CODE = "not_genuine"
_SENTENCE = "The stored answer is not the one that was signed; nothing is allowed by it. Ask again."
_MOST = 4096
_seen: OrderedDict[bytes, Outcome] = OrderedDict()


def sealed_outcome(answer: bytes, admission_id: UUID) -> Outcome:
    """The outcome that the answer's own statement names; refused where bytes, id and statement differ."""
    key = hashlib.sha256(answer).digest() + admission_id.bytes
    found = _seen.get(key)
    if found is None:
        found = _seen[key] = _read(answer, str(admission_id))
        if len(_seen) > _MOST:
            _seen.popitem(last=False)
    return found


def _read(answer: bytes, admission_id: str) -> Outcome:
    try:
        told = json.loads(answer)
        digest = f"sha256:{hashlib.sha256(payload_of(told['statement'])).hexdigest()}"
        statement = contents([digest])[digest]
        same = told["id"] == admission_id and told["statement_digest"] == digest
        if not same or not _says_the_same(told, statement["predicate"]):
            raise Refused(_SENTENCE, code=CODE)
        return Outcome(told["outcome"])
    except (Problem, ValueError, KeyError, TypeError) as problem:
        raise Refused(_SENTENCE, code=CODE) from problem


def _says_the_same(told: Mapping[str, Any], predicate: Mapping[str, Any]) -> bool:
    sealed, asked = predicate["countersign"], told["request"]
    place = f"countersign://models/{asked['model']}/versions/{asked['version']}?env={asked['environment']}"
    allowed = predicate["verificationResult"] == "PASSED"
    return (
        told["id"] == sealed["admissionId"]
        and told["outcome"] == sealed["outcome"]
        and told["allowed"] is allowed
        and told["reasons"] == sealed["reasons"]
        and told["limits"] == sealed["limits"]
        and told["expires_at"] == sealed["notAfter"]
        and place == predicate["resourceUri"]
        and (asked["use"], asked["digest"]) == (sealed["use"], sealed["asked"]["digest"])
    )
