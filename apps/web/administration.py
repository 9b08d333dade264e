"""The sections of the administration: what stands on its page, and in the rail for whom."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from apps.access.states import Permission

_P = Permission


@dataclass(frozen=True, slots=True)
class Section:
    """One page of the administration: its title, one sentence, where it is, and what it asks for."""

    title: str
    sentence: str
    address: str
    permission: Permission
    # A second permission that opens it as well: to read.
    also: Permission | None = None


SECTIONS: tuple[Section, ...] = (
    Section(
        "People",
        "Who there is, what each may do and why; roles given and ended.",
        "/administration/people",
        _P.PERSON_MANAGE,
        _P.EVENT_SEE,
    ),
    Section(
        "Signing in with other accounts",
        "Providers, what their groups are worth, accounts that a directory keeps.",
        "/administration/sign-in",
        _P.PERSON_MANAGE,
    ),
    Section(
        "Roles",
        "What each role permits; roles of your own, made from permissions.",
        "/administration/roles",
        _P.PERSON_MANAGE,
        _P.EVENT_SEE,
    ),
    Section(
        "Conflicts",
        "Who holds what does not go together, and where.",
        "/administration/conflicts",
        _P.PERSON_MANAGE,
        _P.EVENT_SEE,
    ),
    Section(
        "Reviews of roles",
        "Every role kept or ended by somebody else, in time; who is how far.",
        "/administration/campaigns",
        _P.CAMPAIGN_OPEN,
    ),
    Section(
        "Reviews handed on",
        "Who does whose reviews, and until when.",
        "/account/delegations",
        _P.PERSON_MANAGE,
        _P.EVENT_SEE,
    ),
    Section(
        "Tokens",
        "What programs carry: for whom, how long, used when; one is revoked here.",
        "/administration/tokens",
        _P.PERSON_MANAGE,
        _P.EVENT_SEE,
    ),
    Section(
        "Business units",
        "The units, their models, and who holds a role for each.",
        "/administration/units",
        _P.PERSON_MANAGE,
        _P.EVENT_SEE,
    ),
    Section(
        "Retention",
        "Legal holds, what may be removed, and personal data that is erased.",
        "/retention",
        _P.HOLD_MANAGE,
    ),
    Section(
        "Integrations",
        "Pipelines, registries and clusters that ask the deploy gate, and the models they speak of.",
        "/administration/integrations",
        _P.INTEGRATION_MANAGE,
    ),
    Section(
        "Webhooks and chats",
        "Who outside is told of events, what was sent, and what came of it.",
        "/administration/webhooks",
        _P.INTEGRATION_MANAGE,
    ),
    Section("Storage", "What each unit keeps, and the quotas.", "/storage", _P.STORAGE_MANAGE),
    Section(
        "Conversions", "Pickles opened for conversion, by whom and why.", "/conversions", _P.CONVERSION_OPEN
    ),
    Section(
        "Signing certificates",
        "With which people sign reports; one is withdrawn here.",
        "/reports/certificates",
        _P.PERSON_MANAGE,
    ),
    Section("Rates", "What compute costs, and from when on.", "/costs/rates", _P.RATE_SET),
    Section(
        "Check catalogue",
        "Every registered check, its arguments and its version.",
        "/checks",
        _P.SYSTEM_SEE,
    ),
    Section(
        "System",
        "Every part of the installation with its colour, and what to do.",
        "/system",
        _P.SYSTEM_SEE,
    ),
    Section(
        "Health of the log",
        "How the audit log stands towards the witnesses outside.",
        "/health",
        _P.SYSTEM_SEE,
    ),
    Section("Look-up tables", "People, roles and tokens as tables, to read.", "/admin/", _P.PERSON_MANAGE),
)


def sections(held: Collection[str]) -> list[Section]:
    """The sections that somebody with these permissions may open."""
    return [section for section in SECTIONS if section.permission in held or section.also in held]
