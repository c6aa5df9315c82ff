"""What the tests share: one menjin for most of them, and one of their own for those that stop it or rotate its keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import django
import pytest
from stand import SECRET, Menjin

from menjin import Backend, Verifier

_PEOPLE = count(1)

os.environ["DJANGO_SETTINGS_MODULE"] = "django_project"
django.setup()


@pytest.fixture(scope="session")
def menjin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Menjin]:
    """Shared: a test brings people of its own, and leaves keys and server alone."""
    stand = Menjin(tmp_path_factory.mktemp("menjin"))
    yield stand
    stand.close()


@pytest.fixture
def own_menjin(tmp_path: Path) -> Iterator[Callable[..., Menjin]]:
    """Makes one for this test alone."""
    stands: list[Menjin] = []

    def make(**wanted: str) -> Menjin:
        folder = tmp_path / f"menjin{len(stands)}"
        folder.mkdir()
        stands.append(Menjin(folder, **wanted))
        return stands[-1]

    yield make
    for stand in stands:
        stand.close()


@pytest.fixture
def person() -> str:
    """Somebody new."""
    return f"person{next(_PEOPLE)}"


@pytest.fixture
def backend(menjin: Menjin) -> Backend:
    """The shop's back end."""
    return Backend(menjin.url, "shop-api", SECRET)


@pytest.fixture
def verifier(menjin: Menjin, backend: Backend) -> Iterator[Verifier]:
    """With the feed."""
    verifier = Verifier(menjin.url, "shop", feed=backend)
    yield verifier
    verifier.feed.close()
