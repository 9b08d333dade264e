"""Keys in a token, tried with SoftHSM where it and python-pkcs11 are installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from apps.audit import hardware, keyring
from apps.audit.commands import rotate_key, service_signer
from apps.audit.errors import Refused
from apps.audit.queries import keys as trusted
from apps.audit.queries import read_statement
from apps.engine.keys import Purpose, signature_holds
from tests.audit.people import RELAY
from tests.audit.test_keys import sealed

pytestmark = pytest.mark.django_db
STATEMENT = Purpose.STATEMENT
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so")
MODULE = next((path for path in MODULES if Path(path).exists()), "")
needs_token = pytest.mark.skipif(
    not (MODULE and shutil.which("softhsm2-util") and importlib.util.find_spec("pkcs11")),
    reason="SoftHSM or python-pkcs11 is not installed",
)


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory) -> Path:
    """A token of its own; the library reads its place once in a process."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    told = ["--init-token", "--free", "--label", "countersign", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run(["softhsm2-util", *told], check=True, capture_output=True)
    pin = folder / "pin"
    pin.write_text("1234\n")
    pin.chmod(0o600)
    return pin


@pytest.fixture
def token(softhsm: Path, monkeypatch) -> Path:
    told = {"KEYS": "pkcs11", "PKCS11_MODULE": MODULE, "PKCS11_TOKEN": "countersign"}
    for name, value in {**told, "PKCS11_PIN_FILE": str(softhsm)}.items():
        monkeypatch.setattr(settings, name, value, raising=False)
    return softhsm


@needs_token
def test_a_key_in_the_token_signs_and_is_registered(token):
    signer = service_signer(by=RELAY, purpose=STATEMENT)
    assert isinstance(signer, hardware.HardwareSigner)
    assert signature_holds(signer.public, signer.sign(b"message"), b"message")
    made = sealed()
    assert made.key_id == signer.key_id
    assert read_statement(made.digest)["predicate"]["outcome"] == "pass"
    assert {path.suffix for path in (settings.STATE / "keys").iterdir()} == {".pkcs11", ""}


@needs_token
def test_a_key_in_the_token_is_rotated(token):
    old, before = service_signer(by=RELAY, purpose=STATEMENT), sealed()
    new = rotate_key(by=RELAY, purpose=STATEMENT, reason="yearly change")
    assert {record.key_id for record in trusted()} == {old.key_id, new.key_id}
    assert sealed().key_id == new.key_id
    assert read_statement(before.digest)


@needs_token
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the library's own clean-up
def test_a_session_that_was_lost_is_opened_again(token):
    signer = service_signer(by=RELAY, purpose=STATEMENT)
    opened = hardware.the_token()._opened
    assert opened is not None
    opened[1].close()
    assert signature_holds(signer.public, signer.sign(b"again"), b"again")


@needs_token
def test_a_wrong_pin_and_an_unknown_token_are_one_sentence(token, monkeypatch):
    wrong = token.with_name("wrong")
    wrong.write_text("0000")
    wrong.chmod(0o600)
    with pytest.raises(Refused, match="does not serve"):
        hardware.Token(MODULE, "countersign", str(wrong)).make("x")
    with pytest.raises(Refused, match='The token "nowhere"'):
        hardware.Token(MODULE, "nowhere", str(token)).make("x")


@needs_token
def test_a_pin_that_others_may_read_is_refused(token):
    open_pin = token.with_name("open")
    open_pin.write_text("1234")
    open_pin.chmod(0o644)
    with pytest.raises(Refused, match="must be 0600"):
        hardware.Token(MODULE, "countersign", str(open_pin)).make("x")


@needs_token
def test_a_key_that_the_token_lost_is_refused(token):
    path = keyring.key_path(STATEMENT)
    path.parent.mkdir(parents=True)
    path.write_text("00" * 16)
    with pytest.raises(Refused, match="has no key"):
        service_signer(by=RELAY, purpose=STATEMENT)


def test_settings_that_are_missing_are_named(monkeypatch):
    told = {"KEYS": "pkcs11", "PKCS11_MODULE": "", "PKCS11_TOKEN": "", "PKCS11_PIN_FILE": ""}
    for name, value in told.items():
        monkeypatch.setattr(settings, name, value, raising=False)
    with pytest.raises(Refused, match="COUNTERSIGN_PKCS11_MODULE must be set"):
        service_signer(by=RELAY, purpose=STATEMENT)


def test_without_the_package_the_service_says_so(monkeypatch):
    told = {"KEYS": "pkcs11", "PKCS11_MODULE": "m", "PKCS11_TOKEN": "t", "PKCS11_PIN_FILE": "p"}
    for name, value in told.items():
        monkeypatch.setattr(settings, name, value, raising=False)
    monkeypatch.setitem(__import__("sys").modules, "pkcs11", None)
    with pytest.raises(Refused, match="needs the package python-pkcs11"):
        service_signer(by=RELAY, purpose=STATEMENT)
