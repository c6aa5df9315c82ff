"""menjin for Django REST framework: an authentication class that works beside others.

    REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["menjin.drf.MenjinAuthentication", …]}

`permission_classes = [needs_permission("orders:read")]` and `[needs_role("clerk")]` say who may, where the caller is menjin's.

The settings are those of `menjin.django`. `request.user` is the user whom PAYLOAD_TO_USER gives, `request.auth` the `Caller`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from .caller import Caller
from .django.visiting import enter
from .refusals import RETRY_SECONDS, Refused


class CantTellNow(APIException):  # type: ignore[misc]  # DRF brings no types.
    """Neither good nor bad: what is needed to tell can't be read at the moment."""

    status_code = 503
    wait = RETRY_SECONDS


class MenjinAuthentication(BaseAuthentication):  # type: ignore[misc]
    """None without a token, so that the next class is asked; `AuthenticationFailed` with the reason for a bad one."""

    def authenticate(self, request: Request) -> Optional[tuple[Any, Caller]]:
        """The user and their token's caller."""
        django_request = request._request
        visit = enter(django_request)
        caller = visit.caller
        user = django_request.jwt_user if caller else None
        refusal = visit.refusal
        if refusal is not None and refusal.code == "token_missing":
            return None
        if refusal is not None:
            raise self._failed(refusal, request)
        return user, caller  # type: ignore[return-value]

    def authenticate_header(self, request: Request) -> str:
        """What makes it a 401: the challenge, with the reason where there was a token."""
        visit = enter(request._request)
        return (visit.refusal and visit.refusal.challenge) or Refused("token_missing").challenge or "Bearer"

    def _failed(self, refusal: Refused, request: Request) -> APIException:
        kind = CantTellNow if refusal.status == 503 else AuthenticationFailed
        return kind(_told(refusal, request), code=refusal.code)


def _told(refusal: Refused, request: Request) -> dict[str, Any]:
    problem = refusal.problem(request.META.get("HTTP_ACCEPT_LANGUAGE"))
    return {name: problem[name] for name in ("detail", "code", "action")}


def needs_permission(permission: str) -> type[BasePermission]:
    """A class for `permission_classes`: one of the caller's permissions covers this one, such as `orders:read`."""
    return _needs(lambda caller: caller.require(permission))


def needs_role(role: str) -> type[BasePermission]:
    """A class for `permission_classes`: the caller has this role."""
    return _needs(lambda caller: caller.require_role(role))


def _needs(meets: Callable[[Caller], None]) -> type[BasePermission]:
    class Needs(BasePermission):  # type: ignore[misc]
        """Nobody passes whom another class has authenticated: menjin knows nothing of what they may."""

        code = "forbidden"

        def has_permission(self, request: Request, view: Any) -> bool:
            try:
                if not isinstance(request.auth, Caller):
                    raise Refused("forbidden", "a caller who is not menjin's")
                meets(request.auth)
            except Refused as refusal:
                self.message, self.code = _told(refusal, request), refusal.code
                return False
            return True

    return Needs
