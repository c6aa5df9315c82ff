"""`jwt_login`: a session of menjin for a user whom this program has authenticated itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal
from django.http import HttpRequest

from ..opening import Opened, open_session
from . import configuration, users
from .visiting import enter

# Sent with `request` and `user`.
user_jwt_logged_in = Signal()

# What only menjin may write into a token (RFC 7519, RFC 9068, OpenID Connect).
_OWN = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "client_id", "auth_time", "acr", "amr", "azp", "nonce"}
_OWN |= {"cnf", "scope", "roles", "permissions", "token_use"}


class Login(str):
    """The access token, as the text that it is; `opened` has the rest, the refresh token among it."""

    opened: Opened


def jwt_login(
    user: Any, request: HttpRequest, expire: Optional[int] = None, *, device: Optional[Mapping[str, str]] = None
) -> Login:
    """Opens a session for `user`; from then on the request is theirs. Gives the token for the client.

    The app needs the scope `sessions:open`. What USER_TO_PAYLOAD gives stands in the token's claims, but for names that
    are menjin's own, such as `exp`. `expire` does nothing: how long tokens and sessions last is said in menjin.toml.
    """
    del expire
    settings = configuration.current()
    if settings.backend is None:
        raise ImproperlyConfigured("MENJIN['APP'] and MENJIN['SECRET'] are needed for jwt_login")
    who, claims = users.name_of(user)
    payload = settings.user_to_payload(user) if settings.user_to_payload else {}
    claims.update({name: value for name, value in payload.items() if name not in _OWN})
    opened = open_session(settings.backend, settings.login_app, **who, device=device, claims=claims)
    users.link(user, opened.user["id"])
    enter(request).sign_in(opened.access_token)
    request.jwt_user = user  # type: ignore[attr-defined]
    user_jwt_logged_in.send(type(user), request=request, user=user)
    login = Login(opened.access_token)
    login.opened = opened
    return login
