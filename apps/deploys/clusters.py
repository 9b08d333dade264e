"""What a cluster asks, answered by the deploy gate: each model that a resource loads, none left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from apps.access.models import Person
from apps.audit.errors import Invalid, Refused
from apps.deploys.asking import Said, asked, read_request, weighed
from apps.deploys.commands import admit
from apps.engine.errors import Problem
from apps.engine.kubernetes import Load
from apps.engine.properties import read_properties
from apps.gates.clock import database_now

# Both callers give up after a few seconds; what is not answered by then is not allowed.
PATIENCE_S = 2.5
MOST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The answer about one model: whether it may run, what to say, and which admission says so."""

    name: str
    allowed: bool
    outcome: str
    sentences: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    admission: str = ""


@dataclass(slots=True)
class Asking:
    """One call of a cluster: as whom, about which environment, until when; a dry run leaves no trace."""

    by: Person
    environment: str
    dry: bool = False
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    def about(self, loads: Iterable[Load]) -> list[Told]:
        """An answer for each distinct model; more than a cluster could mean are refused whole."""
        every = list(dict.fromkeys(_question(load) for load in loads))
        if len(every) > MOST:
            said = f"The resource loads {len(every)} different models; at most {MOST} are answered at once."
            return [Told(name="spec", allowed=False, outcome="error", sentences=(said,))]
        return [self.one(load) for load in every]

    def one(self, load: Load) -> Told:
        """The answer about one model; whatever goes wrong is a no with its reason."""
        name = f"{load.model}@{load.version}" if load.model else load.where
        if load.fault:
            return Told(name=name, allowed=False, outcome="deny", sentences=(load.fault,))
        if self.clock() - self.began > PATIENCE_S:
            said = f"{name} could not be decided in time."
            return Told(name=name, allowed=False, outcome="error", sentences=(said,))
        try:
            return self._weighed(load, name) if self.dry else self._admitted(load, name)
        except (Refused, Problem) as problem:
            return Told(name=name, allowed=False, outcome="error", sentences=(str(problem),))

    def _admitted(self, load: Load, name: str) -> Told:
        row = admit(
            by=self.by,
            model=load.model,
            version=load.version,
            environment=self.environment,
            digest=load.digest,
            use=load.use,
            population=load.population,
            jurisdiction=load.jurisdiction,
            deploy_type=load.type,
            properties=read_properties(load.properties),
        )
        told = tuple(str(reason["message"]) for reason in row.reasons)
        return Told(
            name=name,
            allowed=row.allowed,
            outcome=row.outcome,
            sentences=told,
            limits=told if row.outcome == "allow_with_limits" else (),
            admission=str(row.pk),
        )

    def _weighed(self, load: Load, name: str) -> Told:
        given = read_request(
            model=load.model,
            version=load.version,
            use=load.use,
            environment=self.environment,
            digest=load.digest,
        )
        said = Said.of(
            population=load.population,
            jurisdiction=load.jurisdiction,
            exposure_eur="",
            deploy_type=load.type,
            properties=read_properties(load.properties),
        )
        _, answer = weighed(asked(self.by, given, said), database_now())
        told = tuple(reason.message for reason in answer.reasons)
        limits = told if answer.outcome == "allow_with_limits" else ()
        return Told(name=name, allowed=answer.allowed, outcome=answer.outcome, sentences=told, limits=limits)


def _question(load: Load) -> Load:
    """The load without where it stands, so that one model is asked about once."""
    if load.fault:
        return load
    return Load(
        where="",
        model=load.model,
        version=load.version,
        digest=load.digest,
        use=load.use,
        population=load.population,
        jurisdiction=load.jurisdiction,
        type=load.type,
        properties=load.properties,
    )


def read_key(text: str, environment: str) -> Load:
    """A key of a Gatekeeper provider: environment|model|version|digest."""
    parts = text.split("|")
    if len(parts) != 4 or not all(parts):
        raise Invalid(f"“{text[:120]}” is no key; write environment|model|version|digest.", field="keys")
    place, model, version, digest = parts
    if place != environment:
        raise Invalid(f"This address answers for {environment}, not for {place[:80]}.", field="keys")
    return Load(where=text, model=model, version=version, digest=digest)
