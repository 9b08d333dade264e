"""Laws that the database itself keeps, for migrations of every app.

`append_only(table)` for tables of facts, `lifecycle(table, column, moves)` for rows with a state.
Both work as the owner role and say nothing about roles that do not exist. A migration that uses
them depends on ``("audit", "0002_walls")``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from django.db import migrations

APP, SEQUENCER, READER = "cs_app", "cs_seq", "cs_ro"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain name of a table or column.")
    return text


def _literal(text: str) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def for_role(role: str, *statements: str) -> str:
    """SQL that runs the statements only where the role exists."""
    body = " ".join(f"EXECUTE {_literal(s)};" for s in statements)
    return (
        f"DO $walls$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = {_literal(_name(role))}) "
        f"THEN {body} END IF; END $walls$;"
    )


def grant(role: str, rights: str, table: str) -> str:
    """SQL that leaves a role exactly these rights on a table; `rights` may be empty."""
    revoke = f"REVOKE ALL ON {_name(table)} FROM {_name(role)}"
    give = [f"GRANT {rights} ON {_name(table)} TO {_name(role)}"] if rights else []
    return for_role(role, revoke, *give)


def refuse(table: str, operations: str = "UPDATE OR DELETE OR TRUNCATE") -> str:
    """SQL of a trigger that refuses operations on a whole table, replication or not."""
    return (
        f"CREATE TRIGGER written_once BEFORE {operations} ON {_name(table)} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change(); "
        f"ALTER TABLE {_name(table)} ENABLE ALWAYS TRIGGER written_once;"
    )


def append_only(table: str) -> migrations.RunSQL:
    """Refuse UPDATE, DELETE and TRUNCATE on a table of facts, and take the rights to them away."""
    take = f"REVOKE UPDATE, DELETE, TRUNCATE ON {_name(table)} FROM "
    return migrations.RunSQL(
        refuse(table) + f"{take} PUBLIC;" + for_role(APP, take + APP),
        f"DROP TRIGGER written_once ON {_name(table)};"
        + for_role(APP, f"GRANT UPDATE, DELETE ON {_name(table)} TO {APP}"),
    )


def lifecycle(
    table: str, column: str, moves: Mapping[str, Iterable[str]], *, initial: str | None = None
) -> migrations.RunSQL:
    """Refuse every change of `column` that is not in `moves`, rows that begin elsewhere, and DELETE.

    Where `initial` is not given the first key of `moves` is the state in which rows begin.
    """
    table, column = _name(table), _name(column)
    function = f"{table}_{column}_moves"
    return migrations.RunSQL(
        _moves(table, column, moves, initial)
        + f"""
        CREATE TRIGGER {column}_begins BEFORE INSERT ON {table}
          FOR EACH ROW EXECUTE FUNCTION {function}();
        CREATE TRIGGER {column}_moves BEFORE UPDATE ON {table}
          FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION {function}();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {column}_begins;
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {column}_moves;
        """
        + refuse(table, "DELETE OR TRUNCATE"),
        f"""
        DROP TRIGGER written_once ON {table};
        DROP TRIGGER {column}_begins ON {table};
        DROP TRIGGER {column}_moves ON {table};
        DROP FUNCTION {function}();
        """,
    )


def changed_moves(table: str, column: str, moves: Mapping[str, Iterable[str]]) -> migrations.RunSQL:
    """Bring a lifecycle that stands already up to its present table of moves; nothing to undo."""
    return migrations.RunSQL(_moves(_name(table), _name(column), moves, None), migrations.RunSQL.noop)


def _moves(table: str, column: str, moves: Mapping[str, Iterable[str]], initial: str | None) -> str:
    pairs = sorted((str(a), str(b)) for a, targets in moves.items() for b in targets)
    legal = ", ".join(f"({_literal(a)}, {_literal(b)})" for a, b in pairs)
    first = initial or str(next(iter(moves)))
    return f"""
        CREATE OR REPLACE FUNCTION {table}_{column}_moves() RETURNS trigger
          LANGUAGE plpgsql SET search_path = pg_catalog AS $moves$
        BEGIN
          IF TG_OP = 'INSERT' THEN
            IF NEW.{column} <> {_literal(first)} THEN
              RAISE EXCEPTION '{table}: a row begins as {first}, not as %', NEW.{column}
                USING ERRCODE = 'restrict_violation';
            END IF;
          ELSIF (OLD.{column}::text, NEW.{column}::text) NOT IN ({legal}) THEN
            RAISE EXCEPTION '{table}: the move from % to % is not allowed', OLD.{column}, NEW.{column}
              USING ERRCODE = 'restrict_violation';
          END IF;
          RETURN NEW;
        END $moves$;
        """
