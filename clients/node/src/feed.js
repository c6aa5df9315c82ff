// The feed of ends, `GET /v1/revocations/stream`, read for as long as the program runs: connected again when it breaks,
// and known to be fresh or not.
// Does not: decide whether a token is over (`ended.js`).

import { setTimeout as wait } from 'node:timers/promises'
import { because, chunks, text } from './bounded.js'
import { events } from './event_stream.js'

/** menjin sends at least an empty event each 5 seconds; a stream that is silent for longer is dead. */
const SILENCE = 12_000
const FIRST_PAUSE = 200
const LONGEST_PAUSE = 5_000
/** After a refusal that only a person can mend, so that wrong secrets do not use up menjin's patience. */
const REFUSED_PAUSE = 30_000
/** Where no stream gets through, it is asked for so often, and a stream is tried again after so long. */
const POLL = 600
const NO_STREAM = 60_000
const MOST_BYTES = 8 * 1024 * 1024

export class Feed {
  #stopping = new AbortController()
  /** Ends the request that is under way; a signal made of two would be kept by the one that lives longer. */
  #asking = new AbortController()
  #following = null
  #cursor = null
  #lastReadAt = null
  #waiting = new Set()
  /** Why it is not read, for whoever waits for it. */
  failure = 'menjin has not answered yet'

  constructor({ calls, ended, keys, now, log, silence = SILENCE }) {
    Object.assign(this, { calls, ended, keys, now, log, silence })
  }

  start() {
    this.#following ??= this.#follow()
  }

  async close() {
    this.#stopping.abort()
    this.#asking.abort()
    await this.#following
  }

  /** Starts it, and waits until it was read once; false when that takes longer. */
  async firstRead(milliseconds) {
    this.start()
    if (this.ended.wasRead) return true
    return new Promise((resolve) => {
      const heard = (was) => {
        clearTimeout(timer)
        this.#waiting.delete(heard)
        resolve(was)
      }
      const timer = setTimeout(heard, milliseconds, false)
      this.#waiting.add(heard)
    })
  }

  async #follow() {
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      const { heard, failure, refused, silent } = await this.#listen()
      if (this.#stopping.signal.aborted) return
      failures = heard ? 1 : failures + 1
      // Words once, not each few seconds.
      if (failures === 1 || refused) this.log.warn(`menjin's feed of ended sessions is interrupted: ${failure}`)
      this.failure = failure
      if (!refused) await this.#readFor(heard && !silent ? 0 : NO_STREAM)
      const pause = refused ? REFUSED_PAUSE : Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
      await this.#wait(pause * (0.5 + Math.random() / 2))
    }
  }

  /** One connection, until it ends; says why it did, and whether it brought anything or fell silent. */
  async #listen() {
    const asking = this.#begin()
    let [heard, silent] = [false, false]
    const alarm = setTimeout(() => {
      silent = true
      asking.abort(new Error('menjin is silent'))
    }, this.silence)
    try {
      const response = await this.#asked('/stream', 'text/event-stream', asking.signal)
      if (response.status !== 200) {
        const refused = response.status < 500 && response.status !== 429
        return { heard, failure: `it answered ${response.status} ${await told(response, asking.signal)}`, refused }
      }
      for await (const { event, data } of events(chunks(response, asking.signal))) {
        alarm.refresh()
        if (event === 'revocations') this.#take(JSON.parse(data))
        heard = true
      }
      return { heard, failure: 'menjin has ended the stream', refused: false }
    } catch (error) {
      return { heard, failure: because(error), refused: false, silent }
    } finally {
      clearTimeout(alarm)
      asking.abort()
    }
  }

  /** Without a stream: menjin may have no room for one, and something between us may hold it back. Until that fails, too. */
  async #readFor(milliseconds) {
    const end = performance.now() + milliseconds
    while ((await this.#read()) && performance.now() < end && !this.#stopping.signal.aborted) await this.#wait(POLL)
  }

  /** Page by page; false when that failed. */
  async #read() {
    try {
      for (let more = true; more;) {
        const page = await this.#page()
        if (page === null) return false
        more = page.more
      }
      return true
    } catch {
      // The stream has said what there is to say.
      return false
    }
  }

  async #page() {
    const asking = this.#begin()
    const alarm = setTimeout(() => asking.abort(), this.silence)
    const askedAt = this.now()
    try {
      const response = await this.#asked('', 'application/json', asking.signal)
      if (response.status !== 200) return null
      const page = JSON.parse(await text(response, MOST_BYTES, asking.signal))
      this.#take(page, askedAt)
      return page
    } finally {
      clearTimeout(alarm)
      asking.abort()
    }
  }

  #begin() {
    this.#asking = new AbortController()
    if (this.#stopping.signal.aborted) this.#asking.abort()
    return this.#asking
  }

  async #wait(milliseconds) {
    await wait(milliseconds, null, { signal: this.#stopping.signal }).catch(() => {})
  }

  #asked(place, accept, signal) {
    const since = this.#cursor === null ? '' : `?since=${encodeURIComponent(this.#cursor)}`
    const headers = { ...this.calls.identified('the feed'), accept }
    return this.calls.fetch(`${this.calls.url}/v1/revocations${place}${since}`, { signal, headers, redirect: 'error' })
  }

  #take({ events, next, more, read_at: readAt }, at = this.now()) {
    const keysChanged = events.map((event) => this.ended.apply(event)).includes(true)
    this.#cursor = next
    if (keysChanged) this.keys.changed()
    // The clocks of two machines are not compared: fresh is what moves on there, by our own clock.
    if (more || readAt === this.#lastReadAt) return
    this.#lastReadAt = readAt
    this.ended.markRead(at, Math.min(at, Date.parse(readAt)))
    this.#waiting.forEach((heard) => heard(true))
  }
}

/** What a problem says to people; nothing of what is none. */
async function told(response, signal) {
  const body = await text(response, 64 * 1024, signal)
  try {
    const { code, detail } = JSON.parse(body)
    return `${code}: ${detail}`
  } catch {
    return ''
  }
}
