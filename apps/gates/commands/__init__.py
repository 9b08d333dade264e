"""Every write of this app: policy releases, runs with their leases, evidence and decisions, schedules."""

from __future__ import annotations

from apps.gates.commands.deciding import decide_and_seal
from apps.gates.commands.execution import execute_next, execute_run
from apps.gates.commands.hardware import consent_hardware
from apps.gates.commands.leases import beat, claim, claim_next, fail, give_back, note_progress
from apps.gates.commands.leasing import Fenced
from apps.gates.commands.outside import hand_in_partition, keep_partition, take_partition
from apps.gates.commands.partition_leases import (
    beat_partition,
    claim_partition,
    give_back_partitions,
    send_partition_hints,
    take_back_partitions,
)
from apps.gates.commands.partitions import execute_partition, fail_partition, finish_partition
from apps.gates.commands.policies import release_policy, release_proposal, sync_policies
from apps.gates.commands.presence import forget_worker, note_worker
from apps.gates.commands.proposals import propose_policy
from apps.gates.commands.relaying import note_missed, request_due, send_hints, take_back, wake_lanes
from apps.gates.commands.requests import cancel, request_run, requeue
from apps.gates.commands.schedules import end_schedule, set_schedule
from apps.gates.commands.turns import place_run

__all__ = [
    "Fenced",
    "beat",
    "beat_partition",
    "cancel",
    "claim",
    "claim_next",
    "claim_partition",
    "consent_hardware",
    "decide_and_seal",
    "end_schedule",
    "execute_next",
    "execute_partition",
    "execute_run",
    "fail",
    "fail_partition",
    "finish_partition",
    "forget_worker",
    "give_back",
    "give_back_partitions",
    "hand_in_partition",
    "keep_partition",
    "note_missed",
    "note_progress",
    "note_worker",
    "place_run",
    "propose_policy",
    "release_policy",
    "release_proposal",
    "request_due",
    "request_run",
    "requeue",
    "send_hints",
    "send_partition_hints",
    "set_schedule",
    "sync_policies",
    "take_back",
    "take_back_partitions",
    "take_partition",
    "wake_lanes",
]
