"""What `demo` and `serve` do: the same processes, with and without the fixtures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from governance.local import port as ports
from governance.local.errors import LocalRefused
from governance.local.installation import Installation
from governance.local.lock import held
from governance.local.places import Places
from governance.local.supervisor import Supervisor

Say = Callable[[str], None]
# Nothing listens at the address: the demo's webhook shows how one looks whose other end is away.
DEMO_HOOK = "http://127.0.0.1:9=127.0.0.0/8"
_OF_A_DEMO = {"COUNTERSIGN_WALLS": "best", "COUNTERSIGN_WEBHOOK_HOSTS": DEMO_HOOK}


class Played(StrEnum):
    """How far the fixtures of a state folder have come."""

    NO = "no"
    BEGUN = "begun"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    port: int
    reset: bool = False
    fixtures: bool = False
    until_ready: bool = False


def run(places: Places, wish: Wish, say: Say) -> None:
    """Start everything, keep it running until a signal, stop everything."""
    with held(places.lock) as killed:
        if killed:
            say("An earlier run was ended without stopping; its leftovers are cleared.")
        _clear_when_needed(places, wish, say)
        with (
            ports.listen(wish.port, say, patience=10 if killed else 0) as listener,
            Supervisor(say) as supervisor,
        ):
            installation = Installation(places, listener, supervisor, environment(wish, os.environ))
            try:
                _up(installation, wish, say)
                if not wish.until_ready:
                    supervisor.watch()
            except KeyboardInterrupt:
                say("Stopping.")


def environment(wish: Wish, given: Mapping[str, str]) -> Mapping[str, str]:
    """A demo measures its own models behind whatever walls the kernel has; else all are asked for.

    It may also tell a webhook of this machine at which nobody listens, so that one can be looked at.
    """
    return {**_OF_A_DEMO, **given} if wish.fixtures else given


def _up(installation: Installation, wish: Wish, say: Say) -> None:
    say("Starting PostgreSQL and the message broker.")
    installation.servers()
    say("Bringing the database up to date.")
    installation.migrate()
    say("Starting the log's sequencer, the relay, the workers and the web.")
    installation.work()
    installation.web()
    if wish.fixtures:
        _play(installation, say)
    ports.wait_answer(installation.listener)
    say(f"\nCountersign is ready: {installation.address}")
    if wish.fixtures:
        installation.once("play", "--people")
    if not wish.until_ready:
        installation.compile_kernels()
    say("Press Ctrl-C to stop.")


def _play(installation: Installation, say: Say) -> None:
    marker = installation.places.played
    if progress_of(marker) is Played.DONE:
        return
    say("Playing the demo portfolio: real models, measured on real data by the workers.")
    marker.write_text(Played.BEGUN)
    if installation.once("play") != 0:
        raise LocalRefused("The demo portfolio could not be played; the reason stands above.")
    marker.write_text(Played.DONE)


def progress_of(marker: Path) -> Played:
    return Played(marker.read_text()) if marker.exists() else Played.NO


def _clear_when_needed(places: Places, wish: Wish, say: Say) -> None:
    if wish.reset:
        say(f"Starting over: the data in {places.state} are removed.")
        clear(places)
    elif wish.fixtures and progress_of(places.played) is Played.BEGUN:
        say("An earlier demo was stopped before its portfolio was complete; starting over.")
        clear(places)


def clear(places: Places) -> None:
    """Remove what an installation made; the copied server programs and unknown files stay."""
    for path in places.removable():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
