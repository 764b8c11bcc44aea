"""Signatures (``spec/delta_exchange.md`` §1.2 and §1.4): HMAC-SHA256 over exactly what is sent."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping


class Signer:
    """Signs for one key. Neither key nor secret is ever part of its repr, or of an exception."""

    __slots__ = ("_key", "_secret")

    def __init__(self, api_key: str, api_secret: str) -> None:
        self._key = api_key
        self._secret = api_secret.encode()

    def __repr__(self) -> str:
        return "Signer(***)"

    def signature(self, method: str, timestamp: int, target: str, body: bytes = b"") -> str:
        """Hex signature of ``METHOD + timestamp + target + body``; ``target`` is the path with its query as sent."""
        return hmac.new(self._secret, prehash(method, timestamp, target, body), hashlib.sha256).hexdigest()

    def headers(self, method: str, timestamp: int, target: str, body: bytes = b"") -> dict[str, str]:
        """The three headers of a signed request; ``timestamp`` is unix seconds."""
        return {
            "api-key": self._key,
            "timestamp": str(timestamp),
            "signature": self.signature(method, timestamp, target, body),
        }

    def ws_auth(self, timestamp: int, kind: str = "key-auth") -> Mapping[str, object]:
        """The frame that authenticates a private socket."""
        payload = {
            "api-key": self._key,
            "signature": self.signature("GET", timestamp, "/live"),
            "timestamp": str(timestamp),
        }
        return {"type": kind, "payload": payload}

    def scrub(self, text: str) -> str:
        """``text`` without key and secret, should an answer or an exception repeat them."""
        for secret in (self._key, self._secret.decode()):
            if secret:
                text = text.replace(secret, "***")
        return text


def prehash(method: str, timestamp: int, target: str, body: bytes = b"") -> bytes:
    """The bytes that are signed."""
    return f"{method.upper()}{timestamp}{target}".encode() + body
