// Roles and permissions that a token has not room for: menjin tells them to whoever holds it, and is asked once for each token.
// What changes later outdates the token itself (`ended.js`), so nothing here grows old.

import { createHash } from 'node:crypto'
import { because, text } from './bounded.js'
import { Refusal } from './refusal.js'

const DEADLINE = 3_000
const MOST_BYTES = 1024 * 1024
/** People with so many roles are few. */
const REMEMBERED = 500

export class MoreRoles {
  #known = new Map()

  constructor({ url, fetch, log }) {
    Object.assign(this, { url, fetch, log })
  }

  /** The claims, with all roles and permissions. */
  async added(token, claims) {
    if (claims.more_roles !== true) return claims
    const name = createHash('sha256').update(token).digest('base64')
    let known = this.#known.get(name)
    if (known === undefined) {
      known = this.#ask(token)
      this.#known.set(name, known)
      if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value)
      known.catch(() => this.#known.delete(name))
    }
    return { ...claims, ...(await known) }
  }

  async #ask(token) {
    const { status, body } = await this.#answer(token)
    // menjin knows already that it is over or outdated; what a refresh meets says which.
    if (status === 401) throw new Refusal('token_expired')
    const { roles, permissions } = body ?? {}
    if (status !== 200 || !Array.isArray(roles) || !Array.isArray(permissions)) {
      throw new Refusal('menjin_unavailable', { reason: `GET /v1/me/roles: ${status}` })
    }
    return { roles, permissions }
  }

  async #answer(token) {
    try {
      const signal = AbortSignal.timeout(DEADLINE)
      const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
      const response = await this.fetch(`${this.url}/v1/me/roles`, { headers, signal, redirect: 'error' })
      const read = await text(response, MOST_BYTES, signal)
      return { status: response.status, body: response.ok ? JSON.parse(read) : null }
    } catch (error) {
      this.log.warn(`menjin can't be asked for roles that a token has not room for: ${because(error)}`)
      throw new Refusal('menjin_unavailable', { reason: because(error) })
    }
  }
}
