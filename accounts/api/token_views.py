"""Personal API tokens over the API: listed with any token, made and ended with a login of one's own only."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api.authentication import scopes_of
from accounts.api.permissions import IsViewer
from accounts.api.serializers import ApiTokenInput, ApiTokenList, ApiTokenMade, ApiTokenQuery, ApiTokenRead
from accounts.models import ApiToken, User
from accounts.scopes import SCOPES


class OwnLogin(BasePermission):
    """DRF: to change tokens, a web session or the tokens of an unnarrowed login; else one token could make others."""

    message = "Sign in with your password to manage tokens; a personal or narrowed token cannot."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the credential is the user's own login."""
        narrowed = isinstance(request.auth, ApiToken) or set(scopes_of(request.auth)) != set(SCOPES)
        return request.method in SAFE_METHODS or not narrowed


class TokenAPI(APIView):
    """What both views share."""

    permission_classes = (IsViewer, OwnLogin)
    write_scopes = SCOPES

    def who(self, request: Request) -> User:
        """The caller, whom the permissions have let through."""
        assert isinstance(request.user, User)
        return request.user


class ApiTokensView(TokenAPI):
    """One's own personal tokens."""

    @extend_schema(operation_id="auth_tokens", parameters=[ApiTokenQuery], responses=ApiTokenList)
    def get(self, request: Request) -> Response:
        """200 with a page of them, without their secrets; 422 for a page out of its range."""
        asked = ApiTokenQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        number, size = asked.validated_data["page"], asked.validated_data["page_size"]
        found = selectors.api_tokens_of(self.who(request))
        total = found.count()
        items = ApiTokenRead(found[(number - 1) * size : number * size], many=True).data
        pages = {"total": total, "page": number, "page_size": size, "pages": -(-total // size)}
        return Response({"items": items, **pages})

    @extend_schema(operation_id="auth_token_create", request=ApiTokenInput, responses={201: ApiTokenMade})
    def post(self, request: Request) -> Response:
        """201 with the secret, shown this once; 403 for who is no operator, 409 with twenty good ones, 422."""
        given = ApiTokenInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        token, secret = services.create_api_token(
            actor=self.who(request),
            name=data["name"],
            asked=data["scopes"],
            days=data["days"],
            request=request._request,
            source="api",
        )
        body = {**ApiTokenRead(token).data, "token": secret}
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class ApiTokenView(TokenAPI):
    """One personal token."""

    @extend_schema(operation_id="auth_token_revoke", responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """204, also when it had ended before; 404 `Token not found`."""
        services.revoke_api_token(actor=self.who(request), token_id=int(pk), request=request._request, source="api")
        return Response(status=status.HTTP_204_NO_CONTENT)
