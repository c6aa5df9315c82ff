"""The Django app: system checks, and standing in for the package that it replaces."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from .configuration import KEY


class MenjinConfig(AppConfig):
    """What Django loads for `menjin.django`."""

    name = "menjin.django"
    label = "menjin"
    verbose_name = "menjin"

    def __init__(self, app_name: str, app_module: Any) -> None:
        super().__init__(app_name, app_module)
        values = getattr(settings, KEY, {})
        replaced = values.get("REPLACES") if isinstance(values, dict) else None
        # Before any model or view is imported. A package that is installed keeps its name; the checks say so.
        if isinstance(replaced, str) and replaced not in sys.modules and not is_installed(replaced):
            sys.modules[replaced] = app_module

    def ready(self) -> None:
        from .checking import check_settings

        checks.register(check_settings)


def is_installed(package: str) -> bool:
    """Whether there is such a package beside our standing in for it; it is not imported."""
    if sys.modules.get(package) is sys.modules[MenjinConfig.name]:
        return False
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
