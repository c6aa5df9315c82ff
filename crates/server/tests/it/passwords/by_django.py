"""djangorestframework-jwt itself, asked line by line: JSON in, JSON out (null for Django's own pages). Not here: any answer of menjin's."""

import json
import logging
import sys
import warnings

import django
from django.conf import settings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
SECRET = sys.argv[1]
HASHERS = "PBKDF2PasswordHasher PBKDF2SHA1PasswordHasher BCryptPasswordHasher BCryptSHA256PasswordHasher Argon2PasswordHasher"
settings.configure(
    SECRET_KEY=SECRET,
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers." + name for name in HASHERS.split()],
    JWT_AUTH={"JWT_ALLOW_REFRESH": True},
    REST_FRAMEWORK={"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
    LOGGING_CONFIG=None,
)
django.setup()

import jwt  # noqa: E402
from django.contrib.auth.hashers import check_password, make_password  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_jwt.authentication import JSONWebTokenAuthentication  # noqa: E402
from rest_framework_jwt.views import obtain_jwt_token, refresh_jwt_token, verify_jwt_token  # noqa: E402


class Orders(APIView):
    authentication_classes = [JSONWebTokenAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"id": request.user.pk, "username": request.user.username})


urlpatterns = [
    path("api-token-auth/", obtain_jwt_token),
    path("api-token-refresh/", refresh_jwt_token),
    path("api-token-verify/", verify_jwt_token),
    path("orders", Orders.as_view()),
]


def make(asked):
    password = asked.get("password")
    user = User(id=asked["id"], username=asked["username"], is_active=asked.get("active", True))
    user.password = make_password(password, hasher=asked.get("hasher", "default"))
    user.save()
    return {"hash": user.password}


def send(asked):
    headers = {} if asked.get("authorization") is None else {"HTTP_AUTHORIZATION": asked["authorization"]}
    answer = Client().generic(asked["method"], asked["path"], asked["body"].encode(), asked["type"], **headers)
    is_json = answer.get("Content-Type", "").startswith("application/json")
    return {"status": answer.status_code, "json": json.loads(answer.content) if is_json else None}


def mint(asked):
    return {"token": jwt.encode(asked["claims"], asked.get("secret", SECRET), "HS256").decode()}


def check(asked):
    return {"right": check_password(asked["password"], asked["hash"])}


call_command("migrate", verbosity=0)
for line in sys.stdin:
    asked = json.loads(line)
    does = {"make": make, "send": send, "mint": mint, "check": check}[asked["do"]]
    print(json.dumps(does(asked)), flush=True)
