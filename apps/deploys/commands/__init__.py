"""Every write of the deploy gate: environments, answers, what runs, integrations and what they take in."""

from __future__ import annotations

from apps.deploys.commands.admissions import admit, ask_again
from apps.deploys.commands.environments import declare_environment
from apps.deploys.commands.experiments import (
    begin_experiment,
    end_experiment,
    mind_experiments,
    report_result,
)
from apps.deploys.commands.glass import ask_to_break_glass, break_glass, end_break_glass
from apps.deploys.commands.identities import use_identity
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
from apps.deploys.commands.questions import (
    answer_question,
    reconcile_integrations,
    send_question_hints,
)
from apps.deploys.commands.registries import look_again, mark_again, read_registry, send_registry_hints
from apps.deploys.commands.revocations import seal_revocations
from apps.deploys.commands.running import count_calls, report_deployment, roll_back, settle

__all__ = [
    "admit",
    "answer_question",
    "ask_again",
    "ask_to_break_glass",
    "begin_experiment",
    "bind_model",
    "break_glass",
    "change_integration",
    "count_calls",
    "declare_environment",
    "end_break_glass",
    "end_experiment",
    "give_secret",
    "look_again",
    "make_integration",
    "mark_again",
    "mind_experiments",
    "read_registry",
    "reconcile_integrations",
    "report_deployment",
    "report_result",
    "roll_back",
    "rotate_secret",
    "seal_revocations",
    "send_question_hints",
    "send_registry_hints",
    "settle",
    "switch_integration",
    "take_in",
    "unbind_model",
    "use_identity",
]
