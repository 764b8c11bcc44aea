"""One signed HTTP connection pool: the budget, then the signature, then the bytes; reads repeated, writes never."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote

import httpx

from trading.engine.evidence import heard, listening
from trading.venues.delta.clock import VenueClock
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.direct import Direct
from trading.venues.delta.errors import DeltaError, ErrorClass
from trading.venues.delta.fields import BadField, need_decimal
from trading.venues.delta.limits import BudgetSpent, Limits, Priority
from trading.venues.delta.signing import Signer
from trading.venues.delta.wire import Reply, dumps, read_reply

log = logging.getLogger("trading.venues.delta")
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Call:
    """A request before it is built: what, how heavy (§6), how important, and whether it is signed."""

    method: str
    path: str
    weight: int
    query: Query = ()
    body: Mapping[str, object] | None = None
    signed: bool = True
    priority: Priority = Priority.READ
    max_wait: float = 10.0

    @property
    def target(self) -> str:
        """Path and query as they go on the wire: percent-encoded, in the given order."""
        if not self.query:
            return self.path
        return self.path + "?" + "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in self.query)


@dataclass(slots=True)
class RoundTrips:
    """The newest round trips in milliseconds, and when the newest of them and of the answers 429 came (``mono``)."""

    recent: deque[float] = field(default_factory=lambda: deque(maxlen=512))
    timed: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=512))
    throttled: deque[float] = field(default_factory=lambda: deque(maxlen=512))

    def took(self, milliseconds: float, at: float) -> None:
        """Note a round trip that ended at ``at``."""
        self.recent.append(milliseconds)
        self.timed.append((at, milliseconds))

    def slowest_since(self, share: float, horizon: float) -> float | None:
        """The round trip that ``share`` of those since ``horizon`` did not exceed; None without any."""
        ordered = sorted(milliseconds for at, milliseconds in self.timed if at >= horizon)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None

    def throttled_since(self, horizon: float) -> int:
        """How many answers since ``horizon`` were 429."""
        return sum(at >= horizon for at in self.throttled)

    def percentile(self, share: float) -> float | None:
        """The round trip that ``share`` (0 to 1) of the recent ones did not exceed; None without any."""
        if not self.recent:
            return None
        ordered = sorted(self.recent)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class Transport:
    """Sends calls over one pool of connections. ``http`` replaces the network in tests; ``mono``, ``sleep`` and
    ``jitter`` are injected.
    """

    def __init__(
        self,
        config: DeltaConfig,
        clock: VenueClock,
        limits: Limits,
        *,
        http: httpx.AsyncBaseTransport | None = None,
        mono: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.config = config
        self.clock = clock
        self.limits = limits
        self.round_trips = RoundTrips()
        self._signer = Signer(config.api_key, config.api_secret)
        self._mono = mono
        self._sleep = sleep
        self._jitter = jitter
        self._http = http or Direct(ipv4_only=config.ipv4_only, keepalive_seconds=config.keepalive_seconds)
        self._timeout = httpx.Timeout(config.read_timeout, connect=config.connect_timeout).as_dict()
        self._headers = (
            (b"User-Agent", config.user_agent.encode()),
            (b"Accept", b"application/json"),
            (b"Content-Type", b"application/json"),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def read(self, call: Call) -> Reply:
        """A read: repeated with a growing, jittered pause while that may help. Raises DeltaError."""
        attempt = 1
        while True:
            try:
                return await self._resynced(call)
            except DeltaError as error:
                if not error.retryable or attempt >= self.config.read_attempts:
                    raise
                log.info("Reading %s again: %s", call.path, error.detail, extra={"event": "delta_read_again"})
            await self._sleep(self.config.read_backoff_seconds * 2 ** (attempt - 1) * (0.5 + self._jitter()))
            attempt += 1

    async def write(self, call: Call) -> Reply:
        """A write: sent once. Raises DeltaError, whose ``definitive`` says whether the venue certainly did nothing."""
        return await self._resynced(call)

    async def _resynced(self, call: Call) -> Reply:
        """Send; a signature that was too old was certainly not acted upon, so the clock is set and it is sent again."""
        try:
            return await self._once(call)
        except DeltaError as error:
            if error.error_class is not ErrorClass.CLOCK or not call.signed:
                raise
            try:
                server_time = need_decimal(error.context, "server_time")
            except BadField:
                raise error from None
            self.clock.sync_signing(float(server_time))
            log.warning(
                "The clock was off by %.0f ms and has been set", self.clock.skew_ms, extra={"event": "delta_clock_set"}
            )
        return await self._once(call)

    async def _once(self, call: Call) -> Reply:
        if call.signed and not self.config.has_keys:
            raise DeltaError("no_keys", "No key is configured")
        bucket = self.limits.bucket(signed=call.signed)
        try:
            await bucket.acquire(call.weight, call.priority, max_wait=call.max_wait)
        except BudgetSpent as spent:
            raise DeltaError("rate_budget", str(spent).capitalize()) from None
        response = await self._send(self._build(call))
        if listening():
            heard(f"{call.method} {call.target}", f"HTTP {response.status_code} {response.text}")
        try:
            return read_reply(response.status_code, response.headers, response.content)
        except DeltaError as error:
            if error.error_class is ErrorClass.RATE:
                bucket.block(float(error.context.get("reset_ms", 1000.0)) / 1000)
                self.round_trips.throttled.append(self._mono())
            raise self._scrubbed(error) from None

    async def _timed(self, request: httpx.Request) -> httpx.Response:
        """The whole answer. How long it took is noted, and so is how long one was waited for in vain."""
        started, counts = self._mono(), False
        try:
            response = await self._http.handle_async_request(request)
            try:
                await response.aread()
            finally:
                await response.aclose()
            counts = True
            return response
        except httpx.TimeoutException as error:
            # Who waits for a free connection waits for us, not for the exchange.
            counts = not isinstance(error, httpx.PoolTimeout)
            raise
        finally:
            if counts:
                self.round_trips.took((self._mono() - started) * 1000, self._mono())

    def _build(self, call: Call) -> httpx.Request:
        """The request with a signature over exactly the target and the bytes that will leave.

        Put together from parts: the client's own ``build_request`` takes six times as long, in the path of every close.
        """
        body = b"" if call.body is None else dumps(call.body)
        url = _url(self.config.rest_url + call.target)
        headers = [(b"Host", url.netloc), *self._headers]
        if call.signed:
            target = url.raw_path.decode("ascii")
            signed = self._signer.headers(call.method, self.clock.signing_seconds(), target, body)
            headers.extend((name.encode(), value.encode()) for name, value in signed.items())
        if body:
            headers.append((b"Content-Length", b"%d" % len(body)))
        stream, extensions = httpx.ByteStream(body), {"timeout": self._timeout}
        return httpx.Request(call.method, url, headers=headers, stream=stream, extensions=extensions)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """The answer, or the trouble as ours. A client around the transport would add cookies, redirects and a login
        that nobody wants here, in the path of every close.
        """
        try:
            return await self._timed(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise DeltaError("not_sent", f"No connection to the exchange ({type(error).__name__})") from None
        except httpx.TimeoutException as error:
            raise DeltaError("timeout", f"No answer in time ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise DeltaError("disconnected", f"The connection broke ({type(error).__name__})") from None

    def _scrubbed(self, error: DeltaError) -> DeltaError:
        detail = self._signer.scrub(error.detail)
        if detail == error.detail:
            return error
        return DeltaError(self._signer.scrub(error.code), detail, status=error.status, context=error.context)


@lru_cache(maxsize=64)
def _url(address: str) -> httpx.URL:
    """Parsed once: orders always go to the same address."""
    return httpx.URL(address)
