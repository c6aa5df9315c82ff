"""Makes a database as a Django project has it: `auth_user` with openids as usernames, and a user model of the project's own."""

import sys
from datetime import datetime, timezone

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    TIME_ZONE="Asia/Shanghai",
)
django.setup()

from django.contrib.auth.models import AbstractUser, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402


class Member(AbstractUser):
    openid = models.CharField(max_length=64, unique=True, null=True)
    unionid = models.CharField(max_length=64, null=True)
    nickname = models.CharField(max_length=64, blank=True)
    avatar = models.URLField(blank=True)
    groups = None
    user_permissions = None

    class Meta:
        app_label = "members"


call_command("migrate", verbosity=0)
with connection.schema_editor() as editor:
    editor.create_model(Member)

joined = datetime(2017, 3, 4, 5, 6, 7, 890123, tzinfo=timezone.utc)
alice = sys.argv[2]
User(id=31, username=alice, date_joined=joined).save()
User(id=32, username="openid-of-somebody-disabled", is_active=False, date_joined=joined).save()
User(id=40, username="运营", is_staff=True, date_joined=joined).save()
Member(id=77, username="m77", openid=alice, unionid="union-77", nickname="小红", date_joined=joined).save()
Member(id=78, username="m78", openid=None, date_joined=joined).save()
