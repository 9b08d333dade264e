"""What a witness keeps: its key, the keys of the logs it knows, and the newest checkpoint of each.

A witness that forgot what it signed could be shown another history, so a folder without its store is
refused: it takes a new folder, with a new key that those who trusted the old one must be told of.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from witness.notes import COSIGNER, LOG, Checkpoint, Key, Malformed

_TABLES = """
CREATE TABLE seen (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL);
CREATE TABLE evidence (origin TEXT, size INTEGER, text TEXT PRIMARY KEY, signatures TEXT);
"""
_MOST_EVIDENCE = 10_000


class FolderRefused(Exception):
    """The folder cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one witness: `key.pem`, `key.pub`, `logs` and `seen.sqlite`."""

    path: Path

    @classmethod
    def init(cls, path: Path, name: str) -> Folder:
        """Make the folder with a new key; one that is there already is left as it is."""
        found = cls(path)
        if (path / "key.pem").exists():
            return found
        if not name or "+" in name or any(c.isspace() for c in name):
            raise FolderRefused(f"{name!r} cannot name a witness: it must not be empty nor hold spaces or +.")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(sqlite3.connect(path / "seen.sqlite")) as store:
            store.executescript(_TABLES)
        key = Ed25519PrivateKey.generate()
        _write(path / "logs", b"")
        public = Key(name, key.public_key().public_bytes_raw(), COSIGNER)
        _write(path / "key.pub", f"{public.text()}\n".encode())
        _write(path / "key.pem", _pem(key))  # last: with it the folder is complete
        return found

    def public(self) -> Key:
        try:
            return Key.parse((self.path / "key.pub").read_text().strip())
        except OSError as error:
            raise FolderRefused(f"{self.path} is no witness's folder; make one with `init`.") from error

    def private(self) -> Ed25519PrivateKey:
        path = self.path / "key.pem"
        try:
            if path.stat().st_mode & 0o077:
                raise FolderRefused(f"Others may read {path}; its mode must be 0600.")
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise FolderRefused(f"The key {path} cannot be read: {error}.") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise FolderRefused(f"{path} is no Ed25519 key.")
        return key

    def trust(self, text: str) -> Key:
        """Know a log from now on by this verifier key; a log may have several."""
        key = Key.parse(text)
        if key.kind != LOG:
            raise Malformed(f"{key.name} is the key of a witness, not of a log.")
        if key not in self.logs():
            with (self.path / "logs").open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")
        return key

    def logs(self) -> list[Key]:
        """The keys of the logs that are known; read at every request, so none needs a restart."""
        return [Key.parse(line) for line in (self.path / "logs").read_text().splitlines() if line.strip()]

    def store(self) -> Store:
        path = self.path / "seen.sqlite"
        if not path.exists():
            raise FolderRefused(
                f"{path} is missing: this witness has forgotten what it signed. Make a new one."
            )
        return Store(path)


@dataclass(frozen=True, slots=True)
class Store:
    """The newest checkpoint of each log, on disk before any answer leaves."""

    path: Path

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """One transaction in which nobody else writes; it is on disk when the block has ended."""
        with closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as store:
            store.execute("PRAGMA synchronous = EXTRA")
            store.execute("BEGIN IMMEDIATE")
            try:
                yield store
            except BaseException:
                store.execute("ROLLBACK")
                raise
            store.execute("COMMIT")


def newest(store: sqlite3.Connection, origin: str) -> tuple[int, bytes] | None:
    row = store.execute("SELECT size, root FROM seen WHERE origin = ?", [origin]).fetchone()
    return None if row is None else (int(row[0]), bytes(row[1]))


def remember(store: sqlite3.Connection, seen: Checkpoint) -> None:
    store.execute(
        "INSERT INTO seen VALUES (?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE "
        "SET size = excluded.size, root = excluded.root, note = excluded.note",
        [seen.origin, seen.size, seen.root, seen.text],
    )


def keep_evidence(store: sqlite3.Connection, found: Checkpoint) -> None:
    """What a log signed and could not be reconciled with what it signed before."""
    if store.execute("SELECT count(*) FROM evidence").fetchone()[0] < _MOST_EVIDENCE:
        signatures = "".join(f"{name} {data.hex()}\n" for name, data in found.signatures)
        store.execute(
            "INSERT OR IGNORE INTO evidence VALUES (?, ?, ?, ?)",
            [found.origin, found.size, found.text, signatures],
        )


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
