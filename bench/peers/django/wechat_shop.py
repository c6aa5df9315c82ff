"""A shop for a mini program (design: S1): a code becomes a user and a token; orders are for who has one."""

import json
import os
import threading

import requests
from django.contrib.auth.models import User
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django_jwt_session_auth import jwt_login

WECHAT = f"{os.environ['WECHAT']}/sns/jscode2session"
ASKED = {"appid": os.environ["APPID"], "secret": os.environ["APPSECRET"], "grant_type": "authorization_code"}
own = threading.local()


def code_to_session(code):
    """Asks WeChat over a connection that the thread keeps."""
    if not hasattr(own, "wechat"):
        own.wechat = requests.Session()
    return own.wechat.get(WECHAT, params={**ASKED, "js_code": code}, timeout=5).json()


def login(request):
    session = code_to_session(json.loads(request.body)["code"])
    if "openid" not in session:
        return JsonResponse({"error": "the code is bad"}, status=401)
    user, _ = User.objects.get_or_create(username=session["openid"])
    token = jwt_login(user, request)
    request.jwt_session["session_key"] = session["session_key"]
    return JsonResponse({"token": token})


def orders(request):
    if request.jwt_user is None:
        return JsonResponse({"error": "sign in"}, status=401)
    return JsonResponse({"orders": [{"id": 1, "item": "tea", "cents": 1200}]})


def healthz(_request):
    return HttpResponse("ok")


urlpatterns = [path("login", login), path("orders", orders), path("healthz", healthz)]
