"""One request of a web framework: who it comes from, found out once and when first asked, and the session's data.

Does not: know any framework.
"""

from __future__ import annotations

import logging
from typing import Optional

from .caller import Caller
from .errors import ConfigurationError
from .refusals import Refused
from .session_data import SessionData
from .settings import Settings

log = logging.getLogger("menjin")


class Visit:
    """What a request's `Authorization` header comes to."""

    # What `session` is made of; a framework may know better.
    _data_kind: type[SessionData] = SessionData

    def __init__(self, settings: Settings, authorization: Optional[str]) -> None:
        self._settings = settings
        self._authorization = authorization
        self._asked = False
        self._caller: Optional[Caller] = None
        self._refusal: Optional[Refused] = None
        self._session: Optional[SessionData] = None
        self._user_data: Optional[SessionData] = None

    @property
    def caller(self) -> Optional[Caller]:
        """Whom the token names; None when it is missing or bad, and then `refusal` says why."""
        if not self._asked:
            try:
                self._caller = self._settings.verifier.check_header(self._authorization)
            except Refused as refusal:
                self._refusal = refusal
                log.debug("a token is refused: %s", refusal)
            self._asked = True
        return self._caller

    @property
    def refusal(self) -> Optional[Refused]:
        """Why there is no caller."""
        return None if self.caller else self._refusal

    def need_caller(self) -> Caller:
        """The caller, or the refusal raised."""
        caller = self.caller
        if caller is None:
            raise self._refusal or Refused("token_missing")
        return caller

    def refuse(self, refusal: Refused) -> None:
        """The token is good, but its person is not let in here."""
        self.need_caller()
        self._caller, self._refusal = None, refusal
        self._session = self._user_data = None

    @property
    def session(self) -> SessionData:
        """The session's data: read when it is first used, empty without a session."""
        if self._session is None:
            self._session = self._data("session")
        return self._session

    @property
    def user_data(self) -> SessionData:
        """What belongs to the person in all their sessions, likewise."""
        if self._user_data is None:
            self._user_data = self._data("user")
        return self._user_data

    @property
    def has_data(self) -> bool:
        """Whether anybody asked for data, so that there may be something to save."""
        return self._session is not None or self._user_data is not None

    def sign_in(self, token: str) -> None:
        """From now on the request is of the session that this token was just issued for."""
        self._authorization, self._asked = f"Bearer {token}", False
        self._caller = self._refusal = None
        # menjin itself has just given it, so its data needs no second look.
        self._session = self._data_kind(self._settings.backend, token)
        self._user_data = self._data_kind(self._settings.backend, token, scope="user")

    def save(self) -> None:
        """Sends what was changed in the data. Of a session that has ended meanwhile there is nothing to keep."""
        for data in (self._session, self._user_data):
            try:
                if data is not None:
                    data.save()
            except Refused as refusal:
                if refusal.status != 401:
                    raise
                log.info("the session's data is not kept: %s", refusal)

    def _data(self, scope: str) -> SessionData:
        caller = self.caller
        token = caller.token if caller and caller.session else None
        if token and self._settings.backend is None:
            raise ConfigurationError("MENJIN['APP'] and MENJIN['SECRET'] are needed for the session's data")
        return self._data_kind(self._settings.backend, token, scope=scope)
