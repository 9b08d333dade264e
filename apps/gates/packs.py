"""A decision with everything that it rests on, so that it can be decided again without the service."""

from __future__ import annotations

from typing import Any

from apps.audit.models import Statement
from apps.audit.queries import envelope, keys
from apps.engine.replay import KIND
from apps.gates.models import Decision, PolicyRelease


def decision_pack(row: Decision) -> dict[str, Any]:
    """Statements as signed, the policies as released, the inputs as pinned, and the published keys."""
    run = row.run
    evidence = list(run.evidence.order_by("id").values_list("statement_digest", flat=True))
    signed = {s.pk: envelope(s) for s in Statement.objects.filter(pk__in=[row.statement_digest, *evidence])}
    digests = [policy["digest"] for policy in run.pinned["policies"]]
    released = dict(PolicyRelease.objects.filter(digest__in=digests).values_list("digest", "document"))
    return {
        "kind": KIND,
        "decision": signed[row.statement_digest],
        "evidence": [signed[digest] for digest in evidence],
        "policies": [released[digest] for digest in digests if digest in released],
        "pinned": run.pinned,
        "keys": keys().as_json(),
    }
