"""Every write of the deploy gate: environments, answers, integrations and what they take in."""

from __future__ import annotations

from apps.deploys.commands.admissions import admit, ask_again
from apps.deploys.commands.environments import declare_environment
from apps.deploys.commands.inbound import take_in
from apps.deploys.commands.integrations import (
    bind_model,
    change_integration,
    give_secret,
    make_integration,
    rotate_secret,
    switch_integration,
    unbind_model,
)

__all__ = [
    "admit",
    "ask_again",
    "bind_model",
    "change_integration",
    "declare_environment",
    "give_secret",
    "make_integration",
    "rotate_secret",
    "switch_integration",
    "take_in",
    "unbind_model",
]
