"""Settings, with django-jwt-session-auth: production's, with no more middleware than it needs."""

import os

SECRET_KEY = os.environ["SECRET"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "wechat_shop"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = ["django_jwt_session_auth.JwtAuthMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["DATABASE"],
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={os.environ['SYNCHRONOUS']}",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
# The workers share it: people's sessions are here.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": os.environ["REDIS"]}}
JWT_AUTH = {
    "PAYLOAD_TO_USER": "people.payload_to_user",
    "USER_TO_PAYLOAD": "people.user_to_payload",
}
