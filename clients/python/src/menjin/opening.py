"""Opening a session for somebody whom this program has authenticated itself: `POST /v1/sessions`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from .backend import Backend


@dataclass(frozen=True)
class Opened:
    """What a client keeps of a sign-in. Hand `answer` on as it is."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    session_id: str
    user: dict[str, Any] = field(repr=False)
    is_new_user: bool
    answer: dict[str, Any] = field(repr=False)


def open_session(
    backend: Backend,
    app: str,
    *,
    user: Optional[str] = None,
    number: Optional[int] = None,
    external_id: Optional[str] = None,
    identity: Optional[Mapping[str, str]] = None,
    device: Optional[Mapping[str, str]] = None,
    claims: Optional[Mapping[str, Any]] = None,
) -> Opened:
    """Opens one, in the app `app`; the backend needs the scope `sessions:open`.

    Exactly one of `user` (`usr_…`), `number`, `external_id` and `identity` (platform, appid, openid) says who it is; an
    unknown `external_id` or identity makes the person. `claims` stand in each access token of the session. Raises `Refused`
    for whom menjin does not let in, and while it is away.
    """
    who = {"user": user, "number": number, "external_id": external_id, "identity": identity}
    named = {name: value for name, value in who.items() if value is not None}
    if len(named) != 1:
        raise ValueError("exactly one of user, number, external_id and identity says whose session it is")
    more = {name: value for name, value in {"device": device, "claims": claims}.items() if value}
    # Said twice with the same key, it opens one.
    headers = {"Idempotency-Key": secrets.token_urlsafe(16)}
    answer = backend.ask_about("POST", "/v1/sessions", {**named, **more, "app": app}, headers=headers).body
    return Opened(
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        expires_in=answer["expires_in"],
        session_id=answer["session_id"],
        user=answer["user"],
        is_new_user=answer["is_new_user"],
        answer=answer,
    )
