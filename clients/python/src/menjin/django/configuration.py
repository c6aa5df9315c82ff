"""`settings.MENJIN`, read when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Optional, Union

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from ..errors import ConfigurationError
from ..settings import Complaint, Settings, complaints

KEY = "MENJIN"
# Beside those that all frameworks share.
OWN_KEYS: dict[str, tuple[tuple[type, ...], str]] = {
    "PAYLOAD_TO_USER": ((str, Callable), "'shop.auth.payload_to_user', from a token's claims to your user or None"),  # type: ignore[dict-item]
    "USER_TO_PAYLOAD": (
        (str, Callable),
        "'shop.auth.user_to_payload', from your user to the claims that jwt_login adds",
    ),  # type: ignore[dict-item]
    "USER_CLAIM": ((str,), "'number', the claim that names your user; external_id or else sub when left out"),
    "USER_FIELD": ((str,), "'username', the field of your user model that it stands in"),
    "NAMESPACE": ((str,), "'crm', which sets this program's names apart from those of others on the same menjin"),
    "REPLACES": ((str,), "'django_jwt_session_auth', a package whose imports menjin.django answers"),
}


def all_complaints(values: Any) -> list[Complaint]:
    """All that is wrong, Django's own keys included."""
    found = complaints(values, OWN_KEYS)
    if not found and values.get("LEGACY") and not (values.get("PAYLOAD_TO_USER") or values.get("USER_FIELD")):
        hint = "PAYLOAD_TO_USER, or USER_FIELD, such as 'pk' for primary keys: by `username` people would choose whom they are"
        found.append(Complaint("LEGACY", "does not say which of your users an old token names", hint))
    return found


class DjangoSettings(Settings):
    """The shared settings and Django's own."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__({key: value for key, value in values.items() if key not in OWN_KEYS})
        self.payload_to_user = imported(values.get("PAYLOAD_TO_USER"))
        self.user_to_payload = imported(values.get("USER_TO_PAYLOAD"))
        self.user_claim: Optional[str] = values.get("USER_CLAIM")
        self.user_field: Optional[str] = values.get("USER_FIELD")
        namespace = values.get("NAMESPACE")
        self.before_names = f"{namespace}:" if namespace else ""


@lru_cache(maxsize=1)
def current() -> DjangoSettings:
    """What `settings.MENJIN` says."""
    values = getattr(settings, KEY, {})
    wrong = all_complaints(values)
    if wrong:
        told = "; ".join(f"{KEY}[{key!r}] {what} ({hint})" for key, what, hint in wrong)
        raise ImproperlyConfigured(told)
    try:
        return DjangoSettings(values)
    except (ConfigurationError, ImportError) as error:
        raise ImproperlyConfigured(f"{KEY}: {error}") from error


def imported(named: Union[str, Callable[..., Any], None]) -> Optional[Callable[..., Any]]:
    """The function, by its dotted path or as it is."""
    return import_string(named) if isinstance(named, str) else named


def _forget(*, setting: str, **_: Any) -> None:
    if setting == KEY:
        before = current.cache_info().currsize and current()
        current.cache_clear()
        if before and before.verifier.feed:
            before.verifier.feed.close()


setting_changed.connect(_forget, dispatch_uid="menjin")
