"""What the mini program gets from WeChat's client on alice's phone. The simulator itself is asked directly, without the proxy."""

import json
import sys
import urllib.request

SIMULATOR, APPID, SECRET = sys.argv[1:4]


def on_phone(call, **more):
    members = {"person": "alice", "appid": APPID, **more}
    body = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with directly.open(f"{SIMULATOR}/_sim/wx/{call}", body) as answer:
        return json.load(answer)


def learnt(**facts):
    json.dump(facts, sys.stdout)
