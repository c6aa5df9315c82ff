"""The one check of a token: signature, kind, issuer, audience, times, endings.

Lives here: the order of it, and a memory of what was verified. Does not: read keys (`jwks`) or the feed (`feed`).
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Optional, Union

import jwt

from .backend import Backend, address
from .caller import Caller
from .errors import ConfigurationError
from .feed import Feed
from .forks import PerProcess
from .jwks import ALGORITHMS, Keys, KeySet
from .legacy import Legacy
from .more_roles import MoreRoles
from .refusals import Refused
from .strict import header_of, is_time, members

# The largest token that is looked at, in bytes.
MAX_TOKEN = 8 * 1024
_MAX_LEEWAY = 60.0
_REMEMBERED = 4096


class _Verified(NamedTuple):
    claims: dict[str, Any]
    kid: str
    generation: int


class Verifier(PerProcess):
    """Lets in whom menjin has signed in. Safe to share by threads, and across a fork. Nothing is read before the first token.

    `feed` must be said: a `Backend` whose app has the scope `revocations:read`, so that an end takes effect within a
    second; or `False`, and then a session that has ended stays good here until its access token expires.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        feed: Union[Backend, bool],
        jwks_url: Optional[str] = None,
        ca_file: Optional[str] = None,
        leeway: float = 30.0,
        max_stale: float = 900.0,
        revocation_max_lag: float = 30.0,
        accept_jwt_typ: bool = False,
        legacy: Iterable[Legacy] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        if address(issuer, "issuer") != issuer:
            raise ConfigurationError(
                "issuer: it is compared whole, so without a slash at its end, as `server.public_url`"
            )
        if not audience:
            raise ConfigurationError("audience: the `audience` of the [[app]] that people sign in from, or its id")
        if not 0 <= leeway <= _MAX_LEEWAY:
            raise ConfigurationError(f"leeway: from 0 to {_MAX_LEEWAY:.0f} seconds")
        if feed is True:
            raise ConfigurationError("feed: a Backend to read the feed with, or False")
        self.issuer = issuer
        self.audience = audience
        self._leeway = float(leeway)
        self._accept_jwt_typ = accept_jwt_typ
        self._legacy = tuple(legacy)
        self._clock = clock
        self.keys = Keys(jwks_url or f"{issuer}/.well-known/jwks.json", max_stale=max_stale, ca_file=ca_file)
        menjin_url = feed.url if feed else issuer
        self._more_roles = MoreRoles(menjin_url, ca_file=ca_file)
        self.feed = Feed(feed, max_lag=revocation_max_lag, on_new_keys=self.keys.age) if feed else None
        super().__init__()

    def _begin(self) -> None:
        self._remembered: OrderedDict[bytes, _Verified] = OrderedDict()
        self._remembering = threading.Lock()

    def check_header(self, authorization: Optional[str]) -> Caller:
        """Whom an `Authorization` header names: scheme `Bearer` or `JWT`."""
        return self.check(token_of(authorization))

    def check(self, token: str) -> Caller:
        """Whom this token names. Raises `Refused`."""
        self._enter_process()
        if len(token) > MAX_TOKEN:
            raise Refused("token_invalid", "the token is too large")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        if digest not in self._remembered:
            header = _header(token)
            algorithm, kid = header.get("alg"), header.get("kid")
            legacy = self._of_old_system(algorithm, kid)
            if legacy is not None:
                return legacy.check(token, self._clock(), self._leeway)
            if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:  # Whatever the keys are; so it is told also while there are none.
                raise Refused("token_invalid", "the token's algorithm is none of a public key's")
        verified = self._verified(digest, token)
        self._check_in_force(verified)
        claims = verified.claims
        return Caller(claims, token, claims["sub"], claims["sid"], claims["client_id"])

    def _of_old_system(self, algorithm: Any, kid: Any) -> Optional[Legacy]:
        """The entry whose algorithm the token says it has; menjin's own tokens never share one with it."""
        matching = [entry for entry in self._legacy if entry.alg == algorithm]
        return next((entry for entry in matching if entry.name == kid), matching[0] if matching else None)

    def _verified(self, digest: bytes, token: str) -> _Verified:
        keys = self.keys.ready()
        with self._remembering:
            verified = self._remembered.get(digest)
            if verified is not None and verified.generation == keys.generation:
                self._remembered.move_to_end(digest)
                return verified
            self._remembered.pop(digest, None)
        verified = self._verify(token, keys)
        if verified.claims.get("more_roles") is True:
            self._check_in_force(verified)  # What is known here already is not asked for, and holds while menjin is down.
        verified = verified._replace(claims=self._more_roles.add(token, verified.claims))
        with self._remembering:
            self._remembered[digest] = verified
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return verified

    def _verify(self, token: str, keys: KeySet) -> _Verified:
        header = _header(token)
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise Refused("token_invalid", "the token is malformed")
        key = keys.named(kid)
        if key is None:
            keys = self.keys.after_unknown_key(keys)
            key = keys.named(kid)
        if key is None:
            raise Refused("token_invalid", "the token's key is unknown")
        if "crit" in header or "b64" in header:
            raise Refused("token_invalid", "the token needs an extension that is not supported")
        try:
            payload = jwt.PyJWS().decode_complete(token, key=key.key, algorithms=[key.algorithm])["payload"]
            claims = members(payload)
        except (jwt.PyJWTError, ValueError) as error:
            raise Refused("token_invalid", str(error)) from error
        self._check_kind(header, claims)
        self._check_claims(claims)
        return _Verified(claims, kid or "", keys.generation)

    def _check_kind(self, header: dict[str, Any], claims: dict[str, Any]) -> None:
        typ = str(header.get("typ", "")).lower()
        if typ in ("at+jwt", "application/at+jwt"):
            return
        if not (self._accept_jwt_typ and typ == "jwt" and claims.get("token_use") == "access"):
            raise Refused("token_invalid", "not an access token")

    def _check_claims(self, claims: dict[str, Any]) -> None:
        if claims.get("iss") != self.issuer:
            raise Refused("token_invalid", f"another issuer than {self.issuer}")
        audiences = claims.get("aud")
        if self.audience not in (audiences if isinstance(audiences, list) else [audiences]):
            raise Refused("token_invalid", f"another audience than {self.audience}")
        for name in ("sub", "sid", "client_id"):
            if not isinstance(claims.get(name), str) or not claims[name]:
                raise Refused("token_invalid", f"the claim {name} is missing or malformed")
        for name in ("exp", "iat"):
            if not is_time(claims.get(name)):
                raise Refused("token_invalid", f"the claim {name} is missing or malformed")
        if "nbf" in claims and not is_time(claims["nbf"]):
            raise Refused("token_invalid", "the claim nbf is malformed")

    def _check_in_force(self, verified: _Verified) -> None:
        """What changes while a token lives; so it is asked each time."""
        claims, now = verified.claims, self._clock()
        if now >= claims["exp"] + self._leeway:
            raise Refused("token_expired")
        if now + self._leeway < claims.get("nbf", -math.inf):
            raise Refused("token_invalid", "the token is not valid yet")
        if self.feed is None:
            return
        is_fresh = self.feed.is_fresh()
        if self.feed.ended.is_key_revoked(verified.kid):
            raise Refused("token_invalid", "the token's key was revoked")
        code = self.feed.ended.refusal_for(claims["sub"], claims["sid"], claims["client_id"], claims["iat"])
        if code is not None:
            raise Refused(code)
        if self.feed.ended.outdates(claims["sub"], claims.get("roles"), claims.get("rv")):
            raise Refused("token_expired", "roles have changed since the token was issued")
        if not is_fresh:
            raise Refused("revocations_stale", "the feed of endings could not be read lately")


def token_of(authorization: Optional[str]) -> str:
    """The token of an `Authorization` header, in whichever of our two schemes."""
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip(" ")
    if scheme.lower() not in ("bearer", "jwt") or not token:
        raise Refused("token_missing")
    return token


def _header(token: str) -> dict[str, Any]:
    try:
        return header_of(token)
    except ValueError as error:
        raise Refused("token_invalid", "the token is malformed") from error
