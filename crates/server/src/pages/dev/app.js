// The mini program: what an app does to sign in, stay signed in and find out that it no longer is. What a real one gets from
// the SDK stands here in full, a request at a time, so that it can be watched.

import { add } from "./steps.js";
import { decode, verified } from "./token.js";
import { has, languageTag } from "./words.js";

const DEVICE = "menjin.dev.device";
const PHONE = "menjin.dev.phone";

/** What the phone holds. A tab is a phone: it survives a reload, and the device's id survives the tab. */
export const phone = {
  info: null,
  person: "",
  device: "",
  tokens: null,
  user: null,
  sessions: [],
  lastLogin: null,
  unanswered: null,
  loseNext: false,
  notice: null,
  tokenIsGood: null,
};

let changed = () => {};

/** Wakes the phone up; `onChange` is called whenever it should look different. */
export async function wake(onChange) {
  changed = onChange;
  phone.device = localStorage.getItem(DEVICE) ?? random();
  localStorage.setItem(DEVICE, phone.device);
  const kept = JSON.parse(sessionStorage.getItem(PHONE) ?? "null");
  if (kept) Object.assign(phone, kept);
  phone.info = await (await fetch("/dev/info")).json();
}

function keep() {
  const { person, tokens, user, lastLogin } = phone;
  sessionStorage.setItem(PHONE, JSON.stringify({ person, tokens, user, lastLogin }));
  changed();
}

function random() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const loginPath = () => `/v1/login/${phone.info.app.id}`;

/** `wx.login`, then the code for a session; with the phone-number code too where it is asked for. */
export async function login(act, person, withPhone) {
  Object.assign(phone, { notice: null, unanswered: null });
  const code = await wx(act, "login", person);
  if (!code) return;
  const body = { code, device: { id: phone.device, class: "phone", name: languageTag() === "en" ? "Demo phone" : "演示手机" } };
  if (withPhone) {
    body.phone_code = await wx(act, "getPhoneNumber", person);
    if (!body.phone_code) return;
  }
  phone.person = person;
  await trade(act, { body, headers: { "Idempotency-Key": random() } });
}

/** The sign-in that got no session, sent again as it was: `action` said `retry`, or nobody answered. */
export async function again(act) {
  const request = phone.unanswered;
  Object.assign(phone, { notice: null, unanswered: null });
  await trade(act, request);
}

async function trade(act, request) {
  const answer = await ask(act, {
    name: "login", method: "POST", path: loginPath(), ...request, open: true,
    why: (answer) => [answer.is_new_user ? "why_login_new" : "why_login_known"], whyAgain: "why_login_again",
  });
  if (!answer || answer.json?.action === "retry") phone.unanswered = request;
  else phone.lastLogin = { code: request.body.code };
  if (answer?.status !== 200) {
    phone.notice = answer ? { key: "login_failed", problem: answer.json } : phone.notice;
    keep();
    return;
  }
  phone.user = answer.json.user;
  hold(answer.json);
  await me(act);
  await listSessions(act);
}

/** What the phone asks of WeChat: a code, or nothing when it is refused. */
async function wx(act, call, person) {
  const answer = await ask(act, {
    name: `wx.${call}`, call: call === "login" ? "wx.login()" : call, method: "POST", path: `/dev/wx/${call}`,
    body: { person, appid: phone.info.app.appid }, why: () => [call === "login" ? "why_wx_login" : "why_wx_phone"],
  });
  if (answer?.json?.code && answer.status === 200) return answer.json.code;
  if (answer) phone.notice = { key: "login_failed", problem: { detail: answer.json?.detail ?? answer.json?.error } };
  keep();
  return null;
}

function hold(pair) {
  const { access_token, refresh_token, session_id, expires_in } = pair;
  const skew = decode(access_token).claims.iat * 1000 - Date.now();
  phone.tokens = { access_token, refresh_token, session_id, expires_in, skew: Math.abs(skew) < 2000 ? 0 : skew };
  Object.assign(phone, { notice: null, unanswered: null });
  keep();
  checkSignature();
}

/** Beside the steps: what the token's panel says of the signature. */
export async function checkSignature() {
  const token = phone.tokens?.access_token;
  if (!token) return;
  phone.tokenIsGood = null;
  const good = await verified(token);
  if (phone.tokens?.access_token !== token) return;
  phone.tokenIsGood = good;
  changed();
}

export async function me(act) {
  const answer = await askSigned(act, { name: "me", method: "GET", path: "/v1/me", why: () => ["why_me"], whyAgain: "why_me_again" });
  if (answer?.status !== 200) return false;
  phone.user = answer.json.user;
  keep();
  return true;
}

export async function listSessions(act) {
  if (!phone.tokens) return;
  const answer = await askSigned(act, { name: "sessions", method: "GET", path: "/v1/me/sessions", why: () => ["why_sessions"], whyAgain: "why_me_again" });
  if (answer?.status === 200) phone.sessions = answer.json.sessions;
  changed();
}

export async function endSession(act, id) {
  await askSigned(act, { name: "end", method: "DELETE", path: `/v1/me/sessions/${encodeURIComponent(id)}`, why: () => ["why_end"] });
  await listSessions(act);
}

/** Trades the refresh token; whether the phone is still signed in. */
export async function refresh(act, why = "why_refresh") {
  const answer = await ask(act, {
    name: "refresh", method: "POST", path: "/v1/token/refresh", body: { refresh_token: phone.tokens.refresh_token }, open: true,
    why: () => [why], whyAgain: "why_refresh_again", isOver: true,
  });
  if (answer?.status === 200) hold(answer.json);
  return answer?.status === 200;
}

/** The last code once more, as somebody who overheard it would. */
export async function replay(act) {
  const { code } = phone.lastLogin;
  await ask(act, { name: "replay", method: "POST", path: loginPath(), body: { code }, open: true, why: () => ["why_login_known"], whyRefused: () => ["why_replay"] });
  if (phone.tokens) await me(act);
}

/** The same person signs in on another device, whose tokens are not ours to keep. */
export async function loginElsewhere(act) {
  const code = await wx(act, "login", phone.person);
  if (!code) return;
  const device = { id: random(), class: "pc", name: languageTag() === "en" ? "Office PC" : "办公室电脑", system: "Windows 11" };
  await ask(act, { name: "login", method: "POST", path: loginPath(), body: { code, device }, headers: { "Idempotency-Key": random() }, open: true, why: () => ["why_login_elsewhere"], whyAgain: "why_login_again" });
  await listSessions(act);
}

/** An operator ends the session; the phone learns it at its next request. */
export async function kick(act) {
  await ask(act, { name: "kick", method: "POST", path: "/dev/kick", body: { session_id: phone.tokens.session_id }, why: () => ["why_kick"] });
  await me(act);
}

/** The problem that the server had with the nickname, if any. */
export async function rename(act, nickname) {
  const answer = await askSigned(act, { name: "rename", method: "PUT", path: "/v1/me", body: { nickname }, open: true, why: () => ["why_rename"] });
  if (answer?.status === 200) {
    phone.user = answer.json.user;
    keep();
    return null;
  }
  return answer?.json?.detail ?? null;
}

export async function logout(act) {
  const answer = await askSigned(act, { name: "logout", method: "POST", path: "/v1/logout", why: () => ["why_logout"] });
  if (!answer || (answer.status !== 204 && answer.status !== 401)) return;
  forget({ key: "signed_out" });
}

/** Signed out, for whatever reason: nothing that was the session's stays on the phone. */
function forget(notice) {
  Object.assign(phone, { tokens: null, user: null, sessions: [], tokenIsGood: null, unanswered: null, notice });
  keep();
}

/** A request with the access token. An expired one is refreshed and the request repeated; after any other 401 there is no session. */
async function askSigned(act, request) {
  const signed = () => ({ ...request, headers: { ...request.headers, Authorization: `Bearer ${phone.tokens.access_token}` }, isOver: true });
  const answer = await ask(act, signed());
  const isStale = answer?.status === 401 && answer.json?.action === "refresh";
  return isStale && (await refresh(act, "why_refresh_expired")) ? ask(act, signed()) : answer;
}

/** A request of the phone. Where an answer is to be lost, the request is made, its answer thrown away, and the same request sent again. */
async function ask(act, request) {
  let lost = null;
  if (phone.loseNext && request.path.startsWith("/v1/")) {
    phone.loseNext = false;
    lost = await send(request);
    note(act, request, lost, { lost: Boolean(lost.answer), why: [lost.answer ? "why_lost" : "why_no_answer"] });
    changed();
  }
  const sent = await send(request);
  const { answer } = sent;
  note(act, request, sent, { why: why(request, answer, lost), verdicts: compared(lost?.answer?.json, answer?.json), open: request.open });
  if (!answer) phone.notice = { key: "unreachable" };
  else if (phone.notice?.key === "unreachable") phone.notice = null;
  changed();
  if (request.isOver && answer?.status === 401 && answer.json?.action === "relogin") {
    const { code } = answer.json;
    forget({ key: has(`${code}_more`) ? code : "signed_out_by", problem: answer.json });
  }
  return answer;
}

async function send({ method, path, body, headers }) {
  const all = { "Accept-Language": languageTag(), ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers };
  const began = performance.now();
  try {
    const response = await fetch(path, { method, headers: all, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" });
    const text = await response.text();
    const type = response.headers.get("content-type");
    const answer = { status: response.status, type, text, json: /json/.test(type ?? "") ? JSON.parse(text) : undefined };
    return { answer, ms: performance.now() - began, headers: all };
  } catch {
    return { answer: null, ms: performance.now() - began, headers: all };
  }
}

function note(act, { name, call, method, path, body }, { answer, ms, headers }, rest) {
  add(act, { name, call, method, path, body, answer, ms, headers, lost: false, verdicts: [], open: false, ...rest });
}

function why(request, answer, lost) {
  if (!answer) return ["why_no_answer"];
  if (answer.status < 400) return lost ? [request.whyAgain ?? "why_again"] : request.why(answer.json);
  if (request.whyRefused && answer.status === 401) return request.whyRefused();
  if (request.isOver && answer.json?.action === "relogin") return ["why_ended", { code: answer.json.code }];
  return answer.json?.title ? ["why_problem", answer.json] : ["why_wx_failed"];
}

/** What a retry must have in common with the answer that was lost. */
function compared(lost, again) {
  if (!lost?.session_id || !again?.session_id) return [];
  const isSame = lost.session_id === again.session_id;
  const verdicts = [{ good: isSame, key: isSame ? "same_session" : "other_session", values: { id: again.session_id } }];
  if (lost.refresh_token === again.refresh_token) verdicts.push({ good: true, key: "same_refresh" });
  return verdicts;
}
