"""`examples/django`: the same views before and after the move to menjin, which changes settings alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stand import ROOT, Dev

EXAMPLE = ROOT / "examples/django"
STAND_INS = Path(__file__).parent / "stand_ins"


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    for file in EXAMPLE.glob("*.py"):
        shutil.copy(file, folder)
    stand = Dev(folder)
    after = folder / "after.py"
    after.write_text(after.read_text().replace("http://127.0.0.1:7600", stand.url))
    yield stand
    stand.close()


def visited(dev, settings, token=None, **more):
    path = [str(dev.folder), str(Path(__file__).parents[1] / "src")]
    if settings == "before":
        path.append(str(STAND_INS / "installed"))  # After the move it is not installed.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "DJANGO_SETTINGS_MODULE": settings, **more}
    arguments = [sys.executable, str(STAND_INS / "visitor.py"), *([token] if token else [])]
    ran = subprocess.run(
        arguments, cwd=dev.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_move_changes_settings_and_nothing_that_clients_see(dev):
    before = visited(dev, "before")
    after = visited(dev, "after", before["token"])
    assert after["same"] == before["same"]
    assert [status for status, _ in before["same"]] == [200, 401, 401, 401, 200, 200, 200, 200, 200, 200, 401]
    assert before["same"][7] == [200, {"user": "alice", "cart": ["tea", "cup"]}]
    # The token that alice still has: it is hers until the date.
    assert after["old"] == [200, {"user": "alice", "cart": []}]
    file = dev.folder / "after.py"
    text = file.read_text()
    assert '"until": "2027-06-30"' in text
    file.write_text(text.replace('"until": "2027-06-30"', '"until": "2020-06-30"'))
    assert visited(dev, "after", before["token"])["old"] == [401, {"error": "sign in"}]
    file.write_text(text)


def test_the_views_are_twenty_lines_and_name_nothing_of_menjin():
    for file in ("shop.py", "people.py", "before.py"):
        text = (EXAMPLE / file).read_text()
        assert "menjin" not in text
        assert len([line for line in text.splitlines() if line.strip()]) <= 20
