"""The rules of ``accounts.permissions`` as DRF permission classes."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.permissions import OPERATE_REFUSED, VIEW_REFUSED, can_operate, can_view


class IsViewer(BasePermission):
    """DRF: may see the platform."""

    message = VIEW_REFUSED

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller has the right to view."""
        return can_view(request.user)


class IsOperator(BasePermission):
    """DRF: may control sessions and edit configurations."""

    message = OPERATE_REFUSED

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller has the right to operate."""
        return can_operate(request.user)


class ViewOrOperate(BasePermission):
    """DRF: reading (GET, HEAD, OPTIONS) needs the right to view, everything else the right to operate."""

    message = OPERATE_REFUSED

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller has the right that the method asks for."""
        return can_view(request.user) if request.method in SAFE_METHODS else can_operate(request.user)
