"""menjin for Flask: `current_user`, `session_data`, `login_required`, `role_required`, `permission_required`.

app.config["MENJIN"] = {"ISSUER": …, "AUDIENCE": …, "APP": …, "SECRET": …}
Menjin(app)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Optional

from flask import Flask, Response, current_app, g, request
from werkzeug.local import LocalProxy

from .caller import Caller
from .refusals import Refused
from .session_data import SessionData
from .settings import Settings
from .visit import Visit

_KEY = "MENJIN"
_EXTENSION = "menjin"


class Menjin:
    """The extension. `user_loader` makes your own user of a token's claims, or None; without one it is the `Caller`."""

    def __init__(
        self, app: Optional[Flask] = None, user_loader: Optional[Callable[[dict[str, Any]], Any]] = None
    ) -> None:
        self._load = user_loader
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Reads `app.config["MENJIN"]`; raises `ConfigurationError` with all that is wrong in it."""
        app.extensions[_EXTENSION] = self
        self.settings = Settings(app.config.get(_KEY, {}))
        app.after_request(_save)
        app.register_error_handler(Refused, _answer)

    def user_loader(self, function: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        """Decorates the function that makes your own user."""
        self._load = function
        return function

    def user(self) -> Any:
        """Of this request; None when the token is missing or bad."""
        if "menjin_user" not in g:
            g.menjin_user = self._user_of(visit())
        return g.menjin_user

    def _user_of(self, visit: Visit) -> Any:
        caller = visit.caller
        if caller is None or self._load is None:
            return caller
        user = self._load(dict(caller.claims))
        if user is None:
            visit.refuse(Refused("user_disabled", "user_loader knows nobody of this name"))
        return user


def visit() -> Visit:
    """What this request's `Authorization` header comes to."""
    known: Optional[Visit] = g.get("menjin_visit")
    if known is None:
        known = g.menjin_visit = Visit(_extension().settings, request.headers.get("Authorization"))
    return known


def _extension() -> Menjin:
    extension: Menjin = current_app.extensions[_EXTENSION]
    return extension


def _caller() -> Optional[Caller]:
    return visit().caller


# Whoever `user_loader` gives, or the `Caller`; false when the token is missing or bad.
current_user: Any = LocalProxy(lambda: _extension().user())
# What the token says, whatever `user_loader` makes of it; false when it is missing or bad.
current_caller: Caller = LocalProxy(_caller)  # type: ignore[assignment]
# The session's data, saved with the response; empty when the token is missing or bad.
session_data: SessionData = LocalProxy(lambda: visit().session)  # type: ignore[assignment]
# What belongs to the person in all their sessions, likewise.
user_data: SessionData = LocalProxy(lambda: visit().user_data)  # type: ignore[assignment]


def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Lets in requests that have a `current_user`; answers others with a problem: 401, or 503 where that can't be known now."""

    return _guarded(view, lambda _: None)


def role_required(role: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`@role_required("clerk")`: `login_required`, and 403 for who has not this role."""
    return lambda view: _guarded(view, lambda caller: caller.require_role(role))


def permission_required(permission: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`@permission_required("orders:read")`: `login_required`, and 403 for who has no permission that covers this one."""
    return lambda view: _guarded(view, lambda caller: caller.require(permission))


def _guarded(view: Callable[..., Any], meets: Callable[[Caller], None]) -> Callable[..., Any]:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if _extension().user() is None:
            raise visit().refusal or Refused("token_missing")
        meets(visit().need_caller())
        return current_app.ensure_sync(view)(*args, **kwargs)

    return guarded


def _answer(refusal: Refused) -> Response:
    language = request.headers.get("Accept-Language")
    return Response(refusal.body(language), refusal.status, refusal.headers(language))


def _save(response: Response) -> Response:
    if "menjin_visit" not in g or response.status_code >= 500:
        return response
    try:
        g.menjin_visit.save()
    except Refused as refusal:
        return _answer(refusal)
    return response
