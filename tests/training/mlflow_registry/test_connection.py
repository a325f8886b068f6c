"""Whether anybody answers where MLflow should be."""

import ipaddress
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.http_servers import serving
from training.errors import RegistryError
from training.mlflow_registry.connection import ANSWERS_WITHIN, check_answers, translated, without_secret


class Refuses(BaseHTTPRequestHandler):
    """Answers, though it lets nobody in."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_words: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("uri", ["sqlite:////nowhere/mlflow.db", "file:///nowhere", "databricks"])
def test_files_and_the_like_are_not_asked(uri: str) -> None:
    check_answers(uri)


def test_whoever_answers_is_there_whatever_the_answer() -> None:
    with serving(HTTPServer(("127.0.0.1", 0), Refuses)) as port:
        check_answers(f"http://127.0.0.1:{port}/")


def test_a_certificate_that_is_not_trusted_is_left_to_mlflow(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Refuses)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with serving(server) as port:
        check_answers(f"https://127.0.0.1:{port}")


def certificate(folder: Path) -> Path:
    """A certificate of nobody known for this machine, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_nobody_is_named_at_once() -> None:
    with pytest.raises(RegistryError, match=r"MLflow at http://127\.0\.0\.1:9 does not answer: .*refused; start it"):
        check_answers("http://me:secret@127.0.0.1:9/")


def test_silence_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ANSWERS_WITHIN < 10
    monkeypatch.setattr("training.mlflow_registry.connection.ANSWERS_WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        with pytest.raises(RegistryError, match="does not answer within"):
            check_answers(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert time.monotonic() - started >= 0.2


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(RegistryError, match=r"MLflow at http://127\.0\.0\.1:port does not answer"):
        check_answers("http://127.0.0.1:port")


def test_no_error_carries_a_password() -> None:
    assert without_secret("request to http://me:secret@host/api failed") == "request to http://host/api failed"
    with pytest.raises(RegistryError, match=r"^model: MLflow failed: http://host/api: no$"), translated("model"):
        raise OSError("http://me:secret@host/api: no\nmore")
