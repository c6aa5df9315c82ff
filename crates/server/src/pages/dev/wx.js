// What a platform gives to the mini programs on a phone: `wx`, which `qq` and `tt` are like, and `my`, which is not. Codes come from
// the simulator, requests go over the phone's line, with the habits of the real ones as far as the SDK can meet them.

/** WeChat lets so many requests run, and queues the rest. */
const AT_ONCE = 10;

const PREFIXES = { wechat: "wx", qq: "qq", douyin: "tt", alipay: "my" };

/** The platform's object for a program that is open on a phone: whose, which, and with what store, `place` says. */
export function platformOf(place) {
  return place.app.platform === "alipay" ? myOf(place) : wxOf(place);
}

/** What the platform's client does on the phone, asked of the simulator: its answer, or a refusal that says why not. */
export async function tap(place, call, more = {}) {
  const { person, app, line } = place;
  const path = `/dev/${PREFIXES[app.platform]}/${call}`;
  const headers = { "Content-Type": "application/json" };
  const answer = await line.send({ call, path, headers, body: JSON.stringify({ person, appid: app.appid, ...more }) });
  if (answer.status === 200) return answer.json;
  throw new Error(answer.json?.error ?? answer.json?.detail ?? String(answer.status));
}

function wxOf(place) {
  const queue = queueOf(AT_ONCE);
  const failed = (call, options) => (error) => options.fail?.({ errMsg: `${call}:fail ${error.message}`, errno: 600001 });
  return {
    login: (options) => void tap(place, "login").then(options.success, failed("login", options)),
    checkSession: (options) =>
      void tap(place, "checkSession").then((said) => (said.errMsg.endsWith(":ok") ? options.success : options.fail)(said), failed("checkSession", options)),
    request: (options) =>
      void queue(() => requested(place, options)).then(
        (answer) => options.success({ statusCode: answer.status, data: answer.json ?? answer.text, header: answer.headers, errMsg: "request:ok" }),
        failed("request", options)),
    uploadFile: (options) =>
      void queue(() => uploaded(place, options)).then(
        (answer) => options.success({ statusCode: answer.status, data: answer.text, errMsg: "uploadFile:ok" }),
        failed("uploadFile", options)),
    getStorageSync: (key) => place.storage()[key] ?? "",
    setStorageSync: (key, value) => place.store(key, value),
    removeStorageSync: (key) => place.store(key, undefined),
    getSystemInfoSync: () => about(place),
  };
}

/** Alipay's names are others, and a status that is no success calls `fail`. */
function myOf(place) {
  const away = (options) => (error) => options.fail({ error: 12, errorMessage: error.message });
  const answered = (options, answer) => {
    const said = { status: answer.status, data: answer.json ?? answer.text, headers: answer.headers };
    if (answer.status < 400) options.success(said);
    else options.fail({ ...said, error: 19, errorMessage: `http status error ${answer.status}` });
  };
  return {
    getAuthCode: (options) => void tap(place, "getAuthCode", { scopes: options.scopes }).then(options.success, away(options)),
    request: (options) => void requested(place, { ...options, header: options.headers }).then((answer) => answered(options, answer), away(options)),
    uploadFile: (options) => void uploaded(place, { ...options, header: options.headers }).then((answer) => answered(options, answer), away(options)),
    getStorageSync: ({ key }) => ({ data: place.storage()[key] ?? null }),
    setStorageSync: ({ key, data }) => place.store(key, data),
    removeStorageSync: ({ key }) => place.store(key, undefined),
    getSystemInfoSync: () => about(place),
  };
}

const about = (place) => ({ language: place.language().replace("-", "_"), model: place.model(), system: "iOS 18.1", platform: "ios" });

function requested({ line }, { url, method = "GET", header = {}, data }) {
  const bare = method === "GET" || data === undefined;
  const { ["content-type"]: type, ...others } = header;
  const body = bare || typeof data === "string" ? data : JSON.stringify(data);
  return line.send({ method, path: pathOf(url), headers: bare ? others : { ...others, "Content-Type": type ?? "application/json" }, body: bare ? undefined : body });
}

function uploaded({ line, files }, { url, filePath, name, header = {} }) {
  const file = files.get(filePath);
  const form = new FormData();
  form.set(name, file ?? new Blob([]), "avatar");
  return line.send({ path: pathOf(url), headers: header, body: form, shown: `${name}: ${file?.type} (${file?.size} B)` });
}

/** Programs name whole addresses; all of them are this server's. */
function pathOf(url) {
  const { pathname, search } = new URL(url, location.origin);
  return pathname + search;
}

function queueOf(most) {
  let running = 0;
  const waiting = [];
  return async (work) => {
    if (running >= most) await new Promise((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      if (waiting.length > 0) waiting.shift()();
      else running -= 1;
    }
  };
}
