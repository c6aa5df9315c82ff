"""`login_required`, and refusals as Django's responses."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Optional

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from ..refusals import Refused


def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Lets in requests that have a `jwt_user`; answers others with a problem: 401, or 503 where that can't be known now.

    For functions, sync or async. For classes: `method_decorator(login_required, name="dispatch")`.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refusal = _refusal(request, _met(request).jwt_user)
        return view(request, *args, **kwargs) if refusal is None else refusal_response(refusal, request)

    @wraps(view)
    async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refusal = _refusal(request, await _met(request).ajwt_user())
        return await view(request, *args, **kwargs) if refusal is None else refusal_response(refusal, request)

    return guarded_async if iscoroutinefunction(view) else guarded


def _met(request: Any) -> Any:
    if not hasattr(request, "menjin"):
        raise ImproperlyConfigured("add 'menjin.django.MenjinMiddleware' to MIDDLEWARE: login_required needs it")
    return request


def _refusal(request: Any, user: Any) -> Optional[Refused]:
    return None if user is not None else request.menjin.refusal or Refused("token_missing")


def refusal_response(refusal: Refused, request: HttpRequest) -> HttpResponse:
    """The problem, in the client's language."""
    language = request.META.get("HTTP_ACCEPT_LANGUAGE")
    headers = refusal.headers(language)
    response = HttpResponse(
        refusal.body(language), status=refusal.status, content_type=headers.pop("Content-Type"), headers=headers
    )
    return response
