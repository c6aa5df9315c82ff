"""Views of a Django project for the tests."""

from __future__ import annotations

import json

from django.http import JsonResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import api_view, permission_classes
from rest_framework.views import APIView

from menjin.django import jwt_login, login_required, permission_required, role_required
from menjin.drf import needs_permission, needs_role


def whoami(request):
    """Open to all; says what the request knows."""
    user = request.jwt_user
    anonymous = request.user.is_anonymous
    return JsonResponse({"user": user and user.username, "data": dict(request.jwt_session), "anonymous": anonymous})


def untouched(request):
    """Asks nothing."""
    return JsonResponse({})


@login_required
def cart(request):
    """Adds what is posted."""
    if request.method == "POST":
        for key, value in json.loads(request.body).items():
            request.jwt_session[key] = value
    if request.method == "DELETE":
        request.jwt_session.flush()
    return JsonResponse(dict(request.jwt_session))


@login_required
def size(request):
    """Of the person, wherever they sign in."""
    request.menjin.user_data.update(request.GET.dict())
    return JsonResponse(dict(request.menjin.user_data))


@login_required
async def async_cart(request):
    """The same, where nothing may wait."""
    user, session = await request.ajwt_user(), await request.ajwt_session()
    if request.method == "POST":
        session.update(json.loads(request.body))
    return JsonResponse({"user": user.username, **session})


async def async_careless(request):
    """Reads over the network in an event loop."""
    return JsonResponse(dict(request.jwt_session))


@method_decorator(login_required, name="dispatch")
class Orders(View):
    """A class that needs a permission, too."""

    def get(self, request):
        """For those who may read orders."""
        request.menjin.caller.require("orders:read")
        return JsonResponse({})


@role_required("clerk")
def clerk(request):
    """For clerks."""
    return JsonResponse({"clerk": request.jwt_user.username})


@permission_required("orders:list")
def listed(request):
    """For who may list orders."""
    return JsonResponse({"clerk": request.jwt_user.username})


@role_required("clerk")
async def async_clerk(request):
    """The same, where nothing may wait."""
    return JsonResponse({"clerk": (await request.ajwt_user()).username})


@permission_required("orders:list")
async def async_listed(request):
    """The same, where nothing may wait."""
    return JsonResponse({"clerk": (await request.ajwt_user()).username})


@method_decorator(permission_required("orders:list"), name="dispatch")
class Listed(View):
    """The same as a class."""

    def get(self, request):
        """For who may list orders."""
        return JsonResponse({"clerk": request.jwt_user.username})


@api_view(["GET"])
@permission_classes([needs_role("clerk")])
def rest_clerk(request):
    """DRF's view for clerks."""
    return JsonResponse({"clerk": request.user.username})


class RestListed(APIView):
    """DRF's view for who may list orders."""

    permission_classes = (needs_permission("orders:list"),)

    def get(self, request):
        """For who may list orders."""
        return JsonResponse({"clerk": request.user.username})


def failing(request):
    """Leaves something half done."""
    request.jwt_session["half"] = 1
    return JsonResponse({}, status=500)


@csrf_exempt
def login(request):
    """Knows everybody by their name."""
    from django.contrib.auth import get_user_model

    user, _ = get_user_model().objects.get_or_create(username=json.loads(request.body)["name"])
    token = jwt_login(user, request, expire=60)
    request.jwt_session["opened"] = True
    return JsonResponse({"token": token, "same": request.jwt_user == user, **token.opened.answer})


@api_view(["GET"])
def rest(request):
    """DRF's view of it."""
    return JsonResponse({"user": request.user.username, "session": getattr(request.auth, "session", None)})


class RestCart(APIView):
    """The session's data through DRF's request."""

    def post(self, request):
        """Keeps what is posted."""
        request.jwt_session.update(request.data)
        return JsonResponse(dict(request.jwt_session))


urlpatterns = [
    path("whoami", whoami),
    path("untouched", untouched),
    path("cart", cart),
    path("async-cart", async_cart),
    path("async-careless", async_careless),
    path("size", size),
    path("orders", Orders.as_view()),
    path("clerk", clerk),
    path("listed", listed),
    path("async-clerk", async_clerk),
    path("async-listed", async_listed),
    path("class-listed", Listed.as_view()),
    path("rest-clerk", rest_clerk),
    path("rest-listed", RestListed.as_view()),
    path("failing", failing),
    path("login", login),
    path("rest", rest),
    path("rest-cart", RestCart.as_view()),
]
