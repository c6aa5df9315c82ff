// menjin's public keys (RFC 7517), fetched rarely, one fetch at a time, never without a deadline. jose's own remote set
// fails once its keys have aged while menjin is away; this one goes on with them for a while.
// Does not: verify (`verifier.js`).

import { importJWK } from 'jose'
import { because, text } from './bounded.js'
import { Refusal } from './refusal.js'

const DEADLINE = 3_000
const MOST_BYTES = 256 * 1024
/** How long keys count as fresh: what `Cache-Control: max-age` says, within these bounds. */
const USUAL_AGE = 300_000
const LEAST_AGE = 60_000
const MOST_AGE = 86_400_000
/** An unknown `kid` may cause one fetch in this time, and none so soon after another. */
const UNKNOWN_KEY_PAUSE = 60_000
const JUST_TRIED = 5_000
/** After a failure: with keys at hand, and without any. */
const RETRY_PAUSE = 10_000
const EMPTY_PAUSE = 1_000
const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'RS256']

export class Keys {
  #set = new Map()
  #freshUntil = null
  #readAt = -Infinity
  #triedAt = -Infinity
  #askedForUnknownAt = -Infinity
  #fetching = null
  #again = false
  #failure = ''

  constructor({ url, maxStale, fetch, now, log }) {
    Object.assign(this, { url, maxStale, fetch, now, log })
  }

  /** The key of that name and its algorithm; `undefined` when menjin has none. Fetches at most once for all who wait. */
  async find(kid) {
    await this.ready()
    if (this.#set.has(kid)) return this.#set.get(kid)
    // A fetch that is under way may be bringing it.
    await this.#fetching
    if (
      !this.#set.has(kid) &&
      passed(this.#askedForUnknownAt, this.now(), UNKNOWN_KEY_PAUSE) &&
      this.#rested(JUST_TRIED)
    ) {
      this.#askedForUnknownAt = this.now()
      this.#fetched()
    }
    await this.#fetching
    return this.#set.get(kid)
  }

  /** Waits only while there are no keys that are young enough; then it is a 503. */
  async ready() {
    if (this.#usable()) {
      if (!this.#fresh() && this.#rested(RETRY_PAUSE)) this.#fetched()
      return
    }
    if (this.#fetching || this.#rested(EMPTY_PAUSE)) await this.#fetched()
    if (!this.#usable()) throw new Refusal('keys_unavailable', { reason: this.#failure })
  }

  /** The feed says that they have changed: no waiting for their age, nor for who asks with a `kid` of his own. */
  changed() {
    this.#again = this.#fetching !== null
    return this.#fetched()
  }

  #usable() {
    return this.#freshUntil !== null && this.now() < this.#freshUntil + this.maxStale
  }

  #fresh() {
    // Keys from the future are not fresh: the clock was set back, and their age is not known.
    return this.#readAt <= this.now() && this.now() < this.#freshUntil
  }

  #rested(pause) {
    return passed(this.#triedAt, this.now(), pause)
  }

  #fetched() {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = null
      if (this.#again) this.changed()
    })
    return this.#fetching
  }

  async #fetch() {
    this.#again = false
    this.#triedAt = this.now()
    try {
      const signal = AbortSignal.timeout(DEADLINE)
      const response = await this.fetch(this.url, {
        signal,
        redirect: 'error',
        headers: { accept: 'application/json' },
      })
      if (response.status !== 200) throw new Error(`status ${response.status}`)
      const set = await parsed(await text(response, MOST_BYTES, signal))
      if (set.size === 0) throw new Error('no key in it can be used')
      this.#set = set
      this.#readAt = this.now()
      this.#freshUntil = this.#readAt + maxAge(response.headers.get('cache-control'))
    } catch (error) {
      this.#failure = `menjin's keys can't be read from ${this.url}: ${because(error)}`
      this.log.warn(this.#failure)
    }
  }
}

/** A time that lies ahead was noted before the clock was set back. */
function passed(since, now, pause) {
  return now < since || now - since >= pause
}

/** The keys by name. The algorithm is the key's own: one without it, or with another, is none of menjin's. */
async function parsed(body) {
  const set = new Map()
  for (const jwk of JSON.parse(body).keys) {
    if (typeof jwk.kid !== 'string' || !ALGORITHMS.includes(jwk.alg) || (jwk.use ?? 'sig') !== 'sig') continue
    // One that this Node can't use does not spoil the others.
    const key = await importJWK(jwk, jwk.alg).catch(() => null)
    if (key) set.set(jwk.kid, { alg: jwk.alg, key })
  }
  return set
}

/** `max-age` (RFC 9111 section 5.2.2.1) within our bounds, in milliseconds. */
function maxAge(cacheControl) {
  const seconds = /(?:^|[\s,])max-age="?(\d+)/i.exec(cacheControl ?? '')?.[1]
  const age = seconds === undefined ? USUAL_AGE : Number(seconds) * 1000
  return Math.min(Math.max(age, LEAST_AGE), MOST_AGE)
}
