"""The challenge log is written: a question, an answer or a remark, bound to what it speaks of by digest."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.queries import people_with
from apps.access.states import Permission
from apps.approvals import guards
from apps.approvals.challenges import About
from apps.approvals.models import Challenge, Mention
from apps.approvals.states import Said
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.inventory.models import RegisteredModel

CHALLENGE = "https://countersign.dev/challenge/v1"
LONGEST, MOST_CALLED = 5_000, 20
_CALL = re.compile(r"(?<![\w@.])@([A-Za-z0-9][A-Za-z0-9._-]{0,149})")


@transaction.atomic
def challenge(
    *, by: Person, about: About, text: str, said: str = Said.REMARK, answers: Challenge | None = None
) -> Challenge:
    """Ask, answer or remark something on a thing as it is shown; `@name` calls on whoever may read it."""
    require(by, Permission.COMMENT_ADD, about.model)
    kind, root = _kind(said, answers), _root(about, answers)
    words, called = _called(guards.said(text, "text", longest=LONGEST), about.model)
    statement = audit.seal(
        by=by,
        predicate_type=CHALLENGE,
        subjects=[Ref(about.thing, about.id, about.name, about.digest)],
        predicate={
            "said": kind,
            "thing": {"type": about.thing, "id": about.id, "digest": about.digest},
            "model": about.model.key,
            "version": about.version.digest if about.version else "",
            "answers": root.statement_digest if root else "",
            "person": str(by.pk),
            "calls": [str(person.pk) for person in called],
            "text": words,
        },
        event=EventName.CHALLENGE_MADE,
    )
    made = Challenge.objects.create(
        model=about.model,
        version=about.version,
        thing=about.thing,
        thing_id=about.id,
        thing_name=about.name,
        thing_digest=about.digest,
        said=kind,
        answers=root,
        person=by,
        text=words,
        said_at=statement.signed_at,
        statement_digest=statement.digest,
    )
    Mention.objects.bulk_create(Mention(challenge=made, person=person) for person in called)
    return made


def _kind(said: str, answers: Challenge | None) -> Said:
    if answers is not None:
        return Said.ANSWER
    if said not in (Said.QUESTION, Said.REMARK):
        raise Invalid(f"“{said[:40]}” cannot be said of a thing; choose question or remark.", field="said")
    return Said(said)


def _root(about: About, answers: Challenge | None) -> Challenge | None:
    """What a thread began with; refused where it is about another thing."""
    if answers is None:
        return None
    if (answers.model_id, answers.thing, answers.thing_id) != (about.model.pk, about.thing, about.id):
        raise Invalid(f"The entry that you answer is about {answers.thing_name}.", field="answers")
    return answers.answers or answers


def _called(text: str, model: RegisteredModel) -> tuple[str, Sequence[Person]]:
    """The text with people by number, so that it holds no name, and these people."""
    named = list(dict.fromkeys(match[1].rstrip(".-_") for match in _CALL.finditer(text)))
    if len(named) > MOST_CALLED:
        raise Invalid(f"A text calls on {MOST_CALLED} people at most, not {len(named)}.", field="text")
    readers = people_with(Permission.EVIDENCE_SEE, model).filter(username__in=named, is_active=True)
    found = {person.username: person for person in readers.distinct() if not person.is_service}
    for name in named:
        if name not in found:
            raise Invalid(
                f"Nobody called @{name} may read the evidence of {model.key}; write the name without @ to "
                "speak of somebody else.",
                field="text",
            )
    return _CALL.sub(lambda m: _numbered(m[1], found), text), [found[name] for name in named]


def _numbered(written: str, found: dict[str, Person]) -> str:
    name = written.rstrip(".-_")
    return f"@{{{found[name].pk}}}{written[len(name) :]}"
