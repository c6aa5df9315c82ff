"""`login_required`, `role_required`, `permission_required`, and refusals as Django's responses."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Optional

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from ..caller import Caller
from ..refusals import Refused


def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Lets in requests that have a `jwt_user`; answers others with a problem: 401, or 503 where that can't be known now.

    For functions, sync or async. For classes: `method_decorator(login_required, name="dispatch")`.
    """

    return _guarded(view, lambda _: None)


def role_required(role: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`@role_required("clerk")`: `login_required`, and 403 for who has not this role."""
    return lambda view: _guarded(view, lambda caller: caller.require_role(role))


def permission_required(permission: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`@permission_required("orders:read")`: `login_required`, and 403 for who has no permission that covers this one."""
    return lambda view: _guarded(view, lambda caller: caller.require(permission))


def _guarded(view: Callable[..., Any], meets: Callable[[Caller], None]) -> Callable[..., Any]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refusal = _refusal(request, _met(request).jwt_user, meets)
        return view(request, *args, **kwargs) if refusal is None else refusal_response(refusal, request)

    @wraps(view)
    async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refusal = _refusal(request, await _met(request).ajwt_user(), meets)
        return await view(request, *args, **kwargs) if refusal is None else refusal_response(refusal, request)

    return guarded_async if iscoroutinefunction(view) else guarded


def _met(request: Any) -> Any:
    if not hasattr(request, "menjin"):
        raise ImproperlyConfigured("add 'menjin.django.MenjinMiddleware' to MIDDLEWARE: login_required needs it")
    return request


def _refusal(request: Any, user: Any, meets: Callable[[Caller], None]) -> Optional[Refused]:
    if user is None:
        return request.menjin.refusal or Refused("token_missing")
    try:
        meets(request.menjin.need_caller())
    except Refused as refusal:
        return refusal
    return None


def refusal_response(refusal: Refused, request: HttpRequest) -> HttpResponse:
    """The problem, in the client's language."""
    language = request.META.get("HTTP_ACCEPT_LANGUAGE")
    headers = refusal.headers(language)
    response = HttpResponse(
        refusal.body(language), status=refusal.status, content_type=headers.pop("Content-Type"), headers=headers
    )
    return response
