// wechat-jssdk's server part, as it is published: sessions, signatures, decryption, and the signature of an account's page.

import { createRequire } from "node:module";

import { account, appid, learnt, onPhone, secret } from "./phone.mjs";

const { JSSDK, MiniProgram, Store } = createRequire(import.meta.url)("wechat-jssdk");

class Memory extends Store {}

const mini = new MiniProgram({ miniProgram: { appId: appid, appSecret: secret }, store: new Memory() });
const { code } = await onPhone("login");
const session = await mini.getSession(code);
const again = await mini.getSession(code).catch((error) => error.errcode ?? error.message);
const sent = await onPhone("getUserInfo", { nickname: "爱丽丝" });
await mini.verifySignature(sent.rawData, sent.signature, session.session_key);
const forged = await mini.verifySignature(sent.rawData + " ", sent.signature, session.session_key).then(() => "taken", () => "refused");
const info = await mini.decryptData(sent.encryptedData, sent.iv, session.session_key);
const page = await new JSSDK({ appId: account, appSecret: secret, store: new Memory() }).getSignature("https://shop.example.com/a?b=c#d");
learnt({ openid: session.openid, again, forged, nickname: info.nickName, inside: info.openId, page });
