"""A Django request that knows who it comes from: lazily, so that a view that does not ask costs nothing."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any, Optional

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.utils.asyncio import async_unsafe

from ..session_data import SessionData
from ..visit import Visit
from . import configuration, users

_WAITS = "the session's data is read over the network: `session = await request.ajwt_session()` first"


class DjangoSessionData(SessionData):
    """Says so when it is read where it would hold up an event loop."""

    _ask = async_unsafe(_WAITS)(SessionData._ask)


class DjangoVisit(Visit):
    """A visit whose data is Django's."""

    _data_kind = DjangoSessionData


class _Visited:
    """What is laid before the class of a request. Plain attributes could not be lazy and None at once."""

    menjin: DjangoVisit

    @cached_property
    def jwt_user(self) -> Any:
        """Whoever PAYLOAD_TO_USER makes of the token's claims; None when the token is missing or bad."""
        return users.of(self.menjin)

    @property
    def jwt_session(self) -> SessionData:
        """The session's data, saved with the response; empty when the token is missing or bad."""
        return self.menjin.session

    async def ajwt_user(self) -> Any:
        """`jwt_user` in an async view."""
        return await sync_to_async(lambda: self.jwt_user)()

    async def ajwt_session(self) -> SessionData:
        """`jwt_session` in an async view, read already."""
        return await sync_to_async(self._read_session, thread_sensitive=False)()

    def _read_session(self) -> SessionData:
        session = self.menjin.session
        len(session)
        return session


def enter(request: HttpRequest) -> DjangoVisit:
    """Gives the request its visit, once."""
    visit: Optional[DjangoVisit] = getattr(request, "menjin", None)
    if visit is None:
        visit = DjangoVisit(configuration.current(), request.META.get("HTTP_AUTHORIZATION"))
        kind: Any = request.__class__
        request.__class__ = _visited(kind)
        request.menjin = visit  # type: ignore[attr-defined]
    return visit


@cache
def _visited(kind: Any) -> Any:
    return type(kind.__name__, (_Visited, kind), {"__module__": kind.__module__})
