"""Tokens of an old system, taken until a date: its key and algorithm are fixed by the entry, never by the token."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Any, Union

import jwt

from .caller import Caller
from .errors import ConfigurationError
from .refusals import Refused
from .strict import is_time, members

_ALGORITHMS = ("HS256", "HS384", "HS512")
_MEANINGS = ("external_id", "number")
_NUMBER = re.compile(r"[0-9]{1,18}")
# simplejwt says `token_type` and Cognito `token_use`, which mean nothing else; Flask-JWT-Extended says `type` and Keycloak
# `typ`, which may.
_FOR_ACCESS = ("access", "sliding", "bearer", "jwt")
_FOR_ELSE = ("refresh", "id", "offline")
_PEM = "-----BEGIN "


@dataclass(frozen=True)
class Legacy:
    """One old system. `user_claim` is where its tokens name the person, `user` what menjin calls that name."""

    name: str
    secret: Union[str, bytes] = field(repr=False)
    user_claim: str
    # From then on they are refused. A date means its first moment, in UTC; so does a time without a zone.
    until: Union[str, date, datetime]
    user: str = "external_id"
    alg: str = "HS256"

    def __post_init__(self) -> None:
        where = f"legacy {self.name!r}"
        if self.alg not in _ALGORITHMS:
            raise ConfigurationError(f"{where}: alg is one of {', '.join(_ALGORITHMS)}, not {self.alg!r}")
        if self.user not in _MEANINGS:
            raise ConfigurationError(f"{where}: user is 'external_id' or 'number', not {self.user!r}")
        if not self.secret or not self.user_claim:
            raise ConfigurationError(f"{where}: secret and user_claim are what the old system signs with and writes")
        if _PEM in (self.secret if isinstance(self.secret, str) else self.secret.decode("latin-1")):
            raise ConfigurationError(f"{where}: secret is a public key, with which anybody can sign: only {self.alg} is taken")
        object.__setattr__(self, "until", _moment(self.until, where))

    def check(self, token: str, now: float, leeway: float) -> Caller:
        """The caller whom an old token names."""
        try:
            whole = jwt.PyJWS().decode_complete(token, key=self.secret, algorithms=[self.alg])
            claims = members(whole["payload"])
        except (jwt.PyJWTError, ValueError) as error:
            raise Refused("token_invalid", f"not a token of {self.name}") from error
        expires, named = self._read(claims, whole["header"])
        if now >= self.until.timestamp():  # type: ignore[union-attr]
            raise Refused("token_invalid", f"the time of {self.name} is over")
        if now >= expires + leeway:
            # It can't be refreshed: only a sign-in helps.
            raise Refused("token_invalid", f"an expired token of {self.name}")
        return Caller({**claims, self.user: named}, token, legacy=self.name)

    def _read(self, claims: dict[str, Any], header: dict[str, Any]) -> tuple[float, Any]:
        if str(header.get("typ", "JWT")).upper() != "JWT":
            raise Refused("token_invalid", f"not a token of {self.name}")
        if not _is_for_access(claims):
            raise Refused("token_invalid", f"a token of {self.name} that is not for access")
        expires, named = claims.get("exp"), claims.get(self.user_claim)
        if not is_time(expires):
            raise Refused("token_invalid", f"a token of {self.name} without exp")
        if isinstance(named, bool) or not isinstance(named, (int, str)) or named == "":
            raise Refused("token_invalid", f"a token of {self.name} without {self.user_claim}")
        if self.user == "number":
            if not _NUMBER.fullmatch(str(named)):
                raise Refused("token_invalid", f"a token of {self.name} whose {self.user_claim} is no number")
            return expires, int(named)
        return expires, str(named)


def _is_for_access(claims: dict[str, Any]) -> bool:
    """Old systems sign refresh tokens, ID tokens and links in mails with the same key, and some live for months."""
    kinds = [str(claims[name]).lower() for name in ("token_type", "token_use") if name in claims]
    hints = [str(claims[name]).lower() for name in ("type", "typ") if name in claims]
    return all(kind in _FOR_ACCESS for kind in kinds) and not any(hint in _FOR_ELSE for hint in hints)


def _moment(until: Union[str, date, datetime], where: str) -> datetime:
    if isinstance(until, str):
        try:
            until = datetime.fromisoformat(until.replace("Z", "+00:00"))
        except ValueError:
            raise ConfigurationError(f"{where}: until is a date such as '2027-01-31', not {until!r}") from None
    if not isinstance(until, datetime):
        until = datetime(until.year, until.month, until.day)
    return until if until.tzinfo else until.replace(tzinfo=timezone.utc)
