"""Whether a deployment is of a type, and in a pattern, that each policy in force allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from apps.engine.admission.facts import Reason
from apps.engine.policy.deployment import DeployRules, rules_of
from apps.engine.policy.model import Policy
from apps.engine.properties import Stated


def outside_patterns(
    policies: Sequence[Policy], deploy_type: str, properties: Mapping[str, Stated]
) -> Iterator[Reason]:
    """A reason for each policy that the deployment, as it is stated, does not fit.

    A policy that names neither types nor patterns asks nothing. Everywhere else what is not stated does not
    fit.

    Parameters
    ----------
    deploy_type : str
        One of `apps.engine.properties.DEPLOY_TYPES`; empty: not stated.
    """
    for policy in policies:
        if rules := rules_of(policy.document):
            yield from _of(f"{policy.id}@{policy.version}", rules, deploy_type, properties)


def _of(
    name: str, rules: DeployRules, deploy_type: str, properties: Mapping[str, Stated]
) -> Iterator[Reason]:
    if deploy_type not in rules.allowed_types:
        told = f"not a {deploy_type}" if deploy_type else "and the request states no type"
        places = " or ".join(rules.allowed_types)
        yield Reason("deploy_type", f"{name} allows to deploy {places}, {told}.", deploy_type or "type")
        return
    faults = [(one.id, one.misfits(deploy_type, properties)) for one in rules.patterns]
    if faults and all(misfits for _, misfits in faults):
        told = "; ".join(f"{pattern}: {', '.join(misfits)}" for pattern, misfits in faults)
        yield Reason("outside_patterns", f"It fits no deploy pattern of {name}. {told}.", deploy_type)
