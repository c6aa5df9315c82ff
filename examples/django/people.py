"""From a user to what a token says of them, and back. The same file before and after the move."""

from datetime import datetime, timedelta, timezone

from django.contrib.auth.models import User


def user_to_payload(user):
    return {"user_id": user.pk, "exp": datetime.now(timezone.utc) + timedelta(days=7)}


def payload_to_user(payload):
    return User.objects.filter(pk=payload.get("user_id")).first() if payload else None
