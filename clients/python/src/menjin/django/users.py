"""From a token's claims to the program's own user, and back to what menjin calls them."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, transaction

from ..refusals import Refused
from ..visit import Visit
from . import configuration

log = logging.getLogger("menjin")

_USER_ID = "usr_"


def of(visit: Visit) -> Any:
    """The user of a visit; None where there is none, or one that may not come in."""
    caller = visit.caller
    if caller is None:
        return None
    named_by = configuration.current().payload_to_user or by_claims
    try:
        user = named_by(dict(caller.claims))
    except ObjectDoesNotExist:
        user = None
    if user is None or getattr(user, "is_active", True) is False:
        visit.refuse(Refused("user_disabled", "nobody here, or nobody active, has this name"))
        return None
    return user


def by_claims(claims: dict[str, Any]) -> Any:
    """The user whose USER_FIELD holds the USER_CLAIM, made when there is none.

    By primary key nobody is made: the numbers are the database's to give. By `username`, which people may choose, nobody
    is found who came in by other means: somebody else might have taken the name before.
    """
    settings = configuration.current()
    claim = settings.user_claim or ("external_id" if "external_id" in claims else "sub")
    value = claims.get(claim)
    if claim == "external_id" and settings.before_names and "sid" in claims:
        # Without the namespace it is another program's name, and perhaps another person's.
        before, of_ours, value = str(value).partition(settings.before_names)
        value = value if of_ours and not before else None
    if value is None:
        return None
    model: Any = get_user_model()
    field = settings.user_field or str(model.USERNAME_FIELD)
    try:
        user = model._default_manager.get(**{field: value})
    except (model.DoesNotExist, ValueError):
        is_key = field in ("pk", model._meta.pk.name)
        # An old system's token has no session: whom it names must be here already.
        return None if is_key or "sid" not in claims else _made(model, field, value, claims["sub"])
    if settings.user_field is None and claim == "sub" and (user.has_usable_password() or user.last_login):
        log.warning(
            "the user %r has a password or came in by other means, so their name alone does not prove that it is "
            "menjin's: name a field that people can't choose in MENJIN['USER_FIELD']",
            value,
        )
        return None
    return user


def _made(model: Any, field: str, value: Any, sub: str) -> Any:
    user = model(**{model.USERNAME_FIELD: sub, field: value})
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:  # Another request of the same person came first.
        return model._default_manager.get(**{field: value})
    return user


def name_of(user: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Who a user is to menjin, and the claims by which `by_claims` finds them again."""
    settings = configuration.current()
    field = settings.user_field or str(user.USERNAME_FIELD)
    value = getattr(user, field)
    if settings.user_claim == "number":
        return {"number": int(value)}, {}
    if settings.user_field and not value:
        return {"external_id": f"{settings.before_names}{user.pk}"}, {}  # `link` follows.
    if settings.user_field and str(value).startswith(_USER_ID):
        return {"user": str(value)}, {}
    name = f"{settings.before_names}{value}"
    claim = settings.user_claim or "external_id"
    return {"external_id": name}, {claim: name if claim == "external_id" else str(value)}


def link(user: Any, menjin_user: str) -> None:
    """Keeps what menjin calls a user, in a USER_FIELD that was empty."""
    field = configuration.current().user_field
    if field and not getattr(user, field):
        setattr(user, field, menjin_user)
        user.save(update_fields=[field])
