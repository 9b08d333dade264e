"""Keys that never leave a hardware module: Ed25519 by PKCS#11, with SoftHSM as with an HSM.

A key pair is named by its CKA_ID. The module, the token and the file with the PIN come from the settings;
the PIN is read when a session is opened and stands in no command line, log or table.
"""

from __future__ import annotations

import importlib
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings

from apps.audit.errors import Refused
from apps.engine.keys import key_id_of

_T = TypeVar("_T")

# The curve as PKCS#11 3.0 names it (a PrintableString), and by its OID as some modules want it.
_CURVES = (b"\x13\x0cedwards25519", b"\x06\x03\x2b\x65\x70")
_lock = threading.RLock()


class Token:
    """One token of one module; its session is opened when it is first needed, again in each process."""

    def __init__(self, module: str, label: str, pin_file: str) -> None:
        self._module, self._label, self._pin_file = module, label, pin_file
        self._opened: tuple[int, Any] | None = None

    def find(self, ident: bytes) -> HardwareSigner | None:
        """The key pair of this CKA_ID; None when the token has no such pair."""
        found = self.used(lambda session: _public(session, ident))
        return None if found is None else HardwareSigner(self, ident, found)

    def make(self, label: str) -> bytes:
        """Make a key pair in the token that cannot be read out of it; its CKA_ID."""
        ident = secrets.token_bytes(16)
        self.used(lambda session: _generate(session, label, ident))
        return ident

    def used(self, what: Callable[[Any], _T]) -> _T:
        """The answer of the token; a session that was lost is opened once more."""
        pkcs11 = _library()
        with _lock:
            try:
                try:
                    return what(self._session(pkcs11))
                except _lost(pkcs11):
                    self._opened = None
                    return what(self._session(pkcs11))
            except pkcs11.exceptions.PKCS11Error as error:
                self._opened = None
                raise Refused(self._fault(error), code="key_unusable") from error

    def _session(self, pkcs11: Any) -> Any:
        if self._opened is None or self._opened[0] != os.getpid():
            library = pkcs11.lib(self._module)
            if self._opened is not None:  # a process that was forked must begin anew
                library.reinitialize()
            token = library.get_token(token_label=self._label)
            self._opened = os.getpid(), token.open(rw=True, user_pin=self._pin())
        return self._opened[1]

    def _pin(self) -> str:
        path = Path(self._pin_file)
        try:
            if path.stat().st_mode & 0o077:
                raise Refused(
                    f"Others may read the PIN in {path.name}; its mode must be 0600.", code="key_unusable"
                )
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Refused(
                f"The file with the token's PIN ({path}) cannot be read: {error.strerror}.",
                code="key_unusable",
            ) from error

    def _fault(self, error: Exception) -> str:
        said = str(error) or type(error).__name__
        return f'The token "{self._label}" of {self._module} does not serve: {said}.'


class HardwareSigner:
    """An Ed25519 key in a token; only signatures come out of it."""

    def __init__(self, token: Token, ident: bytes, public: bytes) -> None:
        self._token, self._ident, self._public = token, ident, public

    @property
    def key_id(self) -> str:
        """``"sha256:…"`` of the public key's 32 bytes."""
        return key_id_of(self._public)

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature, made inside the token."""
        return self._token.used(lambda session: _signed(session, self._ident, message))

    def __repr__(self) -> str:
        return f"HardwareSigner({self.key_id[:14]}…)"


_tokens: dict[tuple[str, str, str], Token] = {}


def the_token() -> Token:
    """The token that the settings name."""
    named = str(settings.PKCS11_MODULE), str(settings.PKCS11_TOKEN), str(settings.PKCS11_PIN_FILE)
    for value, name in zip(named, ("MODULE", "TOKEN", "PIN_FILE"), strict=True):
        if not value:
            raise Refused(
                f"COUNTERSIGN_KEYS is pkcs11, so COUNTERSIGN_PKCS11_{name} must be set.", code="key_unusable"
            )
    return _tokens.setdefault(named, Token(*named))


def _library() -> Any:
    try:
        return importlib.import_module("pkcs11")
    except ImportError as error:
        raise Refused(
            "COUNTERSIGN_KEYS is pkcs11, which needs the package python-pkcs11; it is not installed.",
            code="key_unusable",
        ) from error


def _lost(pkcs11: Any) -> tuple[type[Exception], ...]:
    names = (
        "SessionHandleInvalid",
        "SessionClosed",
        "DeviceRemoved",
        "UserNotLoggedIn",
        "ObjectHandleInvalid",
    )
    return tuple(getattr(pkcs11.exceptions, n) for n in names if hasattr(pkcs11.exceptions, n))


def _public(session: Any, ident: bytes) -> bytes | None:
    pkcs11 = _library()
    for kind in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY):
        wanted = {pkcs11.Attribute.CLASS: kind, pkcs11.Attribute.ID: ident}
        found = list(session.get_objects(wanted))
        if not found:
            return None
    # The point is wrapped in an OCTET STRING; its last 32 bytes are the key.
    return bytes(found[0][pkcs11.Attribute.EC_POINT])[-32:]


def _generate(session: Any, label: str, ident: bytes) -> None:
    pkcs11 = _library()
    kept = {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False}
    for last, curve in ((False, _CURVES[0]), (True, _CURVES[1])):
        about = {pkcs11.Attribute.EC_PARAMS: curve}
        try:
            session.create_domain_parameters(pkcs11.KeyType.EC_EDWARDS, about, local=True).generate_keypair(
                mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                store=True,
                id=ident,
                label=label,
                private_template=kept,
            )
        except pkcs11.exceptions.PKCS11Error:
            if last:
                raise
        else:
            return


def _signed(session: Any, ident: bytes, message: bytes) -> bytes:
    pkcs11 = _library()
    key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=ident)
    return bytes(key.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
