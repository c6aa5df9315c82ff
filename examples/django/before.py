"""Settings with django-jwt-session-auth."""

import os

SECRET_KEY = os.environ.get("SHOP_SECRET_KEY", "only for trying it: at least 32 characters")
ROOT_URLCONF = "shop"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = ["django_jwt_session_auth.JwtAuthMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}}
DEBUG = True
USE_TZ = True
JWT_AUTH = {
    "PAYLOAD_TO_USER": "people.payload_to_user",
    "USER_TO_PAYLOAD": "people.user_to_payload",
}
