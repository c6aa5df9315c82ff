"""Settings with menjin: what differs from before."""

from before import *  # noqa: F403
from before import INSTALLED_APPS, JWT_AUTH, SECRET_KEY

INSTALLED_APPS = [*INSTALLED_APPS, "menjin.django"]
MIDDLEWARE = ["menjin.django.MenjinMiddleware"]
MENJIN = {
    "ISSUER": "http://127.0.0.1:7600",
    "AUDIENCE": "demo",
    "APP": "demo-backend",
    "SECRET_FILE": "menjin-dev/demo-backend.secret",
    # The functions that were there go on: sessions that jwt_login opens have `user_id` in their tokens.
    **JWT_AUTH,
    # Views go on importing from it, and find menjin.django.
    "REPLACES": "django_jwt_session_auth",
    # Tokens that are in people's pockets work until then.
    "LEGACY": [{"name": "old", "secret": SECRET_KEY, "user_claim": "user_id", "until": "2027-06-30"}],
}
