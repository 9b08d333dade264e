from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit import queries
from apps.audit.anchoring import introduction
from apps.audit.commands import end_key, register_key, rotate_key
from apps.audit.errors import Refused
from apps.audit.states import system
from apps.engine.keys import KeyRecord, Purpose

OPERATOR = system("manage.py keys")
ACTIONS = ("list", "rotate", "retire", "revoke")


class Command(BaseCommand):
    """Makes and registers the service's keys where there are none, and prints the public ones."""

    help = "Make, register, list, rotate, retire and revoke the service's signing keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", nargs="?", choices=ACTIONS, default="list")
        parser.add_argument("key_id", nargs="?", metavar="KEY_ID", help="the key to retire or to revoke")
        parser.add_argument("--purpose", choices=[str(p) for p in Purpose], help="the key to rotate")
        parser.add_argument(
            "--compromised-since", metavar="TIME", help="with revoke: since when, as 2026-11-01T09:30:00Z"
        )
        parser.add_argument("--json", action="store_true", help="print the key set that verifiers pin")
        parser.add_argument("--retire", metavar="KEY_ID", help="the same as: retire KEY_ID")
        parser.add_argument("--revoke", metavar="KEY_ID", help="the same as: revoke KEY_ID")
        parser.add_argument("--reason", default="", help="why the key is rotated or ends")
        parser.add_argument("--verifier-keys", action="store_true", help="print the keys that witnesses know")
        parser.add_argument(
            "--introduce", type=Path, metavar="FILE", help="add them to a witness's list of logs"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        action, key_id = _asked(options)
        steps: dict[str, Callable[..., None]] = {
            "list": self._list,
            "rotate": self._rotate,
            "retire": self._retire,
            "revoke": self._revoke,
        }
        try:
            steps[action](key_id, options)
            if options["introduce"]:
                introduction.introduce(options["introduce"])
            introduction.introduce_beside()
        except Refused as error:
            raise CommandError(str(error)) from error
        if options["verifier_keys"]:
            self.stdout.write("\n".join(introduction.verifier_keys()))
        else:
            self._show(options)

    def _list(self, key_id: str | None, options: dict[str, Any]) -> None:
        for purpose in Purpose:
            register_key(by=OPERATOR, purpose=purpose)

    def _rotate(self, key_id: str | None, options: dict[str, Any]) -> None:
        if not options["purpose"]:
            raise CommandError("Please say which key: --purpose statement or --purpose checkpoint.")
        rotate_key(by=OPERATOR, purpose=Purpose(options["purpose"]), reason=options["reason"])

    def _retire(self, key_id: str | None, options: dict[str, Any]) -> None:
        end_key(by=OPERATOR, key_id=_named(key_id), reason=options["reason"])

    def _revoke(self, key_id: str | None, options: dict[str, Any]) -> None:
        since = options["compromised_since"]
        end = end_key(
            by=OPERATOR,
            key_id=_named(key_id),
            reason=options["reason"],
            revoked=True,
            since=_moment(since) if since else None,
        )
        lost = queries.signed_since(end.key_id, end.at)
        if options["verbosity"]:
            self.stderr.write(
                f"{lost} statements under this key no longer count; what rests on them is denied."
            )

    def _show(self, options: dict[str, Any]) -> None:
        found = queries.keys()
        if options["json"]:
            self.stdout.write(json.dumps(found.as_json(), indent=2))
            return
        if options["verbosity"] == 0:
            return
        for key in found:
            self.stdout.write(f"{key.purpose:<11} {key.key_id} {_state(key)}")
        for key_id in queries.strange_keys():
            self.stderr.write(
                f"warning: {key_id} stands in the database, but the service never registered it."
            )


def _asked(options: dict[str, Any]) -> tuple[str, str | None]:
    for action in ("revoke", "retire"):
        if options[action]:
            return action, options[action]
    return options["action"], options["key_id"]


def _named(key_id: str | None) -> str:
    if not key_id:
        raise CommandError("Please name the key by its id; `manage.py keys` lists them.")
    return key_id


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f'"{text}" is no time; write it as 2026-11-01T09:30:00Z.') from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _state(key: KeyRecord) -> str:
    since = f"since {key.valid_from:%Y-%m-%d}"
    if key.revoked_at:
        return f"{since}, revoked as of {key.revoked_at:%Y-%m-%d %H:%M} UTC"
    return f"{since}, retired at {key.valid_to:%Y-%m-%d %H:%M} UTC" if key.valid_to else f"{since}, in force"
