"""How the log is introduced to those who shall watch it: its verifier keys, as C2SP writes them."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from apps.audit import queries
from apps.audit.anchors import anchor_file, first_origin
from apps.audit.epochs import openings
from apps.audit.errors import Refused
from apps.engine.keys import Purpose
from apps.engine.note import verifier_key


def verifier_keys() -> list[str]:
    """One line for each key that signs checkpoints and each name that the log has now or takes next."""
    last = anchor_file().last()
    names = {last.checkpoint.origin if last else first_origin(), *(o.origin for o in openings())}
    keys = [record for record in queries.keys().of(Purpose.CHECKPOINT) if record.revoked_at is None]
    return [verifier_key(name, key.public) for name in sorted(names) for key in keys]


def introduce_beside() -> None:
    """To the witness that runs beside `demo` and `serve`, where there is one."""
    logs = Path(settings.STATE) / "witness" / "logs"
    if logs.exists():
        introduce(logs)


def introduce(path: Path) -> None:
    """Add the lines that a witness's list of logs lacks."""
    try:
        there = path.read_text("utf-8").splitlines() if path.exists() else []
        new = [line for line in verifier_keys() if line not in there]
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in new)
    except OSError as error:
        raise Refused(f"The list of logs {path} cannot be written: {error.strerror}.") from error
