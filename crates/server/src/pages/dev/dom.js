// Elements made of text, never of markup; JSON in colours; long secrets shortened, with a button that copies the whole.

import { say } from "./words.js";

/** Longer texts than this are shortened where they are tokens or codes. */
const LONGEST = 48;

export function find(id) {
  return document.getElementById(id);
}

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Words with `code` in them, as nodes. */
export function rich(text) {
  return text.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));
}

export function shortened(text) {
  return text.length > LONGEST ? `${text.slice(0, 12)}…${text.slice(-8)}` : text;
}

/** The text, shortened, and a button that copies all of it. */
export function copyable(text, what) {
  return el("span", { class: "copyable" }, el("code", { title: text.length > LONGEST ? null : text }, shortened(text)), copyButton(text, what));
}

export function copyButton(text, what) {
  const label = say("copy", { what });
  return el("button", { type: "button", class: "copy", "aria-label": label, title: label, click: (event) => copy(event.currentTarget, text) }, icon("copy"));
}

export async function copy(button, text) {
  let outcome = "copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    outcome = "not_copied";
  }
  button.classList.add(outcome);
  find("spoken").textContent = say(outcome);
  setTimeout(() => button.classList.remove(outcome), 1500);
}

/** A JSON value as coloured nodes, two spaces a level. */
export function json(value, indent = "", name = "") {
  if (value === null) return [el("span", { class: "j-null" }, "null")];
  if (Array.isArray(value)) return members("[", "]", value.map((item) => [[], item, name]), indent);
  if (typeof value === "object") {
    const entries = Object.entries(value);
    return members("{", "}", entries.map(([key, item]) => [[el("span", { class: "j-key" }, JSON.stringify(key)), ": "], item, key]), indent);
  }
  if (typeof value !== "string") return [el("span", { class: `j-${typeof value}` }, String(value))];
  const short = shortened(value);
  const isSecret = short !== value && !/\s/.test(value) && !value.startsWith("http");
  const text = el("span", { class: "j-string" }, JSON.stringify(isSecret ? short : value));
  return isSecret ? [text, copyButton(value, name)] : [text];
}

function members(open, close, items, indent) {
  if (items.length === 0) return [open + close];
  const deeper = `${indent}  `;
  const lines = items.flatMap(([before, item, name], index) => [
    `\n${deeper}`, ...before, ...json(item, deeper, name), index < items.length - 1 ? "," : "",
  ]);
  return [open, ...lines, `\n${indent}${close}`];
}

/** A hue for a name: the same person has the same colour everywhere. */
export function hue(name) {
  const known = ["小明", "小红", "阿强"].indexOf(name);
  const sum = Array.from(name).reduce((sum, character) => sum + character.codePointAt(0), 0);
  return `hue-${known >= 0 ? known : sum % 6}`;
}
