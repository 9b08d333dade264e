"""Every write of this app: policy releases, runs with their leases, evidence and decisions, schedules."""

from __future__ import annotations

from apps.gates.commands.deciding import decide_and_seal
from apps.gates.commands.execution import execute_next, execute_run
from apps.gates.commands.leases import Fenced, beat, claim, claim_next, fail, give_back, note_progress
from apps.gates.commands.policies import release_policy, release_proposal, sync_policies
from apps.gates.commands.proposals import propose_policy
from apps.gates.commands.relaying import note_missed, request_due, send_hints, take_back, wake_lanes
from apps.gates.commands.requests import cancel, request_run, requeue
from apps.gates.commands.schedules import end_schedule, set_schedule
from apps.gates.commands.turns import place_run

__all__ = [
    "Fenced",
    "beat",
    "cancel",
    "claim",
    "claim_next",
    "decide_and_seal",
    "end_schedule",
    "execute_next",
    "execute_run",
    "fail",
    "give_back",
    "note_missed",
    "note_progress",
    "place_run",
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
    "wake_lanes",
]
