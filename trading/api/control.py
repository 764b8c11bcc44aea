"""The API that commands the engine, and that says how it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import require_scope
from accounts.api.permissions import IsViewer
from accounts.api.throttling import ControlThrottle
from accounts.models import User
from accounts.scopes import CONTROL, PANIC
from trading.api.runtime_schema import RuntimeRead
from trading.api.serializers import CommandRead, ControlInput, ControlRead, HeartbeatRead, ModeInput, ModeRead
from trading.selectors.runtime import current_runtime, heartbeat, trading_mode
from trading.selectors.sessions import engine_command
from trading.services.control import KEY_LENGTH, request_control, set_trading_mode
from trading.services.guards import REASON_LENGTH

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": KEY_LENGTH},
    OpenApiParameter.HEADER,
    description="At most 80 characters; the same key gets the same answer and makes no second command. "
    "That of a panic counts only while the panic is in force.",
)


class TradingView(APIView):
    """Base: whoever may see the platform may read. Who may write is the service's to judge, which audits a refusal."""

    permission_classes = (IsViewer,)


class ControlView(TradingView):
    """Start, stop, restart or panic."""

    throttle_classes = (ControlThrottle,)
    write_scopes = (CONTROL, PANIC)

    @extend_schema(
        operation_id="trading_control", parameters=[IDEMPOTENCY_KEY], request=ControlInput, responses=ControlRead
    )
    def post(self, request: Request) -> Response:
        """200 as soon as the command is stored; 403, 404, 409 `already_running`, `entries_locked`, 422."""
        given = validated(ControlInput(data=_asked(request)))
        require_scope(request.auth, PANIC if given["action"] == "panic" else CONTROL)
        result = request_control(
            actor=caller(request),
            action=given["action"],
            configuration_id=given.get("configuration_id"),
            configuration_name=given.get("configuration"),
            now=given["now"],
            reason=given["reason"],
            leave_open=given["leave_open"],
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            source="api",
            request=request._request,
        )
        return Response(ControlRead(result).data)


class CommandView(TradingView):
    """One command, to wait for the engine's acknowledgement."""

    @extend_schema(operation_id="trading_command", responses=CommandRead)
    def get(self, request: Request, pk: str) -> Response:
        """200; `status` is pending, done or failed."""
        return Response(CommandRead(engine_command(int(pk))).data)


class HeartbeatView(TradingView):
    """A small answer for monitors."""

    @extend_schema(operation_id="trading_heartbeat", responses=HeartbeatRead)
    def get(self, request: Request) -> Response:
        """200 with status, worker and the newest points."""
        return Response(HeartbeatRead(heartbeat()).data)


class RuntimeView(TradingView):
    """The runtime picture."""

    @extend_schema(operation_id="trading_runtime", responses=RuntimeRead)
    def get(self, request: Request) -> Response:
        """200 with every field, whether or not anything runs."""
        return Response(current_runtime())


class ModeView(TradingView):
    """The platform's trading mode."""

    throttle_classes = (ControlThrottle,)

    @extend_schema(operation_id="trading_mode", responses=ModeRead)
    def get(self, request: Request) -> Response:
        """200 with the mode in force."""
        return Response(ModeRead(trading_mode()).data)

    @extend_schema(operation_id="trading_set_mode", request=ModeInput, responses=ModeRead)
    def post(self, request: Request) -> Response:
        """200 with the new mode; 403, 422 (field `confirm` when trading is halted)."""
        given = validated(ModeInput(data=request.data))
        set_trading_mode(actor=caller(request), **given, source="api", request=request._request)
        return Response(ModeRead(trading_mode()).data)


def _asked(request: Request) -> Any:
    """What the request holds. A panic is obeyed whatever came along with it: but for its reason, all of that is left
    out.
    """
    data = request.data
    if isinstance(data, Mapping) and data.get("action") == "panic":
        return {"action": "panic", "reason": str(data.get("reason") or "").replace("\x00", "")[:REASON_LENGTH]}
    return data


def caller(request: Request) -> User:
    """The signed-in user; the permission class has let nobody else through."""
    assert isinstance(request.user, User)
    return request.user


def validated(given: Any) -> dict[str, Any]:
    """The checked input of a serializer; raises DRF's error, which is answered 422 at the fields."""
    given.is_valid(raise_exception=True)
    data: dict[str, Any] = given.validated_data
    return data
