// What a request is, and why it is answered so: from its path, its answer, and what was lost before it.

const NAMES = [
  [/^POST \/v1\/login\//, "login"],
  [/^POST \/v1\/token\/refresh$/, "refresh"],
  [/^POST \/v1\/logout$/, "logout"],
  [/^GET \/v1\/me$/, "me"],
  [/^PUT \/v1\/me$/, "rename"],
  [/^GET \/v1\/me\/sessions$/, "sessions"],
  [/^DELETE \/v1\/me\/sessions\//, "end"],
  [/^POST \/v1\/me\/phone$/, "phone"],
  [/^POST \/v1\/me\/avatar$/, "avatar"],
];

/** Why, by the name; what has no line of its own is told by what it is. */
const WHYS = {
  refresh: "why_refresh", logout: "why_logout", me: "why_me", rename: "why_rename", sessions: "why_sessions", end: "why_end",
  phone: "why_phone", avatar: "why_avatar", kick: "why_kick", expire: "why_expire",
  login: "why_login_known", getAuthCode: "why_wx_login", getPhoneNumber: "why_wx_phone", checkSession: "why_wx_check", chooseAvatar: "why_wx_avatar",
};

const AGAIN = { login: "why_login_again", refresh: "why_refresh_again", me: "why_me_again", sessions: "why_me_again" };

export class Reader {
  lastCode = null;
  /** Answers that were lost, by what a repetition has in common with them. */
  #lost = new Map();
  #isExpired = false;

  /** Its name, the words of its explanation, and what a repetition is seen to have in common with the first. */
  read(request) {
    const name = request.name ?? this.#name(request);
    const { answer, away } = request;
    const mark = markOf(name, request);
    const lost = this.#lost.get(mark);
    const isAgain = this.#lost.has(mark);
    if (away === "lost") this.#lost.set(mark, answer.json);
    else if (answer) this.#lost.delete(mark);
    const why = this.#why(name, request, isAgain);
    this.#learn(name, request);
    return { name, why, verdicts: away ? [] : compared(lost, answer?.json), open: name === "login" && !isAgain };
  }

  #name({ call, method, path }) {
    if (call) return call === "login" ? "wx.login" : call;
    return NAMES.find(([pattern]) => pattern.test(`${method} ${path}`))?.[1] ?? "other";
  }

  #learn(name, { body, answer }) {
    if (name === "login" && answer && answer.json?.action !== "retry") this.lastCode = JSON.parse(body).code;
    if (answer?.json?.code === "token_expired") this.#isExpired = true;
    else if (name === "refresh") this.#isExpired = false;
  }

  #why(name, { call, answer, away }, isAgain) {
    if (away) return [`why_${away}`];
    const { status, json } = answer ?? {};
    if (!answer) return ["why_gone"];
    if (name === "replay" && status === 401) return ["why_replay"];
    if (status >= 400) return refusal(name, json);
    if (call && /:fail|fail /.test(json?.errMsg ?? "")) return ["why_wx_denied", { said: json.errMsg }];
    if (name === "wx.login") return ["why_wx_login"];
    if (name === "login" && !isAgain && json.is_new_user) return ["why_login_new"];
    if (name === "refresh" && !isAgain && this.#isExpired) return ["why_refresh_expired"];
    return [(isAgain && (AGAIN[name] ?? "why_again")) || WHYS[name] || "why_other"];
  }
}

function refusal(name, json) {
  if (json?.code === "token_expired") return ["why_expired"];
  if (json?.action === "relogin" && name !== "login") return ["why_ended", { code: json.code }];
  return json?.title ? ["why_problem", json] : ["why_wx_failed"];
}

function markOf(name, { method, path, body, headers }) {
  if (name === "refresh") return body;
  return headers["Idempotency-Key"] ?? `${method} ${path}`;
}

/** What a repetition must have in common with the answer that was lost. */
function compared(lost, again) {
  if (!lost?.session_id || !again?.session_id) return [];
  const isSame = lost.session_id === again.session_id;
  const verdicts = [{ good: isSame, key: isSame ? "same_session" : "other_session", values: { id: again.session_id } }];
  if (lost.refresh_token === again.refresh_token) verdicts.push({ good: true, key: "same_refresh" });
  return verdicts;
}
