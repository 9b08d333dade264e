"""Every write of this app: policy releases, runs with their leases, evidence and decisions, schedules."""

from __future__ import annotations

from apps.gates.commands.deciding import decide_and_seal
from apps.gates.commands.execution import execute_run
from apps.gates.commands.leases import Fenced, beat, claim, fail, note_progress
from apps.gates.commands.policies import release_policy, release_proposal, sync_policies
from apps.gates.commands.proposals import propose_policy
from apps.gates.commands.relaying import request_due, send_hints, take_back
from apps.gates.commands.requests import cancel, request_run, requeue
from apps.gates.commands.schedules import end_schedule, set_schedule

__all__ = [
    "Fenced",
    "beat",
    "cancel",
    "claim",
    "decide_and_seal",
    "end_schedule",
    "execute_run",
    "fail",
    "note_progress",
    "propose_policy",
    "release_policy",
    "release_proposal",
    "request_due",
    "request_run",
    "requeue",
    "send_hints",
    "set_schedule",
    "sync_policies",
    "take_back",
]
