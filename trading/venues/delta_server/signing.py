"""Signatures as the exchange checks them (``spec/delta_exchange.md`` §1.2 to §1.4)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.wire import Request, WireError


def signature(secret: str, prehash: bytes) -> str:
    """Hex HMAC-SHA256 of ``prehash``."""
    return hmac.new(secret.encode(), prehash, hashlib.sha256).hexdigest()


def rest_prehash(request: Request, timestamp: str) -> bytes:
    """Method, timestamp, path, query with its question mark, and body: the bytes on the wire."""
    query = b"?" + request.query if request.query else b""
    return request.method.encode() + timestamp.encode("latin-1") + request.raw_path + query + request.body


class Doorman:
    """Knows the one key there is. ``clocks`` returns the Unix seconds that a timestamp may be close to; the first is
    told to whom is late.
    """

    def __init__(self, config: ServerConfig, clocks: Callable[[], tuple[float, ...]]) -> None:
        self._config = config
        self._clocks = clocks

    def check(self, request: Request, *, trading: bool) -> None:
        """Refuse a request that is not signed by the account's key, in time, from an allowed address."""
        headers = request.headers
        key, timestamp, given = (headers.get(name, "") for name in ("api-key", "timestamp", "signature"))
        if not key:
            raise WireError(401, "unauthorized_api_access")
        self.check_key(key, request.client)
        self._check_time(timestamp)
        expected = signature(self._config.api_secret, rest_prehash(request, timestamp))
        if not hmac.compare_digest(expected, given.lower()):
            raise WireError(401, "signature_mismatch")
        if trading and self._config.read_only:
            raise WireError(401, "unauthorized_api_access")

    def check_key(self, key: str, client: str) -> None:
        """Refuse a key that is not ours, or an address that is not on its list."""
        if not hmac.compare_digest(key.encode(), self._config.api_key.encode()):
            raise WireError(401, "invalid_api_key")
        if self._config.allowed_ips and client not in self._config.allowed_ips:
            raise WireError(401, "ip_not_whitelisted_for_api_key", client_ip=client)

    def _check_time(self, timestamp: str) -> None:
        clocks = self._clocks()
        if not timestamp.isdecimal():
            raise WireError(401, "expired_signature", request_time=timestamp, server_time=int(clocks[0]))
        if not self.timely(timestamp):
            raise WireError(401, "expired_signature", request_time=int(timestamp), server_time=int(clocks[0]))

    def timely(self, timestamp: str) -> bool:
        """Whether a timestamp lies within the window of one of the clocks."""
        return any(abs(clock - int(timestamp)) <= self._config.signature_seconds for clock in self._clocks())

    def socket_login(self, payload: dict[str, object], client: str) -> tuple[int, str]:
        """Status code and word of a ``key-auth`` frame; 200 when it is good."""
        key, timestamp, given = (str(payload.get(name) or "") for name in ("api-key", "timestamp", "signature"))
        if not (key and timestamp and given):
            return 400, "incomplete_payload"
        try:
            self.check_key(key, client)
        except WireError as error:
            return (404, "api_key_not_found") if error.code == "invalid_api_key" else (401, "ip_not_whitelisted")
        if not timestamp.isdecimal() or not self.timely(timestamp):
            return 408, "request_expired"
        expected = signature(self._config.api_secret, f"GET{timestamp}/live".encode())
        return (200, "authenticated") if hmac.compare_digest(expected, given.lower()) else (401, "invalid_signature")
