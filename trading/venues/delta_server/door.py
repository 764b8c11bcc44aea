"""The REST door: faults, the CDN's manners, signature, quota, then the handler."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from typing import Any

from trading.venues.delta_server import account_routes, market_routes, order_queries, order_routes
from trading.venues.delta_server.faults import WireCall, WireFault
from trading.venues.delta_server.limits import Throttled
from trading.venues.delta_server.router import PUBLIC, TRADE, Route, rest
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.wire import Request, Response, WireError, encode, failure, html, refused, success
from trading.venues.simulated.records import ExchangeError

ROUTE_MODULES = (market_routes, account_routes, order_routes, order_queries)
HANG_SECONDS = 60.0
_NUMERIC = re.compile(r"-?\d+(\.\d+)?")


class Hang(Exception):
    """Nobody answers: keep the connection for ``seconds`` and then give up as a gateway would."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer for {seconds} s")
        self.seconds = seconds


class Door:
    """Answers requests on behalf of one server."""

    def __init__(self, server: DeltaServer) -> None:
        self._server = server

    async def answer(self, request: Request) -> Response:
        """The answer to a request. Hang when a fault keeps it from being answered."""
        server, call = self._server, self._call(request)
        if fault := server.faults.take(WireFault.SLOW, call):
            await server.sleep(1.0 if fault.seconds is None else fault.seconds)
        if fault := server.faults.take(WireFault.TIMEOUT_BEFORE, call):
            raise Hang(HANG_SECONDS if fault.seconds is None else fault.seconds)
        response = self._turned_away(request, call) or await self._served(request)
        if fault := server.faults.take(WireFault.TIMEOUT_AFTER, call):
            raise Hang(HANG_SECONDS if fault.seconds is None else fault.seconds)
        if fault := server.faults.take(WireFault.ERROR_AFTER, call):
            return html(fault.status or 502, "The request could not be satisfied.")
        return self._mangled(response, call)

    def _call(self, request: Request) -> WireCall:
        if request.method not in {"POST", "PUT", "DELETE"} or not self._server.faults.armed:
            return WireCall(request.method, request.path)
        try:
            body = request.json()
            named = body.get("product_id"), body.get("product_symbol")
            symbol = self._server.product(*named).symbol if named != (None, None) else ""
        except WireError:
            return WireCall(request.method, request.path)
        reduce_only = body.get("reduce_only") in (True, "true")
        return WireCall(request.method, request.path, symbol, str(body.get("side") or ""), reduce_only)

    def _turned_away(self, request: Request, call: WireCall) -> Response | None:
        faults = self._server.faults
        if not request.headers.get("user-agent"):
            return html(403, "The request could not be satisfied: Request blocked.")
        if fault := faults.take(WireFault.SERVER_ERROR, call):
            return html(fault.status or 503, "The origin server did not answer.")
        if fault := faults.take(WireFault.RATE_LIMIT, call):
            return throttled(int((2.0 if fault.seconds is None else fault.seconds) * 1000))
        if request.path != "/v2/settings" and faults.peek(WireFault.MAINTENANCE):
            return failure(503, "under_maintenance")
        if request.headers.get("api-key") and faults.take(WireFault.IP_REFUSED, call):
            return failure(401, "ip_not_whitelisted_for_api_key", {"client_ip": request.client})
        return None

    async def _served(self, request: Request) -> Response:
        server = self._server
        server.deadman.check()
        found = rest.match(request.method, request.path)
        if found is None:
            return failure(404, "not_found")
        route, values = found
        try:
            self._admit(request, route)
            result = route.handler(server, request, **values)
            if inspect.isawaitable(result):
                result = await result
        except Throttled as limit:
            return throttled(limit.reset_ms)
        except ExchangeError as error:
            refusal = refused(error)
            return failure(refusal.status, refusal.code, refusal.context)
        except WireError as error:
            return failure(error.status, error.code, error.context)
        return result if isinstance(result, Response) else success(result)

    def _admit(self, request: Request, route: Route) -> None:
        signed = route.access != PUBLIC
        if signed:
            self._server.doorman.check(request, trading=route.access == TRADE)
        optional = route.parts[-1] == "quota" and bool(request.headers.get("api-key"))
        if optional:
            self._server.doorman.check(request, trading=False)
        bucket = account_routes.bucket_of(self._server, request, signed=signed or optional)
        self._server.limiter.spend(bucket, route.weight)

    def _mangled(self, response: Response, call: WireCall) -> Response:
        faults = self._server.faults
        if not faults.armed:
            return response
        if faults.take(WireFault.TRUNCATED, call):
            return Response(response.status, response.body[: len(response.body) // 2], response.content_type)
        if fault := faults.take(WireFault.NOT_SUCCESS, call):
            return failure(200, fault.code or "internal_server_error")
        if not response.is_json:
            return response
        if faults.take(WireFault.UNKNOWN_FIELDS, call):
            return _rewritten(response, _with_unknown_fields)
        if faults.take(WireFault.SWAPPED_TYPES, call):
            return _rewritten(response, _with_swapped_types)
        return response


def throttled(reset_ms: int) -> Response:
    """HTTP 429; the shape of its body is documented nowhere, the header is."""
    return failure(429, "rate_limit_exceeded", X_RATE_LIMIT_RESET=str(reset_ms))


def _rewritten(response: Response, change: Callable[[Any], Any]) -> Response:
    body = json.loads(response.body)
    if "result" in body:
        body["result"] = change(body["result"])
    return Response(response.status, encode(body), response.content_type, response.headers)


def _with_unknown_fields(value: Any) -> Any:
    if isinstance(value, dict):
        return {**{key: _with_unknown_fields(item) for key, item in value.items()}, "zz_new": {"since": [1]}}
    return [_with_unknown_fields(item) for item in value] if isinstance(value, list) else value


def _with_swapped_types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_swapped_types(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_swapped_types(item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str) and _NUMERIC.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value
