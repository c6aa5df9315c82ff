"""The middleware: each request gets its visit, and what it changed in the session's data is saved with the response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Optional, Union

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from ..refusals import Refused
from .guarding import refusal_response
from .visiting import DjangoVisit, enter


class MenjinMiddleware:
    """Sets `jwt_user` and `jwt_session`. Refuses nobody: that is `login_required`'s, or the view's."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Union[HttpResponseBase, Awaitable[HttpResponseBase]]:
        visit = enter(request)
        if self._is_async:
            return self._answer(request, visit)
        return _saved(request, visit, self.get_response(request))

    async def _answer(self, request: HttpRequest, visit: DjangoVisit) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)
        if not visit.has_data:
            return response
        return await sync_to_async(_saved, thread_sensitive=False)(request, visit, response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> Optional[HttpResponse]:
        """A view that meets a refusal answers with it: the session ended, or menjin is away."""
        return refusal_response(exception, request) if isinstance(exception, Refused) else None


def _saved(request: HttpRequest, visit: DjangoVisit, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code >= 500:
        return response  # What the view left behind is not whole.
    try:
        visit.save()
    except Refused as refusal:
        return refusal_response(refusal, request)
    return response
