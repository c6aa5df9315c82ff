"""The shop: views and urls. The same file before and after the move."""

from django.contrib.auth import authenticate
from django.http import JsonResponse
from django.urls import path
from django_jwt_session_auth import jwt_login


def login(request):
    user = authenticate(request, username=request.POST.get("username"), password=request.POST.get("password"))
    if user is None:
        return JsonResponse({"error": "wrong"}, status=401)
    return JsonResponse({"token": jwt_login(user, request)})


def cart(request):
    if request.jwt_user is None:
        return JsonResponse({"error": "sign in"}, status=401)
    if request.method == "POST":
        request.jwt_session["cart"] = [*request.jwt_session.get("cart", []), request.POST["item"]]
    return JsonResponse({"user": request.jwt_user.username, "cart": request.jwt_session.get("cart", [])})


urlpatterns = [path("login", login), path("cart", cart)]
