// The steps as they happen: one act per click, the newest first; in it one card per request, in order.

import { copyButton, el, find, icon, isOpaque, json, rich, shortened } from "./dom.js";
import { languageTag, say, timeOfDay } from "./words.js";

/** More acts than this are forgotten, the oldest first. */
const MOST = 30;

const acts = [];

/** Opens an act; those before it fold up. */
export function begin(title, values = {}) {
  for (const box of find("steps").querySelectorAll("details[open]")) box.open = false;
  acts.unshift({ title, values, at: Date.now(), steps: [], list: null });
  for (const forgotten of acts.splice(MOST)) forgotten.list?.parentElement.remove();
  return acts[0];
}

/** Adds a step to an act, shows it and says it aloud. */
export function add(act, step) {
  act.steps.push(step);
  if (!act.list) find("steps").prepend(section(act));
  act.list.append(el("li", {}, card(step)));
  showEmpty();
  const status = step.lost ? say("lost") : (step.answer?.status ?? say("no_answer"));
  const what = step.call ?? `${step.method} ${step.path}`;
  find("spoken").textContent = say("spoken", { what, status, why: say(...step.why).replaceAll("`", "") });
}

export function clear() {
  acts.length = 0;
  show();
}

/** Draws all of it anew, as in another language. */
export function show() {
  const sections = acts.filter((act) => act.steps.length > 0).map((act) => {
    const drawn = section(act);
    act.list.append(...act.steps.map((step) => el("li", {}, card(step))));
    return drawn;
  });
  find("steps").replaceChildren(...sections);
  showEmpty();
}

function showEmpty() {
  const nothing = find("steps").childElementCount === 0;
  find("empty").hidden = !nothing;
  find("clear").hidden = nothing;
}

function section(act) {
  act.list = el("ol", {});
  return el("section", { class: "act" }, el("h3", {}, say(act.title, act.values), el("time", {}, timeOfDay(act.at))), act.list);
}

function card(step) {
  const state = outcome(step);
  const name = step.call ? [el("b", { class: "call" }, step.call), el("span", { class: "by" }, step.path)] : el("code", { class: "path" }, step.path);
  return el("article", { class: `step ${state}`, "data-step": step.name, "data-status": step.answer?.status ?? "none", "data-lost": step.lost ? "yes" : "no" },
    el("header", {},
      el("span", { class: `method ${step.call ? "wx" : step.method.toLowerCase()}` }, step.call ? "wx" : step.method),
      name,
      el("span", { class: "outcome" },
        el("span", { class: `chip ${state}` }, step.lost ? [icon("lost"), say("lost")] : String(step.answer?.status ?? say("no_answer"))),
        step.answer && el("span", { class: "ms" }, milliseconds(step.ms)))),
    el("p", { class: "why" }, rich(say(...step.why))),
    step.verdicts.map((verdict) => el("p", { class: `verdict ${verdict.good ? "good" : "bad"}` }, icon(verdict.good ? "check" : "kick"), el("span", {}, rich(say(verdict.key, verdict.values))))),
    details(step));
}

function outcome(step) {
  if (step.lost) return "lost";
  if (!step.answer) return "failed";
  return step.answer.status < 400 ? "fine" : "refused";
}

function milliseconds(ms) {
  const digits = ms < 10 ? 1 : 0;
  return `${new Intl.NumberFormat(languageTag(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(ms)} ms`;
}

function details(step) {
  const head = [el("span", { class: "j-head" }, `${step.method} ${step.path}`), Object.entries(step.headers).map(([name, value]) => header(name, value))];
  const sent = el("pre", { tabindex: 0, role: "group", "aria-label": say("request") }, head, step.body === undefined ? null : ["\n\n", json(step.body)]);
  const { answer } = step;
  const body = answer?.json === undefined ? [answer?.text || say("no_body")] : json(answer.json);
  const got = el("pre", { tabindex: 0, role: "group", "aria-label": say(step.lost ? "lost_answer" : "answer") }, answer && [el("span", { class: "j-head" }, `HTTP ${answer.status}`), answer.type && `\ncontent-type: ${answer.type}`, "\n\n"], body);
  const box = el("details", { open: step.open, toggle: (event) => { step.open = event.currentTarget.open; } },
    el("summary", {}, say("details")),
    el("div", { class: "both" },
      el("section", {}, el("h4", {}, say("request")), sent),
      el("section", {}, el("h4", {}, say(step.lost ? "lost_answer" : "answer")), got)),
    el("p", { class: "curl" }, say("curl"), copyButton(curl(step), "cURL")));
  return box;
}

/** A token in a header is shortened as one in a body is. */
function header(name, value) {
  const at = value.lastIndexOf(" ") + 1;
  const last = value.slice(at);
  return [`\n${name}: ${value.slice(0, at)}`, isOpaque(last) ? [shortened(last), copyButton(last, name)] : last];
}

function curl(step) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [`curl -i -X ${step.method} ${quoted(location.origin + step.path)}`];
  for (const [name, value] of Object.entries(step.headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (step.body !== undefined) parts.push(`-d ${quoted(JSON.stringify(step.body))}`);
  return parts.join(" \\\n  ");
}
