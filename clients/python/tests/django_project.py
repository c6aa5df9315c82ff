"""Settings of a Django project for the tests; its views are `django_views`."""

SECRET_KEY = "for tests alone, and long enough for HS256"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_views"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "menjin.django", "rest_framework"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "menjin.django.MenjinMiddleware",
]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
USE_TZ = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "menjin.drf.MenjinAuthentication",
        "rest_framework.authentication.BasicAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "UNAUTHENTICATED_USER": None,
}
