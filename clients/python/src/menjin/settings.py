"""The settings of a web framework, `MENJIN = {…}`, read into one object: what all frameworks share.

Lives here: which keys there are, and what is wrong with them. Does not: where the framework keeps them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

from .backend import Backend, address
from .errors import ConfigurationError
from .legacy import Legacy
from .verifier import Verifier

# Each key, the types that its value may have, and an example.
_KEYS: dict[str, tuple[tuple[type, ...], str]] = {
    "ISSUER": ((str,), "'https://login.example.com', as `server.public_url` of menjin.toml"),
    "AUDIENCE": ((str,), "'shop', the `audience` of the [[app]] that people sign in from, or its id"),
    "APP": ((str,), "'shop-api', the id of this program's own [[app]] of kind 'backend'"),
    "SECRET": ((str,), "the `client_secret` of that [[app]], from the environment"),
    "SECRET_FILE": ((str, Path), "'/run/secrets/menjin', a file that holds it"),
    "FEED": ((bool,), "False, to do without the feed of ended sessions"),
    "URL": ((str,), "'http://menjin:7600', when menjin is reached by another address than ISSUER"),
    "CA_FILE": ((str, Path), "'ca.pem', the authority of menjin's certificate where it is no public one"),
    "LEEWAY": ((int, float), "30 seconds, how far clocks may differ"),
    "MAX_STALE": ((int, float), "900 seconds, how long keys serve beyond their age while menjin is away"),
    "REVOCATION_MAX_LAG": ((int, float), "30 seconds, how old the feed may be"),
    "TIMEOUT": ((int, float), "5 seconds, for session data and jwt_login"),
    "ACCEPT_JWT_TYP": ((bool,), 'True, where [audience.…] of menjin.toml says typ = "JWT"'),
    "LEGACY": ((list, tuple), "[{'name': 'old', 'secret': …, 'user_claim': 'user_id', 'until': '2027-01-31'}]"),
    "LOGIN_APP": ((str,), "'shop', the [[app]] in which jwt_login opens sessions; AUDIENCE when left out"),
}


class Complaint(NamedTuple):
    """Something wrong with a key, and the remedy."""

    key: str
    what: str
    hint: str


class Settings:
    """Good settings, and what is built from them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        found = complaints(values)
        if found:
            raise ConfigurationError("; ".join(f"MENJIN[{key!r}] {what} ({hint})" for key, what, hint in found))
        self.issuer: str = values["ISSUER"]
        self.audience: str = values["AUDIENCE"]
        self.login_app: str = values.get("LOGIN_APP", self.audience)
        url = address(values.get("URL", self.issuer), "URL")
        ca_file = str(values["CA_FILE"]) if "CA_FILE" in values else None
        secret = _secret(values)
        self.backend = (
            Backend(url, values["APP"], secret, timeout=values.get("TIMEOUT", 5.0), ca_file=ca_file) if secret else None
        )
        self.verifier = Verifier(
            self.issuer,
            self.audience,
            feed=self.backend if self.backend and values.get("FEED", True) else False,
            jwks_url=f"{url}/.well-known/jwks.json",
            ca_file=ca_file,
            leeway=values.get("LEEWAY", 30.0),
            max_stale=values.get("MAX_STALE", 900.0),
            revocation_max_lag=values.get("REVOCATION_MAX_LAG", 30.0),
            accept_jwt_typ=values.get("ACCEPT_JWT_TYP", False),
            legacy=[Legacy(**entry) for entry in values.get("LEGACY", ())],
        )


def complaints(values: Any, more: Mapping[str, tuple[tuple[type, ...], str]] = {}) -> list[Complaint]:
    """All that is wrong, each with its remedy. `more` are the keys that a framework adds."""
    if not isinstance(values, Mapping):
        return [Complaint("MENJIN", "is no dict", "MENJIN = {'ISSUER': …, 'AUDIENCE': …, 'APP': …, 'SECRET': …}")]
    keys = {**_KEYS, **more}
    found = [_unknown(key, keys) for key in values if key not in keys]
    for key, (types, example) in keys.items():
        value = values.get(key)
        is_number = types == (int, float)
        if key in values and (not isinstance(value, types) or (is_number and isinstance(value, bool))):
            found.append(Complaint(key, f"is {type(value).__name__}", f"such as {example}"))
    for key in ("ISSUER", "AUDIENCE"):
        if not values.get(key):
            found.append(Complaint(key, "is missing", f"such as {_KEYS[key][1]}"))
    if found:
        return found
    return [*_addresses(values), *_credentials(values), *_entries(values)]


def _unknown(key: Any, keys: Mapping[str, Any]) -> Complaint:
    near = difflib.get_close_matches(str(key).upper(), keys, 1)
    return Complaint(
        str(key), "is no key of MENJIN", f"did you mean {near[0]!r}?" if near else f"keys: {', '.join(keys)}"
    )


def _addresses(values: Mapping[str, Any]) -> list[Complaint]:
    found = []
    for key in ("ISSUER", "URL"):
        try:
            if key in values and address(values[key], key) != values[key] and key == "ISSUER":
                raise ConfigurationError("ends with a slash")
        except ConfigurationError:
            hint = f"write it without a slash at its end, such as {_KEYS[key][1]}"
            found.append(Complaint(key, f"is {values[key]!r}", hint))
    return found


def _credentials(values: Mapping[str, Any]) -> list[Complaint]:
    if values.get("FEED") is False and not values.get("APP"):
        return []  # Verified offline alone: a choice that was said.
    found = []
    if not values.get("APP"):
        hint = f"{_KEYS['APP'][1]}; or say 'FEED': False: then an ended session stays good here until its token expires"
        found.append(Complaint("APP", "is missing", hint))
    try:
        if not _secret(values):
            found.append(Complaint("SECRET", "is missing", f"{_KEYS['SECRET'][1]}, or SECRET_FILE"))
    except OSError as error:
        hint = "name a file that this program may read"
        found.append(Complaint("SECRET_FILE", f"can't be read: {error.strerror}", hint))
    if values.get("SECRET") and values.get("SECRET_FILE"):
        found.append(Complaint("SECRET_FILE", "stands beside SECRET", "keep one of them"))
    return found


def _entries(values: Mapping[str, Any]) -> list[Complaint]:
    found = []
    for at, entry in enumerate(values.get("LEGACY", ())):
        try:
            Legacy(**entry)
        except (TypeError, ConfigurationError) as error:
            found.append(Complaint(f"LEGACY[{at}]", f"is wrong: {error}", f"such as {_KEYS['LEGACY'][1]}"))
    if not 0 <= values.get("LEEWAY", 30) <= 60:
        found.append(Complaint("LEEWAY", "is out of bounds", "from 0 to 60 seconds"))
    return found


def _secret(values: Mapping[str, Any]) -> Optional[str]:
    if values.get("SECRET_FILE"):
        return Path(values["SECRET_FILE"]).read_text(encoding="utf-8").strip()
    return values.get("SECRET") or None
