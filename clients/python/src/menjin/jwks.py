"""menjin's public keys, read from its JWKS (RFC 7517): bounded, rarely, one fetch at a time, never without a deadline."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any, NamedTuple, Optional

import jwt
import urllib3

from .backend import bounded, pool
from .errors import Unavailable
from .forks import PerProcess
from .refusals import Refused

log = logging.getLogger("menjin")

_DEADLINE = 3.0
_MAX_JWKS = 256 * 1024
# How long keys count as fresh: what Cache-Control says, within these bounds.
_DEFAULT_AGE, _MIN_AGE, _MAX_AGE = 300.0, 60.0, 86_400.0
# An unknown kid may cause one fetch in this time, and none so soon after another, whatever came of it.
_UNKNOWN_KEY_PAUSE, _JUST_TRIED = 60.0, 5.0
# After a failure: with keys at hand, and without any.
_RETRY_PAUSE, _EMPTY_PAUSE = 10.0, 1.0
# The algorithm comes from the key. No `none`, and nothing with a shared secret.
_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
ALGORITHMS = {"ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


class Key(NamedTuple):
    """A public key, and the one algorithm that it is for."""

    algorithm: str
    key: Any


class KeySet(NamedTuple):
    """The keys by their `kid`. Replaced as a whole, so that a thread sees one or the other."""

    keys: dict[str, Key]
    # Grows with each replacement: what was verified under another one is verified again.
    generation: int = 0
    fresh_until: float = float("-inf")
    text: bytes = b""

    def named(self, kid: Optional[str]) -> Optional[Key]:
        """The key of that name; without one, the only key."""
        if kid is None:
            return next(iter(self.keys.values())) if len(self.keys) == 1 else None
        return self.keys.get(kid)


class Keys(PerProcess):
    """menjin's published keys. While menjin is away, those at hand serve for `max_stale` seconds beyond their age."""

    def __init__(self, url: str, *, max_stale: float = 900.0, ca_file: Optional[str] = None) -> None:
        self.url = url
        self.max_stale = max_stale
        self._ca_file = ca_file
        self._current = KeySet({})
        self._tried_at = self._unknown_at = float("-inf")
        super().__init__()

    def _begin(self) -> None:
        # Keys are plain data and come along; a lock that another thread held before the fork would never open.
        self._fetching = threading.Lock()
        self._pool = pool(self._ca_file)

    def ready(self) -> KeySet:
        """The keys to verify with: at once while any serve, else after a fetch, else refused with 503."""
        self._enter_process()
        current, now = self._current, time.monotonic()
        if now < current.fresh_until:
            return current
        if now < current.fresh_until + self.max_stale:
            self._refresh_behind(now)
            return current
        with self._fetching:
            if time.monotonic() >= self._current.fresh_until and self._rested(_EMPTY_PAUSE):
                self._fetch()
        if time.monotonic() >= self._current.fresh_until + self.max_stale:
            raise Refused("keys_unavailable", f"no keys could be read from {self.url}")
        return self._current

    def after_unknown_key(self, seen: KeySet) -> KeySet:
        """The keys after a token named one that is not among `seen`. However many ask: one fetch a minute."""
        with self._fetching:  # A fetch that is under way may be bringing that key.
            rested = time.monotonic() - self._unknown_at >= _UNKNOWN_KEY_PAUSE and self._rested(_JUST_TRIED)
            if self._current.generation == seen.generation and rested:
                self._unknown_at = time.monotonic()
                self._fetch()
        return self._current

    def age(self) -> None:
        """There are others now: read them before they are needed."""
        self._enter_process()
        with self._fetching:
            self._fetch()

    def _rested(self, pause: float) -> bool:
        return time.monotonic() - self._tried_at >= pause

    def _refresh_behind(self, now: float) -> None:
        if now - self._tried_at < _RETRY_PAUSE or not self._fetching.acquire(blocking=False):
            return
        self._tried_at = now

        def refresh() -> None:
            with self._fetching:
                self._fetch()

        self._fetching.release()
        try:
            threading.Thread(target=refresh, name="menjin-keys", daemon=True).start()
        except RuntimeError:  # The program is ending.
            return

    def _fetch(self) -> None:
        try:
            text, age = self._read()
            keys = parse(text)
            if not keys:
                raise Unavailable("none of the keys can be used")
        except (urllib3.exceptions.HTTPError, Unavailable, ValueError) as error:
            log.warning("menjin's keys can't be read from %s: %s", self.url, error or type(error).__name__)
        else:
            before = self._current
            # The same bytes again change no key, so what was verified need not be verified anew.
            generation = before.generation if text == before.text else before.generation + 1
            self._current = KeySet(keys, generation, time.monotonic() + age, text)
        finally:
            self._tried_at = time.monotonic()

    def _read(self) -> tuple[bytes, float]:
        response = self._pool.request(
            "GET",
            self.url,
            headers={"Accept": "application/json"},
            preload_content=False,
            redirect=False,
            timeout=urllib3.Timeout(total=_DEADLINE),
        )
        text = bounded(response, _MAX_JWKS)
        if response.status != 200:
            raise Unavailable(f"status {response.status}")
        return text, _max_age(response.headers.get("Cache-Control", ""))


def parse(text: bytes) -> dict[str, Key]:
    """The keys that can be used. A key that can't be is left out: others may be meant for other verifiers."""
    document = json.loads(text)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is no JWKS")
    keys: dict[str, Key] = {}
    for jwk in listed:
        key = _key(jwk) if isinstance(jwk, dict) else None
        if key is not None:
            keys[str(jwk["kid"])] = key
    return keys


def _key(jwk: dict[str, Any]) -> Optional[Key]:
    if jwk.get("use", "sig") != "sig" or not isinstance(jwk.get("kid"), str) or "d" in jwk:
        return None
    by_type = "RS256" if jwk.get("kty") == "RSA" else _BY_CURVE.get(str(jwk.get("crv")))
    algorithm = jwk.get("alg", by_type)
    if algorithm not in ALGORITHMS:
        return None
    try:
        return Key(algorithm, jwt.PyJWK(jwk, algorithm=algorithm).key)
    except jwt.PyJWTError:
        return None


def _max_age(directives: str) -> float:
    for directive in directives.split(","):
        name, _, seconds = directive.strip().partition("=")
        if name.lower() == "max-age" and seconds.strip('"').isdigit():
            return min(max(float(seconds.strip('"')), _MIN_AGE), _MAX_AGE)
    return _DEFAULT_AGE
