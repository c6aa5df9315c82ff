// A session and what back ends keep beside it: `/v1/session/data`, JSON values by key, for this app's audience.
// Each call asks menjin; nothing is kept here, so nothing here is ever stale.

import { setTimeout as wait } from 'node:timers/promises'
import { members, object } from './members.js'

const WHOLE = '/v1/session/data'
/** A change that always meets somebody else's is given up. */
const TRIES = 20

export class Session {
  #calls
  #token
  #scope

  /** @param {string} id */
  constructor(id, { calls, token, scope = 'session' }) {
    if (!['session', 'user'].includes(scope)) throw new TypeError('scope is "session" or "user"')
    this.id = id
    this.#calls = calls
    this.#token = token
    this.#scope = scope
  }

  /** The person's data for this audience, shared by all their sessions. */
  get ofUser() {
    return new Session(this.id, { calls: this.#calls, token: this.#token, scope: 'user' })
  }

  /** The value, or `undefined`. */
  async get(key) {
    return (await this.#read(key)).value
  }

  /** Everything, as an object. */
  async all() {
    return (await this.#ask('GET', WHOLE)).answer.data
  }

  /** Stores a JSON value; with `ttl`, for so many seconds. */
  async set(key, value, { ttl } = {}) {
    await this.#ask('PUT', one(key), { body: { value: storable(value), ttl } })
  }

  async del(key) {
    await this.#ask('DELETE', one(key))
  }

  /** Forgets everything. */
  async flush() {
    await this.#ask('DELETE', WHOLE)
  }

  /**
   * Changes one value by what it is: `change` gets it (or `undefined`) and gives the new one; `undefined` deletes it. Runs
   * again when somebody else was quicker, so it must do nothing else. Gives the value that was stored.
   */
  async update(key, change, { ttl } = {}) {
    return this.#again(async () => {
      const { value, etag } = await this.#read(key)
      const next = await change(value)
      if (next === undefined && etag === null) return { done: undefined }
      const headers = etag === null ? { 'if-none-match': '*' } : { 'if-match': etag }
      const { status } =
        next === undefined
          ? await this.#ask('DELETE', one(key), { headers, also: [412] })
          : await this.#ask('PUT', one(key), { headers, also: [412], body: { value: next, ttl } })
      return status === 412 ? null : { done: next }
    })
  }

  /** Changes several keys at once, all or none; `undefined` deletes one. What others keep, and change meanwhile, stays. */
  async merge(changes) {
    const changed = Object.entries(changes).map(([key, value]) => [one(key) && key, JSON.stringify(value)])
    await this.#again(async () => {
      const { etag, written } = await this.#ask('GET', WHOLE)
      const data = members(members(written).get('data'))
      changed.forEach(([key, value]) => (value === undefined ? data.delete(key) : data.set(key, value)))
      const body = { text: `{"data":${object(data)}}`, headers: { 'if-match': etag }, also: [412] }
      const { status } = await this.#ask('PUT', WHOLE, body)
      return status === 412 ? null : {}
    })
  }

  toJSON() {
    return this.id
  }

  toString() {
    return this.id
  }

  async #read(key) {
    try {
      const { etag, answer } = await this.#ask('GET', one(key))
      return { value: answer.value, etag }
    } catch (error) {
      if (error.code === 'key_unknown') return { value: undefined, etag: null }
      throw error
    }
  }

  async #again(attempt) {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const result = await attempt()
      if (result) return result.done
      await wait(Math.random() * 10 * tried)
    }
    throw new Error(`session data: ${TRIES} changes in a row met somebody else's`)
  }

  #ask(method, place, more = {}) {
    const path = place + (this.#scope === 'user' ? '?scope=user' : '')
    const headers = { ...more.headers, 'menjin-subject-token': this.#token }
    return this.#calls.ask(method, path, { ...more, headers })
  }
}

/** menjin refuses other keys, too; but `.` and `..`, and what is no text, would reach it as something else. */
function one(key) {
  if (typeof key !== 'string' || !/^[A-Za-z0-9._:-]{1,64}$/.test(key) || key === '.' || key === '..') {
    throw new TypeError(`session data: ${JSON.stringify(key)} is no key: 1 to 64 of A-Z a-z 0-9 . _ : -`)
  }
  return `${WHOLE}/${key}`
}

function storable(value) {
  if (JSON.stringify(value) === undefined)
    throw new TypeError('session data: the value is not JSON; del() deletes a key')
  return value
}
