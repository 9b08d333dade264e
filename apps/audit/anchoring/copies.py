"""Copies of checkpoints where the service cannot change them afterwards: a folder, a git repository."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from apps.audit.anchoring.store import Head
from apps.audit.errors import Refused

PATIENCE = 60
_BRANCH = "checkpoints"
_PLAIN = re.compile(r"[^A-Za-z0-9.]+")


class NotCopied(Refused):
    """The copy could not be made; `str()` says why."""

    code = "anchor_not_copied"


class Place(Protocol):
    """Somewhere that a checkpoint can be copied to."""

    def put(self, head: Head) -> None: ...


def file_name(head: Head) -> str:
    """Where a checkpoint lies under every place: its log, then its size with leading zeroes."""
    return f"{_PLAIN.sub('-', head.origin)}/{head.size:016d}.note"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of files made once: on a share with retention, or synchronised to object storage."""

    path: Path

    def put(self, head: Head) -> None:
        target = self.path / file_name(head)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        except FileExistsError:
            self._same(target, head)
            return
        except OSError as error:
            raise NotCopied(f"{target} cannot be made: {error.strerror}.") from error
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(head.cosigned())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            target.unlink(missing_ok=True)  # half a copy is none; the next try makes it whole
            raise NotCopied(f"{target} cannot be written: {error.strerror}.") from error

    def _same(self, target: Path, head: Head) -> None:
        """A copy made before must state the same tree; cosignatures may have come since."""
        try:
            kept = target.read_bytes()
        except OSError as error:
            raise NotCopied(f"{target} cannot be read: {error.strerror}.") from error
        text = head.note.partition(b"\n\n")[0]
        if kept.partition(b"\n\n")[0] != text:
            raise NotCopied(f"{target} states another tree of {head.size} events than the log does.")


@dataclass(frozen=True, slots=True)
class Git:
    """A branch of a git repository that only grows; pushes are never forced."""

    remote: str
    work: Path

    def put(self, head: Head) -> None:
        if not (self.work / "HEAD").exists():
            self.work.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._git("init", "--quiet", "--bare", ".")
        there = self._git("ls-remote", "--", self.remote, f"refs/heads/{_BRANCH}").split()
        parent = there[0] if there else ""
        if parent:
            self._git("fetch", "--quiet", "--no-tags", "--", self.remote, f"refs/heads/{_BRANCH}")
        name = file_name(head)
        if parent and self._git("ls-tree", "--name-only", parent, "--", name).strip():
            return
        commit = self._commit(name, head, parent)
        self._git("push", "--quiet", "--", self.remote, f"{commit}:refs/heads/{_BRANCH}")

    def _commit(self, name: str, head: Head, parent: str) -> str:
        index = {"GIT_INDEX_FILE": str(self.work / "index.anchor")}
        self._git("read-tree", parent or "--empty", extra=index)
        blob = self._git("hash-object", "-w", "--stdin", data=head.cosigned()).strip()
        self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", extra=index)
        tree = self._git("write-tree", extra=index).strip()
        words = f"{head.size} events of {head.origin}"
        parents = ["-p", parent] if parent else []
        return self._git("commit-tree", tree, *parents, "-m", words).strip()

    def _git(self, *words: str, data: bytes = b"", extra: dict[str, str] | None = None) -> str:
        """One git command: no shell, no prompt, no hook, no transport that runs programs."""
        try:
            done = subprocess.run(
                ["git", "-c", "core.hooksPath=/dev/null", *words],
                cwd=self.work,
                env={**_environment(), **(extra or {})},
                input=data,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotCopied(f"git {words[0]} did not end as it should: {error}.") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1][:300]
            raise NotCopied(f"git {words[0]} failed: {said or f'exit status {done.returncode}'}.")
        return done.stdout.decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SSH_AUTH_SOCK") if name in os.environ}
    person = {
        f"GIT_{who}_{what}": told
        for who in ("AUTHOR", "COMMITTER")
        for what, told in (("NAME", "Countersign"), ("EMAIL", "log@localhost"))
    }
    return {
        **kept,
        **person,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file:ssh:https",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=10",
        "LC_ALL": "C",
    }
