"""What is told, to whom and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from apps.audit.events import EventName

# Seconds from one attempt to the next, as Standard Webhooks publishes them; after the last it is dead.
SCHEDULE = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.2
SENDING_S = 15.0
ANSWER_BYTES = 65_536
LONGEST_PAUSE = timedelta(hours=24)
LEASE = timedelta(seconds=60)
# So many failures in a row at one endpoint open its circuit, for a minute, then two, four … up to an hour.
CIRCUIT = 5
CIRCUIT_FIRST, CIRCUIT_LONGEST = timedelta(minutes=1), timedelta(hours=1)
# How long the former secret signs beside the new one, unless somebody says otherwise.
ROTATION = timedelta(hours=24)
MOST_ENDPOINTS = 100


class EndpointKind(StrEnum):
    """In whose words an endpoint is told."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    TEAMS = "teams"


class Channel(StrEnum):
    """How a delivery leaves the house."""

    ENDPOINT = "endpoint"
    LETTER = "letter"


class Mail(StrEnum):
    """When somebody wants a letter about a topic."""

    NEVER = "never"
    AT_ONCE = "at_once"
    DAILY = "daily"
    WEEKLY = "weekly"


class Topic(StrEnum):
    """What notices to people are about; each is subscribed to by itself."""

    WAITING = "waiting"
    ANSWERED = "answered"
    EXPIRING = "expiring"
    ATTESTATIONS = "attestations"
    BREAK_GLASS = "break_glass"
    RUNS = "runs"
    BUDGETS = "budgets"
    HEALTH = "health"


@dataclass(frozen=True, slots=True)
class Told:
    """A topic as people read it, and when a letter comes for those who chose nothing."""

    title: str
    sentence: str
    mail: Mail


TOPICS: dict[Topic, Told] = {
    Topic.WAITING: Told(
        "Waiting for you", "Reviews to sign, findings to mend, waivers to answer, questions.", Mail.AT_ONCE
    ),
    Topic.ANSWERED: Told("Answers you wait for", "What became of your submissions and runs.", Mail.DAILY),
    Topic.EXPIRING: Told(
        "Ending soon and overdue", "Approvals, waivers and findings near or past their day.", Mail.DAILY
    ),
    Topic.ATTESTATIONS: Told("Attestations", "Entries of yours to attest, and reminders.", Mail.AT_ONCE),
    Topic.BREAK_GLASS: Told("Break-glass", "Somebody let a version run that was not allowed.", Mail.AT_ONCE),
    Topic.RUNS: Told("Dead runs", "Runs that failed for good and need a person.", Mail.DAILY),
    Topic.BUDGETS: Told("Budgets", "A budget is nearly used or was refused.", Mail.DAILY),
    Topic.HEALTH: Told(
        "Health of the service",
        "Deliveries that were given up, revoked keys, missed schedules.",
        Mail.AT_ONCE,
    ),
}

_NOUNS = frozenset(
    {
        "admission",
        "approval",
        "attestation",
        "break_glass",
        "budget",
        "decision",
        "deployment",
        "experiment",
        "finding",
        "key",
        "model",
        "policy",
        "report",
        "rollback",
        "round",
        "run",
        "schedule",
        "tier",
        "use",
        "version",
        "waiver",
    }
)


def outward() -> list[str]:
    """The events that an endpoint may ask for: what happens to models, nothing about people or sign-offs."""
    return sorted(str(e) for e in EventName if e.partition(".")[0] in _NOUNS)
