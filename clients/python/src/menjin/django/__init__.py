"""menjin for Django: `request.jwt_user`, `request.jwt_session`, `jwt_login` and `login_required`. `request.user` is left alone.

INSTALLED_APPS = [..., "menjin.django"]
MIDDLEWARE = [..., "menjin.django.MenjinMiddleware"]
MENJIN = {"ISSUER": "https://login.example.com", "AUDIENCE": "shop", "APP": "shop-api", "SECRET": os.environ["MENJIN_SECRET"]}
"""

from .guarding import login_required, permission_required, role_required
from .login import Login, jwt_login, user_jwt_logged_in
from .middleware import MenjinMiddleware

# The name that it has in django-jwt-session-auth, for `MENJIN["REPLACES"]`.
JwtAuthMiddleware = MenjinMiddleware

__all__ = ["JwtAuthMiddleware", "Login", "MenjinMiddleware", "jwt_login", "login_required", "permission_required", "role_required", "user_jwt_logged_in"]
