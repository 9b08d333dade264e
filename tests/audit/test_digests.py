from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from apps.audit.commands import record
from apps.audit.digests import own_file
from apps.audit.events import EventName
from apps.audit.forwarding import Forwarder
from apps.audit.models import Event, Pending
from tests.audit.people import MODEL, RELAY


def one() -> Event:
    return record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)


def test_each_committed_event_is_written_down_and_no_other(log):
    before = own_file().read_text().count("\n")
    with transaction.atomic():
        one()
        transaction.set_rollback(True)
    event = one()
    lines = own_file().read_text().splitlines()
    told = json.loads(lines[-1])
    assert (len(lines), told["id"], told["leaf"]) == (before + 1, str(event.pk), bytes(event.leaf_hash).hex())


def test_an_event_removed_before_it_was_sequenced_is_named(log):
    event = one()
    assert Pending.objects.filter(event=event).exists()
    log.attack(
        f"DELETE FROM audit_pending WHERE event_id = '{event.pk}'",  # noqa: S608
        f"DELETE FROM audit_event WHERE id = '{event.pk}'",  # noqa: S608
    )
    log.sequence()
    with pytest.raises(CommandError, match=f"The event {event.pk} was committed at .* it was removed"):
        call_command("audit_fsck")


def test_an_event_changed_before_it_was_sequenced_is_named(log):
    event = one()
    log.attack(
        "UPDATE audit_event SET body = convert_to(replace(convert_from(body, 'UTF8'), 'relay', 'delay'), "  # noqa: S608
        f"'UTF8') WHERE id = '{event.pk}'"
    )
    log.sequence()
    assert any(f"The event {event.pk} is another one than was committed" in fault for fault in log.faults())


def test_a_damaged_line_is_told(log):
    with own_file().open("a") as file:
        file.write("{}\nnonsense\n")
    assert [fault for fault in log.faults() if "is damaged" in fault]


class Receiver:
    """A syslog host for one connection or some datagrams."""

    def __init__(self, kind: socket.SocketKind) -> None:
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]


FORM = re.compile(rb"<110>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ countersign \d+ event-digest - \{.*\}")


def test_what_is_new_goes_to_the_host_once_by_tcp(log, settings):
    host, got = Receiver(socket.SOCK_STREAM), []
    host.socket.listen()

    def take() -> None:
        connection, _ = host.socket.accept()
        with connection:
            while part := connection.recv(65_536):
                got.append(part)

    taking = threading.Thread(target=take)
    taking.start()
    settings.SYSLOG = f"tcp://127.0.0.1:{host.port}"
    assert Forwarder().turn() == Event.objects.count()
    taking.join(5)
    host.socket.close()
    size, _, rest = b"".join(got).partition(b" ")
    assert FORM.fullmatch(rest[: int(size)])
    assert Forwarder().turn() == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key and the certificate of a host called localhost, vouched for by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    place = tmp_path_factory.mktemp("syslog") / "host.pem"
    place.write_bytes(private + made.public_bytes(pem))
    return place


@pytest.mark.parametrize(
    ("host", "trusted"), [("localhost", True), ("localhost", False), ("127.0.0.1", True)]
)
def test_over_tls_only_to_the_host_that_its_certificate_names(log, settings, certificate, host, trusted):
    listening, got = Receiver(socket.SOCK_STREAM), []
    listening.socket.listen()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def take() -> None:
        plain, _ = listening.socket.accept()
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
            while part := connection.recv(65_536):
                got.append(part)

    taking = threading.Thread(target=take)
    taking.start()
    settings.SYSLOG = f"tls://{host}:{listening.port}"
    settings.SYSLOG_CA = str(certificate) if trusted else ""
    good = trusted and host == "localhost"
    assert Forwarder().turn() == (Event.objects.count() if good else 0)
    taking.join(5)
    listening.socket.close()
    size, _, rest = b"".join(got).partition(b" ")
    assert bool(FORM.fullmatch(rest[: int(size or 0)])) == good


def test_by_udp_each_is_a_datagram(log, settings):
    host = Receiver(socket.SOCK_DGRAM)
    settings.SYSLOG = f"udp://127.0.0.1:{host.port}"
    sent = Forwarder().turn()
    host.socket.settimeout(2)
    with host.socket:
        assert all(FORM.fullmatch(host.socket.recv(4096)) for _ in range(sent))


def test_a_host_that_is_away_is_waited_for_and_nothing_is_lost(log, settings):
    host = Receiver(socket.SOCK_STREAM)
    host.socket.close()
    settings.SYSLOG = f"tcp://127.0.0.1:{host.port}"
    assert Forwarder().turn() == 0
    later = Receiver(socket.SOCK_DGRAM)
    settings.SYSLOG = f"udp://127.0.0.1:{later.port}"
    with later.socket:
        assert Forwarder().turn() == Event.objects.count()
