"""A provider of OpenID Connect that does what each test tells it to: mostly wrong."""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from apps.access.providers import Provider, read_providers

CLIENT, SECRET = "countersign", "a-secret-of-the-client"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Hostile:
    """The provider: `claims`, `header` and `twist` change what it signs, `lies` what it answers."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "u-1", "name": "Una", "preferred_username": "una"}
        self.header: dict[str, Any] = {"kid": "k1"}
        self.lies: dict[str, Any] = {}
        self.key: Any = _KEY
        self.algorithm = "RS256"
        self.described: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.seen: list[str] = []
        self.kid = "k1"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def provider(self, folder: Path, key: str = "bank", **fields: Any) -> Provider:
        """The provider as a file of the installation names it."""
        secret = folder / "secret"
        secret.write_text(SECRET)
        told = {
            "title": "Bank directory",
            "issuer": self.url,
            "client": CLIENT,
            "secret_file": str(secret),
            "hosts": [f"{self.url}=127.0.0.0/8"],
            **fields,
        }
        path = folder / "providers.yaml"
        path.write_text(json.dumps({"providers": {key: told}}))
        return read_providers(str(path))[key]

    def agree(self, question: dict[str, str]) -> str:
        """What a browser would be sent back with, once its person agreed."""
        code = f"code-{len(self.codes)}"
        self.codes[code] = question
        return code

    def documents(self) -> dict[str, Any]:
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/me",
                "code_challenge_methods_supported": ["S256"],
                **self.described,
            },
            "/keys": {"keys": [{**public(_KEY), "kid": self.kid, "use": "sig"}]},
            "/me": {"sub": "u-1", "groups": ["officers"]},
        }

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        question = self.codes.pop(form["code"], None)
        proof = (
            urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        )
        if question is None or proof != question["code_challenge"]:
            return {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": question["nonce"]}
        claims |= self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode(claims, self.key, self.algorithm, headers=self.header)
        return {"id_token": signed, "access_token": "opaque", "token_type": "Bearer"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.seen.append(self.path)
                self._send(provider.documents().get(self.path))

            def do_POST(self) -> None:
                provider.seen.append(self.path)
                raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(raw).items()}
                self._send(provider.token(form))

            def _send(self, found: Any) -> None:
                lie = provider.lies.get(self.path)
                if lie is not None:
                    lie(self)
                    return
                body = json.dumps(found).encode()
                self.send_response(200 if found and "error" not in found else 400)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def public(key: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {name: value for name, value in found.items() if name != "key_ops"}


def public_pem() -> bytes:
    """The public key as the text with which a careless service would check an HMAC."""
    return _KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def stranger() -> Any:
    """A key that nobody publishes."""
    return _OTHER
