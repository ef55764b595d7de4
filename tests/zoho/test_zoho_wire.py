from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from migrator_kit.errors import TerminalError, TransientError
from migrator_kit.zoho import ZohoClient, ZohoSettings, faults
from migrator_kit.zoho.settings import Retries


@pytest.fixture
def self_signed(tmp_path):
    """A TLS server on this machine whose certificate nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_certificate_that_is_not_trusted_stops_at_once(self_signed, waits):
    with (
        ZohoClient(ZohoSettings.for_emulator(self_signed), sleep=waits) as client,
        pytest.raises(TerminalError, match="certificate is not trusted"),
    ):
        client.org()
    assert waits == []


def test_an_unknown_host_is_transient_and_named_by_place_only(waits):
    settings = ZohoSettings.for_emulator(
        "https://accounts.zoho.invalid", retries=Retries(attempts=2)
    )
    with (
        ZohoClient(settings, sleep=waits) as client,
        pytest.raises(TransientError, match="no connection"),
    ):
        client.org()
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("", None), ("soon", None), ("-3", None)],
)
def test_retry_after_in_seconds(header, seconds):
    assert faults.retry_after({"Retry-After": header} if header else {}, 0.0) == seconds


def test_retry_after_as_a_date():
    now = datetime(2026, 10, 1, tzinfo=UTC)
    header = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert faults.retry_after({"Retry-After": header}, now.timestamp()) == 90.0
    assert faults.retry_after({"Retry-After": header}, now.timestamp() + 200) == 0.0


@pytest.mark.parametrize(
    ("header", "left"), [("2500", 2500), ("0.0", 0), ("17.5", 17), ("", None), ("many", None)]
)
def test_remaining_credits_of_the_header(header, left):
    assert faults.credits_left(header) == left


def test_a_missing_permission_is_named(toy, client, reply):
    body = {
        "code": "NO_PERMISSION",
        "status": "error",
        "details": {"permissions": ["Crm_Implied_View_Contacts"]},
    }
    toy.on("GET", "/crm/v8/Contacts/1", reply(403, body))
    with pytest.raises(TerminalError, match="Crm_Implied_View_Contacts"):
        client.records.get("Contacts", "1")


def test_an_edition_without_api_is_one_clear_error(toy, client, reply):
    toy.on("GET", "/crm/v8/org", reply(403, {"code": "FEATURE_NOT_SUPPORTED", "status": "error"}))
    with pytest.raises(TerminalError) as caught:
        client.users()
    assert caught.value.code == "FEATURE_NOT_SUPPORTED"
    assert caught.value.hint
