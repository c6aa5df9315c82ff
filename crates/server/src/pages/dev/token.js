// An access token taken apart, and verified as a back end would: offline, with a public key of the JWKS.

import { copyable, copyButton, draw, el, icon, rich, shortened } from "./dom.js";
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

/** The panel beside a phone: what the token says, whether its signature is good, how long it lives. */
export class TokenPanel {
  #box;
  #good = null;
  #token = null;
  /** When it is over, by this machine's clock. */
  #over = 0;

  constructor(box) {
    this.#box = box;
  }

  /** Shows the token that goes over the line, and what the SDK has stored beside it. */
  show(token, kept) {
    const [nothing, filled] = [this.#find(".nothing"), this.#find(".filled")];
    nothing.hidden = Boolean(token);
    filled.hidden = !token;
    if (token !== this.#token) this.#check(token);
    if (token) this.#over = endOf(token, kept);
    if (token) draw(this.#box, [token, this.#good, kept.refresh_token], () => this.#draw(token, kept));
    this.tick();
  }

  /** The countdown. */
  tick() {
    const state = this.#find(".token-state");
    state.hidden = !this.#token;
    if (!this.#token) return;
    const { claims } = decode(this.#token);
    const left = Math.ceil((this.#over - Date.now()) / 1000);
    state.className = `token-state chip ${left > 0 ? "fine" : "refused"}`;
    state.textContent = left > 0 ? say("token_left", { time: span(left) }) : say("token_over_short");
    this.#find("progress").value = Math.max(0, left) / (claims.exp - claims.iat);
    const exp = this.#find("[data-claim=exp] .left");
    if (exp) exp.textContent = left > 0 ? say("token_left", { time: span(left) }) : say("token_over");
  }

  #find(css) {
    return this.#box.querySelector(css);
  }

  async #check(token) {
    this.#token = token;
    this.#good = null;
    if (!token) return;
    const good = await verified(token);
    if (this.#token !== token) return;
    this.#good = good;
    this.#drawVerdict();
  }

  #draw(token, kept) {
    const { header, claims } = decode(token);
    const parts = token.split(".").map((part, index) => el("span", { class: `jwt-${index}` }, shortened(part)));
    this.#find(".jwt").replaceChildren(el("code", {}, parts[0], " . ", parts[1], " . ", parts[2]), copyButton(token, "access_token"));
    this.#find(".refresh-token").replaceChildren(copyable(kept.refresh_token, "refresh_token"));
    this.#find(".token-header").replaceChildren(...rows(header));
    this.#find(".token-claims").replaceChildren(...rows(claims));
    this.#drawVerdict();
  }

  #drawVerdict() {
    const verdict = this.#find(".token-verified");
    const good = this.#good;
    verdict.hidden = good === null;
    verdict.className = `token-verified verdict ${good ? "good" : "bad"}`;
    verdict.replaceChildren(icon(good ? "check" : "kick"), el("span", {}, rich(say(good ? "verified" : "not_verified"))));
  }
}

/** The server's clock may be another: what counts is since when the token is held. */
function endOf(token, kept) {
  const { exp, iat } = decode(token).claims;
  return token === kept.access_token ? kept.at + (exp - iat) * 1000 : exp * 1000;
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
