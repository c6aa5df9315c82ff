// The feed of ends, `GET /v1/revocations/stream`, read for as long as the program runs: connected again when it breaks,
// and known to be fresh or not.
// Does not: decide whether a token is over (`ended.js`).

import { setTimeout as wait } from 'node:timers/promises'
import { because, text } from './bounded.js'
import { events } from './event_stream.js'

/** menjin sends at least an empty event each 5 seconds; a stream that is silent for longer is dead. */
const SILENCE = 12_000
const FIRST_PAUSE = 200
const LONGEST_PAUSE = 5_000
/** After a refusal that only a person can mend, so that wrong secrets do not use up menjin's patience. */
const REFUSED_PAUSE = 30_000
const MOST_BYTES = 8 * 1024 * 1024

export class Feed {
  #stopping = new AbortController()
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
      const { heard, failure, refused } = await this.#listen()
      if (this.#stopping.signal.aborted) return
      failures = heard ? 1 : failures + 1
      // Words once, not each few seconds.
      if (failures === 1 || refused) this.log.warn(`menjin's feed of ended sessions is interrupted: ${failure}`)
      this.failure = failure
      if (!refused) await this.#read()
      const pause = refused ? REFUSED_PAUSE : Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
      await wait(pause * (0.5 + Math.random() / 2), null, { signal: this.#stopping.signal }).catch(() => {})
    }
  }

  /** One connection, until it ends; says why it did, and whether it brought anything. */
  async #listen() {
    const silence = new AbortController()
    const alarm = setTimeout(() => silence.abort(new Error('menjin is silent')), this.silence)
    let heard = false
    try {
      const signal = AbortSignal.any([silence.signal, this.#stopping.signal])
      const response = await this.#asked('/stream', 'text/event-stream', signal)
      if (response.status !== 200) {
        const refused = response.status < 500 && response.status !== 429
        return { heard, failure: `it answered ${response.status} ${await told(response)}`, refused }
      }
      for await (const { event, data } of events(response.body)) {
        alarm.refresh()
        if (event === 'revocations') this.#take(JSON.parse(data))
        heard = true
      }
      return { heard, failure: 'menjin has ended the stream', refused: false }
    } catch (error) {
      return { heard, failure: because(error), refused: false }
    } finally {
      clearTimeout(alarm)
      silence.abort()
    }
  }

  /** Without a stream, page by page: menjin may have no room for one, and something between us may hold it back. */
  async #read() {
    try {
      for (let more = true; more;) {
        const signal = AbortSignal.any([AbortSignal.timeout(this.silence), this.#stopping.signal])
        const response = await this.#asked('', 'application/json', signal)
        if (response.status !== 200) return
        const page = JSON.parse(await text(response, MOST_BYTES))
        this.#take(page)
        more = page.more
      }
    } catch {
      // The stream has said what there is to say.
    }
  }

  #asked(place, accept, signal) {
    const since = this.#cursor === null ? '' : `?since=${encodeURIComponent(this.#cursor)}`
    const headers = { ...this.calls.identified('the feed'), accept }
    return this.calls.fetch(`${this.calls.url}/v1/revocations${place}${since}`, { signal, headers, redirect: 'error' })
  }

  #take({ events, next, more, read_at: readAt }) {
    const keysChanged = events.map((event) => this.ended.apply(event)).includes(true)
    this.#cursor = next
    if (keysChanged) this.keys.changed()
    // The clocks of two machines are not compared: fresh is what moves on there, by our own clock.
    if (more || readAt === this.#lastReadAt) return
    this.#lastReadAt = readAt
    this.ended.markRead(this.now())
    this.#waiting.forEach((heard) => heard(true))
  }
}

/** What a problem says to people; nothing of what is none. */
async function told(response) {
  const body = await text(response, 64 * 1024)
  try {
    const { code, detail } = JSON.parse(body)
    return `${code}: ${detail}`
  } catch {
    return ''
  }
}
