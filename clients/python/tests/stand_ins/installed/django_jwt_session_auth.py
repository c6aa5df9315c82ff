"""The interface of django-jwt-session-auth, rebuilt: PyPI does not have it.

What programs see of it: the middleware, `jwt_login`, `request.jwt_user`, `request.jwt_session`, and the settings
`PAYLOAD_TO_USER` and `USER_TO_PAYLOAD` in `JWT_AUTH`. The session is kept by user, as it is there.
"""

import jwt
from django.conf import settings
from django.core.cache import cache
from django.utils.module_loading import import_string


def _function(name):
    return import_string(settings.JWT_AUTH[name])


def _attach(request, user):
    request.jwt_user = user
    request.jwt_session = cache.get(f"session-of-{user.pk}", {}) if user else {}


def jwt_login(user, request, expire=None):
    """Gives a token, and makes the request the user's."""
    _attach(request, user)
    return jwt.encode(_function("USER_TO_PAYLOAD")(user), settings.SECRET_KEY, algorithm="HS256")


class JwtAuthMiddleware:
    """Reads `Authorization: JWT <token>`."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        try:
            payload = jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"]) if scheme == "JWT" else None
        except jwt.PyJWTError:
            payload = None
        _attach(request, _function("PAYLOAD_TO_USER")(payload))
        response = self.get_response(request)
        if request.jwt_user:
            cache.set(f"session-of-{request.jwt_user.pk}", request.jwt_session)
        return response
