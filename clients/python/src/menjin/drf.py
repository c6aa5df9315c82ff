"""menjin for Django REST framework: an authentication class that works beside others.

    REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["menjin.drf.MenjinAuthentication", …]}

The settings are those of `menjin.django`. `request.user` is the user whom PAYLOAD_TO_USER gives, `request.auth` the `Caller`.
"""

from __future__ import annotations

from typing import Any, Optional

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
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
        problem = refusal.problem(request.META.get("HTTP_ACCEPT_LANGUAGE"))
        detail = {name: problem[name] for name in ("detail", "code", "action")}
        kind = CantTellNow if refusal.status == 503 else AuthenticationFailed
        return kind(detail, code=refusal.code)
