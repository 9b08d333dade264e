"""A row with a lifecycle that no app of the service has."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.audit.states import Ref

MOVES = {
    "open": frozenset({"held", "closed"}),
    "held": frozenset({"open", "closed"}),
    "closed": frozenset(),
}


class Ticket(models.Model):
    MOVES: ClassVar = MOVES

    state = models.TextField(default="open")
    worker = models.TextField(default="")

    class Meta:
        app_label = "scratch"
        db_table = "scratch_ticket"
        managed = False

    def audit_ref(self) -> Ref:
        return Ref(type="ticket", id=str(self.pk), name=f"number {self.pk}")
