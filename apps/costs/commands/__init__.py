"""Every write of this app: entries of what runs used, rates, budgets, quotes, bills brought in."""

from __future__ import annotations

from apps.costs.commands.budgets import allow_excess, raise_alerts, refuse_start, set_budget
from apps.costs.commands.entries import Held, enter
from apps.costs.commands.exchange import set_exchange_rate
from apps.costs.commands.imports import bring_in
from apps.costs.commands.quotes import quote_run
from apps.costs.commands.rates import set_rate

__all__ = [
    "Held",
    "allow_excess",
    "bring_in",
    "enter",
    "quote_run",
    "raise_alerts",
    "refuse_start",
    "set_budget",
    "set_exchange_rate",
    "set_rate",
]
