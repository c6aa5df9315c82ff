// What went over a phone's line, as it happens: one act for what somebody did, the newest first; in it a card for each request,
// and one card for many of the same at once.

import { copyButton, el, icon, isOpaque, json, rich, shortened, speak } from "./dom.js";
import { languageTag, say, timeOfDay } from "./words.js";
import { Reader } from "./why.js";

/** More acts than this are forgotten, the oldest first. */
const MOST = 30;

export class Log {
  /** Where it is shown. */
  box = el("div", { class: "acts", tabindex: -1 });
  onChange = () => {};
  #acts = [];
  #reader = new Reader();
  #platform;

  /** `platform` tells which one the open program is on. */
  constructor(platform) {
    this.#platform = platform;
  }

  get isEmpty() {
    return this.#acts.every((act) => act.steps.length === 0);
  }

  /** The code that was used last. */
  get lastCode() {
    return this.#reader.lastCode;
  }

  /** Opens an act; those before it fold up. */
  begin(title, values = {}) {
    for (const details of this.box.querySelectorAll("details[open]")) details.open = false;
    this.#acts.unshift({ title, values, at: Date.now(), steps: [], list: null });
    for (const forgotten of this.#acts.splice(MOST)) forgotten.list?.parentElement.remove();
  }

  /** Adds what went over the line to the newest act, shows it and says it aloud. */
  add(request) {
    if (this.#acts.length === 0) this.begin("act_other");
    const [act] = this.#acts;
    const step = { ...request, ...this.#reader.read(request), platform: this.#platform(), count: 1, ended: request.began + request.ms };
    const twin = act.steps.find((it) => isTwin(it, step));
    if (twin) {
      Object.assign(twin, { count: twin.count + 1, ended: Math.max(twin.ended, step.ended) });
      twin.drawn.replaceChildren(card(twin));
    } else {
      act.steps.push(step);
      if (!act.list) this.box.prepend(section(act));
      act.list.append((step.drawn = el("li", {}, card(step))));
      const what = step.call ? callOf(step) : `${step.method} ${step.path}`;
      speak(say("spoken", { what, status: outcomeOf(step), why: whyOf(step).replaceAll("`", "") }));
    }
    this.onChange();
  }

  clear() {
    this.#acts = [];
    this.show();
  }

  /** Draws all of it anew, as in another language. */
  show() {
    const sections = this.#acts.filter((act) => act.steps.length > 0).map((act) => {
      const drawn = section(act);
      act.list.append(...act.steps.map((step) => (step.drawn = el("li", {}, card(step)))));
      return drawn;
    });
    this.box.replaceChildren(...sections);
    this.onChange();
  }
}

/** The same request with the same outcome, which began before the other had ended: one of many at once. */
function isTwin(one, other) {
  const same = (name) => one[name] === other[name];
  return ["method", "path", "away", "name"].every(same) && one.answer?.status === other.answer?.status && other.began < one.ended;
}

function section(act) {
  act.list = el("ol", {});
  return el("section", { class: "act" }, el("h4", {}, say(act.title, act.values), el("time", {}, timeOfDay(act.at))), act.list);
}

const callOf = (step) => (step.path.includes("getPhoneNumber") || step.path.includes("chooseAvatar") ? step.call : `${step.path.split("/")[2]}.${step.call}()`);

const whyOf = ({ why: [key, values], platform }) => say(key, { ...values, platform: say(platform) });

function card(step) {
  const state = stateOf(step);
  const name = step.call ? [el("b", { class: "call" }, callOf(step)), el("span", { class: "by" }, step.path)] : el("code", { class: "path" }, step.path);
  return el("article", { class: `step ${state}`, "data-step": step.name, "data-status": step.answer?.status ?? "none", "data-lost": step.away === "lost" ? "yes" : "no", "data-count": step.count },
    el("header", {},
      el("span", { class: `method ${step.call ? "wx" : step.method.toLowerCase()}` }, step.call ? step.path.split("/")[2] : step.method),
      name,
      el("span", { class: "outcome" },
        step.count > 1 && el("b", { class: "count" }, `× ${step.count}`),
        el("span", { class: `chip ${state}` }, step.away && icon(step.away === "airplane" ? "plane" : "lost"), outcomeOf(step)),
        step.answer && el("span", { class: "ms" }, milliseconds(step.ms)))),
    el("p", { class: "why" }, rich(whyOf(step))),
    step.verdicts.map((verdict) => el("p", { class: `verdict ${verdict.good ? "good" : "bad"}` }, icon(verdict.good ? "check" : "kick"), el("span", {}, rich(say(verdict.key, verdict.values))))),
    details(step));
}

function stateOf({ away, answer }) {
  if (away) return away === "lost" ? "lost" : "failed";
  return answer && answer.status < 400 ? "fine" : "refused";
}

function outcomeOf({ away, answer }) {
  if (away === "lost") return say("lost");
  if (away === "airplane") return say("not_sent");
  return answer ? String(answer.status) : say("no_answer");
}

function milliseconds(ms) {
  const digits = ms < 10 ? 1 : 0;
  return `${new Intl.NumberFormat(languageTag(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(ms)} ms`;
}

function details(step) {
  const pre = (label, ...nodes) => el("section", {}, el("h5", {}, say(label)), el("pre", { tabindex: 0, role: "group", "aria-label": say(label) }, nodes));
  const head = [el("span", { class: "j-head" }, `${step.method} ${step.path}`), Object.entries(step.headers).map(([name, value]) => header(name, value))];
  const { answer, away } = step;
  const got = away === "lost" ? "lost_answer" : "answer";
  const body = answer?.json === undefined ? [answer?.text || say("no_body")] : json(answer.json);
  const line = answer && [el("span", { class: "j-head" }, `HTTP ${answer.status}`), answer.type && `\ncontent-type: ${answer.type}`, "\n\n"];
  return el("details", { open: step.open, toggle: (event) => { step.open = event.currentTarget.open; } },
    el("summary", {}, say("details")),
    el("div", { class: "both" }, pre("request", head, sentOf(step)), pre(got, line, body)),
    typeof (step.body ?? "") === "string" && el("p", { class: "curl" }, say("curl"), copyButton(curl(step), "cURL")));
}

function sentOf({ body, shown }) {
  if (body === undefined) return null;
  return ["\n\n", shown ?? json(JSON.parse(body))];
}

/** A token in a header is shortened as one in a body is. */
function header(name, value) {
  const at = value.lastIndexOf(" ") + 1;
  const last = value.slice(at);
  return [`\n${name}: ${value.slice(0, at)}`, isOpaque(last) ? [shortened(last), copyButton(last, name)] : last];
}

function curl({ method, path, headers, body }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [`curl -i -X ${method} ${quoted(location.origin + path)}`];
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push(`-d ${quoted(body)}`);
  return parts.join(" \\\n  ");
}
