// An access token taken apart, and verified as a back end would: offline, with a public key of the JWKS.

import { copyable, copyButton, draw, el, find, icon, rich, shortened } from "./dom.js";
import { dateTime, has, say } from "./words.js";

const ALGORITHMS = {
  ES256: [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }],
  RS256: [{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, { name: "RSASSA-PKCS1-v1_5" }],
  EdDSA: [{ name: "Ed25519" }, { name: "Ed25519" }],
};

const TIMES = ["exp", "iat", "nbf", "auth_time"];

/** Header and claims, unverified. */
export function decode(token) {
  const [header, claims] = token.split(".", 2).map((part) => JSON.parse(new TextDecoder().decode(bytes(part))));
  return { header, claims };
}

function bytes(base64url) {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** Whether its signature is good; `null` where this browser can't tell. */
export async function verified(token) {
  try {
    const { header } = decode(token);
    const { keys } = await (await fetch("/.well-known/jwks.json")).json();
    const jwk = keys.find((key) => key.kid === header.kid);
    const known = ALGORITHMS[header.alg];
    if (!jwk || !known || jwk.alg !== header.alg) return false;
    const key = await crypto.subtle.importKey("jwk", jwk, known[0], false, ["verify"]);
    const end = token.lastIndexOf(".");
    return await crypto.subtle.verify(known[1], key, bytes(token.slice(end + 1)), new TextEncoder().encode(token.slice(0, end)));
  } catch {
    return null;
  }
}

/** Fills the panel, or empties it. `good` is what `verified` told. */
export function showToken(tokens, good) {
  const [nothing, filled] = [find("token-panel").querySelector(".nothing"), find("token-panel").querySelector(".filled")];
  nothing.hidden = Boolean(tokens);
  filled.hidden = !tokens;
  if (tokens) draw("token", [tokens.access_token, good], () => drawToken(tokens.access_token, good));
  showTimeLeft(tokens);
}

function drawToken(token, good) {
  const { header, claims } = decode(token);
  const parts = token.split(".").map((part, index) => el("span", { class: `jwt-${index}` }, shortened(part)));
  find("token-text").replaceChildren(el("code", {}, parts[0], " . ", parts[1], " . ", parts[2]), copyButton(token, "access_token"));
  const verdict = find("token-verified");
  verdict.hidden = good === null || good === undefined;
  verdict.className = `verdict ${good ? "good" : "bad"}`;
  verdict.replaceChildren(icon(good ? "check" : "kick"), el("span", {}, rich(say(good ? "verified" : "not_verified"))));
  find("token-header").replaceChildren(...rows(header));
  find("token-claims").replaceChildren(...rows(claims));
}

/** The countdown, by the server's clock. */
export function showTimeLeft(tokens) {
  const state = find("token-state");
  state.hidden = !tokens;
  if (!tokens) return;
  const left = secondsLeft(tokens);
  state.className = `chip ${left > 0 ? "fine" : "refused"}`;
  state.textContent = left > 0 ? say("token_left", { time: span(left) }) : say("token_over_short");
  state.title = left > 0 ? "" : say("token_over");
  find("token-life").value = Math.max(0, left) / tokens.expires_in;
  const exp = find("token-claims").querySelector("[data-claim=exp] .left");
  if (exp) exp.textContent = left > 0 ? say("token_left", { time: span(left) }) : say("token_over");
}

function secondsLeft(tokens) {
  const { claims } = decode(tokens.access_token);
  return Math.ceil(claims.exp - (Date.now() + tokens.skew) / 1000);
}

function span(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}

function rows(values) {
  return Object.entries(values).map(([name, value]) => {
    const meaning = has(`claim_${name}`) ? el("small", {}, say(`claim_${name}`)) : null;
    return el("div", { "data-claim": name }, el("dt", {}, el("code", {}, name), meaning), el("dd", {}, shown(name, value)));
  });
}

function shown(name, value) {
  if (TIMES.includes(name)) {
    return [el("code", {}, String(value)), el("small", {}, dateTime(value * 1000)), name === "exp" ? el("small", { class: "left" }) : null];
  }
  if (Array.isArray(value)) return value.map((item) => el("code", { class: "item" }, String(item)));
  if (typeof value !== "string") return el("code", {}, JSON.stringify(value));
  return /^(ses|usr)_/.test(value) ? copyable(value, name) : el("code", {}, value);
}
