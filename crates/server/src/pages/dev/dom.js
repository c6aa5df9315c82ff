// Elements made of text, never of markup; JSON in colours; long secrets shortened, with a button that copies the whole.

import { currentLanguage, say } from "./words.js";

/** Tokens, codes and keys that are longer are shortened; ids of users and sessions fit. */
const LONGEST = 30;

export function find(id) {
  return document.getElementById(id);
}

/** Says something to whoever can't see it. */
export function speak(text) {
  find("spoken").textContent = text;
}

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
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

/** Whether a text is there for machines: nobody reads it, so it may be shortened. */
export function isOpaque(text) {
  return text.length > LONGEST && /^[\x21-\x7e]+$/.test(text) && !text.startsWith("http");
}

export function shortened(text) {
  return text.length > LONGEST ? `${text.slice(0, 10)}…${text.slice(-6)}` : text;
}

/** The text, shortened, and a button that copies all of it. */
export function copyable(text, what) {
  return el("span", { class: "copyable" }, el("code", {}, shortened(text)), copyButton(text, what));
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
  speak(say(outcome));
  setTimeout(() => button.classList.remove(outcome), 1500);
}

/** A JSON value as coloured nodes, two spaces a level. */
export function json(value) {
  return nodes(value, { indent: "", name: "", comma: "" });
}

/** `name` is for the button that copies it; `comma` follows the value, and stands before that button. */
function nodes(value, { indent, name, comma }) {
  if (value === null) return [el("span", { class: "j-null" }, "null"), comma];
  if (Array.isArray(value)) return [...members("[", "]", value.map((item) => [[], item, name]), indent), comma];
  if (typeof value === "object") {
    const entries = Object.entries(value);
    return [...members("{", "}", entries.map(([key, item]) => [[el("span", { class: "j-key" }, JSON.stringify(key)), ": "], item, key]), indent), comma];
  }
  if (typeof value !== "string") return [el("span", { class: `j-${typeof value}` }, String(value)), comma];
  if (!isOpaque(value)) return [el("span", { class: "j-string" }, quoted(value)), comma];
  return [el("span", { class: "j-string" }, JSON.stringify(shortened(value))), comma, copyButton(value, name)];
}

/** Characters that would turn the text around or hide are shown by number, which is JSON too. */
function quoted(text) {
  const number = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(/[\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, number);
}

function members(open, close, items, indent) {
  if (items.length === 0) return [open + close];
  const deeper = `${indent}  `;
  const lines = items.flatMap(([before, item, name], index) => [
    `\n${deeper}`, ...before, ...nodes(item, { indent: deeper, name, comma: index < items.length - 1 ? "," : "" }),
  ]);
  return [open, ...lines, `\n${indent}${close}`];
}

const drawn = new WeakMap();

/** Draws a part only when what it shows has changed: a button that somebody is about to press stays where it is. */
export function draw(part, shows, doing) {
  const text = JSON.stringify([currentLanguage(), shows]);
  if (drawn.get(part) === text) return;
  drawn.set(part, text);
  doing();
}

/** Whom one can be without having made anybody up. */
export const PEOPLE = ["小明", "小红", "阿强"];

/** A hue for a name: the same person has the same colour everywhere. */
export function hue(name) {
  const known = PEOPLE.indexOf(name);
  const sum = Array.from(name).reduce((sum, character) => sum + character.codePointAt(0), 0);
  return `hue-${known >= 0 ? known : sum % 6}`;
}
