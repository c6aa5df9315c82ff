"""System checks of `settings.MENJIN`: `manage.py check` says what is wrong, and the remedy."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from .apps import is_installed
from .configuration import KEY, all_complaints


def check_settings(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """All that can be known without asking menjin."""
    values = getattr(settings, KEY, None)
    if values is None:
        hint = f"{KEY} = {{'ISSUER': …, 'AUDIENCE': …, 'APP': …, 'SECRET': …}}"
        return [Error(f"settings.{KEY} is missing", hint=hint, id="menjin.E001")]
    found: list[CheckMessage] = [
        Error(f"{KEY}[{key!r}] {what}", hint=hint, id="menjin.E002") for key, what, hint in all_complaints(values)
    ]
    if isinstance(values, dict):
        found += [*_functions(values), *_replaced(values)]
    return [*found, *_middleware(values)]


def _functions(values: dict[str, Any]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for key in ("PAYLOAD_TO_USER", "USER_TO_PAYLOAD"):
        try:
            named = values.get(key)
            function = import_string(named) if isinstance(named, str) else named
        except ImportError as error:
            hint = "name a function by its dotted path, such as 'shop.auth.payload_to_user'"
            found.append(Error(f"{KEY}[{key!r}] can't be imported: {error}", hint=hint, id="menjin.E003"))
        else:
            if function is not None and not callable(function):
                found.append(Error(f"{KEY}[{key!r}] is no function", hint="name a function", id="menjin.E003"))
    return found


def _replaced(values: dict[str, Any]) -> list[CheckMessage]:
    package = values.get("REPLACES")
    if not isinstance(package, str) or not is_installed(package):
        return []
    hint = f"uninstall {package}, or take REPLACES out and import from menjin.django"
    return [
        Error(f"{KEY}['REPLACES'] {package} is installed, and its own code would be used", hint=hint, id="menjin.E004")
    ]


def _middleware(values: Any) -> list[CheckMessage]:
    replaced = values.get("REPLACES") if isinstance(values, dict) else None
    if any(one.rpartition(".")[0] in ("menjin.django", replaced) for one in settings.MIDDLEWARE):
        return []
    hint = "add 'menjin.django.MenjinMiddleware' to MIDDLEWARE; DRF's MenjinAuthentication alone does without"
    return [Warning("request.jwt_user and request.jwt_session will not be there", hint=hint, id="menjin.W001")]
