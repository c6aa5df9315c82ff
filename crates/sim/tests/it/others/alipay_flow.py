"""A login and a phone number with python-alipay-sdk, which knows nothing of menjin. Its only argument is JSON."""

import json
import sys

from alipay import AliPay
from alipay.exceptions import AliPayException
from Cryptodome.PublicKey import RSA


def pem(label, text):
    return f"-----BEGIN {label}-----\n{text}\n-----END {label}-----"


given = json.loads(sys.argv[1])
keys = {
    "app_private_key_string": pem("PRIVATE KEY", given["app_private_key"]),
    "alipay_public_key_string": pem("PUBLIC KEY", given["alipay_public_key"]),
}


def client(**changed):
    made = AliPay(given["appid"], **{**keys, **changed})
    made._gateway = given["gateway"]
    return made


def ask(with_client, method, **parameters):
    """The verified answer, or the words of the refusal."""
    try:
        return with_client.server_api(method, **parameters)
    except AliPayException as refused:
        return str(refused)


alipay = client()
exchange = {"grant_type": "authorization_code", "code": given["code"]}
other_key = RSA.generate(2048).export_key().decode()
learnt = {"with_another_key": ask(client(app_private_key_string=other_key), "alipay.system.oauth.token", **exchange)}
token = ask(alipay, "alipay.system.oauth.token", **exchange)
learnt["open_id"] = token["open_id"]
learnt["second_use"] = ask(alipay, "alipay.system.oauth.token", **exchange)
shared = ask(alipay, "alipay.user.info.share", auth_token=token["access_token"])
learnt["nick_name"] = shared["nick_name"]
phone = json.loads(given["phone"])
learnt["phone_is_signed"] = alipay._verify(f'"{phone["response"]}"', phone["sign"])
for refusal in ("with_another_key", "second_use"):
    learnt[refusal] = next((word for word in ("isv.code-invalid", "isv.invalid-signature") if word in learnt[refusal]), learnt[refusal])
print(json.dumps(learnt))
