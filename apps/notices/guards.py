"""May it happen now? One function a question; each returns what it found, or raises Refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from django.conf import settings

from apps.access.guards import require
from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.states import Permission
from apps.access.text import clean
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.engine.errors import BadInput
from apps.engine.manifest_endpoint import Endpoint as Asked
from apps.engine.manifest_endpoint import url_fault
from apps.inventory.models import BusinessUnit
from apps.notices.models import Delivery, Endpoint, Subscription
from apps.notices.states import MOST_ENDPOINTS, EndpointKind, Mail, Topic, outward
from apps.outside.addresses import why_not
from apps.outside.asking import resolved
from apps.outside.permits import Allowed, Permits

SETTING = "COUNTERSIGN_WEBHOOK_HOSTS"
Resolve = Callable[[str, int], Sequence[str]]


def manages(by: Person) -> None:
    """Refused to whoever does not look after webhooks."""
    require(by, Permission.INTEGRATION_MANAGE)


def permitted(url: str) -> Allowed:
    """The entry of the settings that lets an address be told; BadInput where none does."""
    return Permits.of(settings.WEBHOOK_HOSTS, setting=SETTING).for_endpoint(Asked(url=url))


def address(text: str, *, resolve: Resolve = resolved) -> Asked:
    """An address that may be told today, by its host and by every address that the host has."""
    url = clean(text, field="address", longest=2000)
    if fault := url_fault(url):
        raise Invalid(f"The address cannot be told: {fault}.", field="address")
    found = Asked(url=url)
    try:
        allowed = permitted(url)
        lying = list(resolve(found.host, found.port))
    except BadInput as problem:
        raise Invalid(str(problem), field="address") from problem
    except (OSError, UnicodeError):
        lying = []
    if not lying:
        raise Invalid(f"{found.host} has no address.", field="address")
    for one in lying:
        if why := why_not(one, allowed.networks):
            raise Invalid(f"{found.host} may not be told: {why}.", field="address")
    return found


def kind(text: str) -> EndpointKind:
    """A kind of endpoint."""
    if text not in list(EndpointKind):
        raise Invalid(f'There is no kind "{text[:40]}"; it is {", ".join(EndpointKind)}.', field="kind")
    return EndpointKind(text)


def events(wanted: Iterable[str]) -> list[str]:
    """Events that go out, at least one."""
    found = sorted(set(wanted))
    if not found:
        raise Invalid("An endpoint needs at least one event.", field="events")
    known = set(outward())
    for name in found:
        if name not in known:
            raise Invalid(f'There is no event "{name[:60]}" that goes out.', field="events")
    return found


def scope(owner: Person, unit: str, model: str) -> None:
    """Refused where a scope names what its owner does not see, or both a unit and a model."""
    if unit and model:
        raise Invalid("Name a unit or a model, not both.", field="model")
    if unit and not BusinessUnit.objects.filter(key=unit).exists():
        raise Invalid(f'There is no unit "{unit[:60]}".', field="unit")
    if model and not visible_models(owner).filter(key=model).exists():
        raise Invalid(f'{owner.username} sees no model "{model[:60]}".', field="model")


def room() -> None:
    """Refused where there are too many endpoints already."""
    if Endpoint.objects.count() >= MOST_ENDPOINTS:
        raise Refused(f"There are {MOST_ENDPOINTS} endpoints already.")


def name_free(name: str) -> None:
    """Refused where another endpoint is called so."""
    if Endpoint.objects.filter(name=name).exists():
        raise Refused(f'There is an endpoint "{name}" already.', field="name")


def fit_owner(owner: Person) -> None:
    """Refused for an account that is disabled: it sees nothing, so its endpoint would hear nothing."""
    if not owner.is_active:
        raise Refused(f"{owner.username} is disabled.", field="owner")


def agreeable(by: Person, endpoint: Endpoint) -> None:
    """Refused to everybody but the owner, signed in."""
    if by.token is not None or by.pk != endpoint.owner_id:
        raise Forbidden("Only its owner, signed in, agrees that an endpoint hears what they may see.")
    if endpoint.agreed_at is not None:
        raise Refused(f"You agreed to {endpoint.name} already.")


def working(endpoint: Endpoint) -> None:
    """Refused for an endpoint that is stopped or that its owner has not agreed to."""
    if endpoint.stopped_at is not None:
        raise Refused(f"{endpoint.name} is stopped: {endpoint.stopped_why}")
    if endpoint.agreed_at is None:
        raise Refused(f"{endpoint.owner.username} has not agreed to {endpoint.name} yet.")


def signs(endpoint: Endpoint) -> None:
    """Refused for chats: they take no signature."""
    if endpoint.kind != EndpointKind.WEBHOOK:
        raise Refused(f"{endpoint.name} is a chat; it has no secret.")


def ended(delivery: Delivery) -> None:
    """Refused for what still waits to be sent."""
    if delivery.due_at is not None:
        raise Refused("This delivery still waits to be sent; it needs no sending again.")


def hours(count: int) -> timedelta:
    """How long a former secret goes on signing."""
    if not 0 <= count <= 168:
        raise Invalid(f"The former secret signs on for 0 to 168 hours, not {count}.", field="hours")
    return timedelta(hours=count)


def subscribing(by: Person, topic: str, mail: str) -> tuple[Topic, Mail]:
    """A topic and when to write, for a person."""
    if by.token is not None or by.is_service:
        raise Forbidden("What somebody wants to hear is theirs to say, signed in.")
    if topic not in list(Topic):
        raise Invalid(f'There is no topic "{topic[:40]}".', field="topic")
    if mail not in list(Mail):
        raise Invalid(f'A letter comes {", ".join(Mail)}; not "{mail[:40]}".', field="mail")
    return Topic(topic), Mail(mail)


def wants(row: Subscription | None) -> tuple[bool, str]:
    """Whether the list shows a topic, and when a letter comes; without a row as the topic says."""
    return (True, "") if row is None else (row.listed, row.mail)
