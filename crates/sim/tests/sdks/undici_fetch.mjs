// Node's own fetch, with no SDK: undici reads the proxy from the environment, in Nodes that do not do so by themselves.

import { EnvHttpProxyAgent, setGlobalDispatcher } from "undici";

import { appid, learnt, onPhone, secret } from "./phone.mjs";

setGlobalDispatcher(new EnvHttpProxyAgent());
const { code } = await onPhone("login");
const query = new URLSearchParams({ appid, secret, js_code: code, grant_type: "authorization_code" });
const session = await (await fetch(`https://api.weixin.qq.com/sns/jscode2session?${query}`)).json();
learnt({ openid: session.openid });
