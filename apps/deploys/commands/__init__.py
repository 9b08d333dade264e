"""Every write of the deploy gate: environments, answers."""

from __future__ import annotations

from apps.deploys.commands.admissions import admit, ask_again
from apps.deploys.commands.environments import declare_environment

__all__ = ["admit", "ask_again", "declare_environment"]
