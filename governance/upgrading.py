"""May the release that still serves go on while the database is migrated ahead of it, and after?

Each migration to come is held against the tables that stand already: what the older code reads must stay,
what it leaves out of an insert must have a value by itself, and nobody who writes may have to wait long.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from governance.upgrading_sql import functions_of, locked_by_sql, told_by_sql

Key = tuple[str, str]
Look = Callable[["_Change"], Iterator[tuple["Harm", str]]]


class Harm(StrEnum):
    """What a migration would do to the release that still serves."""

    FAILS = "fails"  # some of its statements would be refused
    WAITS = "waits"  # its writers would wait as long as the table takes to be read


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing in one migration for which the older release may have to stop."""

    migration: Key
    harm: Harm
    sentence: str

    def __str__(self) -> str:
        return f"{'.'.join(self.migration)}: {self.sentence}"


def concerns(loader: MigrationLoader, applied: Collection[Key]) -> list[Concern]:
    """What stands in the way of migrating beyond what is applied while the older release serves."""
    found: list[Concern] = []
    plan = planned(loader)
    state, functions = _standing(loader, [key for key in plan if key in applied])
    standing = Standing(_tables(state), functions)
    for key in plan:
        if key in applied:
            continue
        locked: set[str] = set()
        for operation in _flat(loader.graph.nodes[key].operations):
            change = _Change(key, operation, state, standing)
            found += change.concerns()
            locked |= change.locked()
            state = state.clone()
            operation.state_forwards(key[0], state)
        if len(locked) > 1 and loader.graph.nodes[key].atomic:
            found.append(Concern(key, Harm.WAITS, _TOGETHER.format(", ".join(sorted(locked)))))
    return found


_TOGETHER = (
    "{} are locked in one transaction; requests that hold one and wait for another are set back. One table a "
    "migration sets nobody back."
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the older release knows: the table of each model by its label, and functions."""

    tables: dict[str, str]
    functions: frozenset[str]


def _standing(loader: MigrationLoader, applied: Sequence[Key]) -> tuple[ProjectState, frozenset[str]]:
    state, functions = ProjectState(), set()
    for key in applied:
        migration = loader.graph.nodes[key]
        state = migration.mutate_state(state, preserve=False)
        for operation in _flat(migration.operations):
            if isinstance(operation, migrations.RunSQL):
                functions |= functions_of(operation.sql)
    return state, frozenset(functions)


def planned(loader: MigrationLoader) -> list[Key]:
    """Every migration, those of which others depend first."""
    plan: list[Key] = []
    for leaf in sorted(loader.graph.leaf_nodes()):
        plan += [key for key in loader.graph.forwards_plan(leaf) if key not in plan]
    return plan


def _flat(operations: Sequence[Operation]) -> Iterator[Operation]:
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            yield from _flat(operation.database_operations)
            yield migrations.SeparateDatabaseAndState(state_operations=operation.state_operations)
        else:
            yield operation


def _tables(state: ProjectState) -> dict[str, str]:
    """Of each model by its label, the table."""
    return {f"{app}.{name}": _table(model) for (app, name), model in state.models.items()}


def _table(model: ModelState) -> str:
    return str(model.options.get("db_table") or f"{model.app_label}_{model.name_lower}")


@dataclass(frozen=True, slots=True)
class _Change:
    """One operation, and the state of all models before it."""

    key: Key
    operation: Any
    state: ProjectState
    standing: Standing

    def concerns(self) -> Iterator[Concern]:
        if isinstance(self.operation, migrations.RunSQL):
            tables = set(self.standing.tables.values())
            for fails, sentence in told_by_sql(self.operation.sql, tables, self.standing.functions):
                yield Concern(self.key, Harm.FAILS if fails else Harm.WAITS, sentence)
            return
        stands = isinstance(self.operation, migrations.RunPython) or self._label() in self.standing.tables
        if stands and not isinstance(self.operation, AddIndexConcurrently):
            for harm, sentence in self._look()(self):
                yield Concern(self.key, harm, sentence)

    def locked(self) -> set[str]:
        """The tables that stand already and that nobody may read or write beside this."""
        if isinstance(self.operation, migrations.RunSQL):
            return locked_by_sql(self.operation.sql, set(self.standing.tables.values()))
        alters = isinstance(
            self.operation, (migrations.AddField, migrations.AlterField, migrations.AddConstraint)
        )
        return {self._table} if alters and self._label() in self.standing.tables else set()

    def _look(self) -> Look:
        found = (look for kind, look in _LOOKS.items() if isinstance(self.operation, kind))
        return next(found, lambda _: iter(()))

    def _label(self) -> str:
        names = (getattr(self.operation, name, None) for name in ("model_name", "old_name", "name"))
        named = next(filter(None, names), "")
        return f"{self.key[0]}.{str(named).lower()}"

    @property
    def _table(self) -> str:
        return self.standing.tables[self._label()]

    @property
    def _place(self) -> str:
        return f"{self._table}.{self.operation.name}"

    def _gone(self) -> Iterator[tuple[Harm, str]]:
        column = getattr(self.operation, "old_name", None) or getattr(self.operation, "name", "")
        what = f"{self._table}.{column}" if hasattr(self.operation, "model_name") else self._table
        yield Harm.FAILS, f"{what} is dropped or renamed; the release that serves still names it."

    def _added(self) -> Iterator[tuple[Harm, str]]:
        field = self.operation.field
        if not field.many_to_many and not _fills_itself(field):
            yield (
                Harm.FAILS,
                f"{self._place} takes no NULL and has no default in the database; the release that serves "
                "inserts rows without it.",
            )
        if _has_index(field):
            yield Harm.WAITS, f"the index of {self._place} is built while writers wait."

    def _altered(self) -> Iterator[tuple[Harm, str]]:
        field = self.operation.field
        model = self.state.models[self.key[0], self.operation.model_name_lower]
        before = model.fields[self.operation.name]
        if before.null and not field.null:
            yield Harm.FAILS, f"{self._place} takes no NULL any more; the release that serves may write it."
        if type(before) is not type(field) or _narrower(before, field):
            yield Harm.FAILS, f"{self._place} changes its type; the release that serves knows the old one."
        if _has_index(field) and not _has_index(before):
            yield Harm.WAITS, f"the index of {self._place} is built while writers wait."

    def _indexed(self) -> Iterator[tuple[Harm, str]]:
        yield (
            Harm.WAITS,
            f"the index {self.operation.index.name} is built while writers of "
            f"{self._table} wait; AddIndexConcurrently does not make them.",
        )

    def _constrained(self) -> Iterator[tuple[Harm, str]]:
        constraint = getattr(self.operation, "constraint", None)
        named = getattr(constraint, "name", "") or "unique_together"
        yield (
            Harm.FAILS,
            f"{named} refuses rows of {self._table} that the release that serves may write.",
        )

    def _programmed(self) -> Iterator[tuple[Harm, str]]:
        name = getattr(self.operation.code, "__name__", "a function")
        yield Harm.WAITS, f"{name} changes rows, and nothing here can tell how long that takes."


_LOCKING = (migrations.AddField, migrations.AlterField, migrations.AddConstraint)
_LOOKS: dict[type[Operation], Look] = {
    migrations.AddField: _Change._added,
    migrations.AlterField: _Change._altered,
    migrations.AddIndex: _Change._indexed,
    migrations.AddConstraint: _Change._constrained,
    migrations.AlterUniqueTogether: _Change._constrained,
    migrations.RunPython: _Change._programmed,
    migrations.RemoveField: _Change._gone,
    migrations.RenameField: _Change._gone,
    migrations.DeleteModel: _Change._gone,
    migrations.RenameModel: _Change._gone,
    migrations.AlterModelTable: _Change._gone,
}


def _fills_itself(field: models.Field[Any, Any]) -> bool:
    return bool(field.null or field.has_db_default() or field.generated or field.primary_key)


def _has_index(field: models.Field[Any, Any]) -> bool:
    return bool(field.unique or getattr(field, "db_index", False))


def _narrower(before: models.Field[Any, Any], after: models.Field[Any, Any]) -> bool:
    longest, most = getattr(before, "max_length", None), getattr(after, "max_length", None)
    if most is None:
        return False
    return longest is None or most < longest
