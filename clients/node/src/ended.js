// What has ended before its tokens have: sessions, people, apps and keys, in memory, asked on every request.
// Lives here: the set and its freshness. Does not: read the feed (`feed.js`).

import { codeOfEnd } from './words.js'

/** The most leeway that a verifier grants; an end is remembered for as long beyond its tokens. */
export const MOST_LEEWAY = 60_000
/** Crockford's base 32, in which ids are written. */
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'

export class Ended {
  #sessions = new Map()
  #users = new Map()
  #apps = new Map()
  #keys = new Set()
  #rolesOf = new Map()
  #roles = new Map()
  #readAt = null

  /** @param {number} maxLag how old the last reading may be, in milliseconds */
  constructor(maxLag) {
    this.maxLag = maxLag
  }

  /** Takes an event of the feed; true when the keys are to be read again. A kind that nobody knows is nothing. */
  apply({ kind, session, user, app, kid, name, version, reason, at, until }) {
    // Times that can't be read make an end that holds for ever, rather than none.
    const end = { code: codeOfEnd(reason), at: Date.parse(at) || 0, until: Date.parse(until) || Infinity }
    if (kind === 'session_ended') settle(this.#sessions, session, end)
    if (kind === 'user_not_before') settle(this.#users, user, end)
    if (kind === 'app_not_before') settle(this.#apps, app, end)
    if (kind === 'roles_of_user') outdate(this.#rolesOf, user, { version, until: end.until })
    if (kind === 'role_changed') outdate(this.#roles, name, { version, until: end.until })
    // A kid is never used again, so this is for ever.
    if (kind === 'key_revoked') this.#keys.add(kid)
    return kind === 'key_revoked' || kind === 'keys_changed'
  }

  /**
   * The feed was read to its end at `now`. Drops what can't matter any more since `past`, the earlier of two machines' clocks:
   * one that leaps ahead and back again brings back nothing that has ended.
   */
  markRead(now, past = now) {
    this.#readAt = now
    for (const ends of [this.#sessions, this.#users, this.#apps, this.#rolesOf, this.#roles]) {
      for (const [name, end] of ends) {
        if (end.until + MOST_LEEWAY < past) ends.delete(name)
      }
    }
  }

  get wasRead() {
    return this.#readAt !== null
  }

  /** Never read, or too long ago; or in the future, as after the clock was set back: then its age is not known. */
  isStale(now) {
    return this.#readAt === null || now < this.#readAt || now - this.#readAt > this.maxLag
  }

  isRevoked(kid) {
    return this.#keys.has(kid)
  }

  /**
   * Whether a token says of roles what is no longer so: the session lives, and a refresh gives one that says it right. No times
   * are compared: what was issued before a change has a lower version, or none.
   */
  outdates({ sub, roles, rv }) {
    const version = Number.isSafeInteger(rv) ? rv : -1
    const isOutdated = (change) => change !== undefined && version < change.before
    if (isOutdated(this.#rolesOf.get(sub))) return true
    return this.#roles.size > 0 && Array.isArray(roles) && roles.some((role) => isOutdated(this.#roles.get(role)))
  }

  /**
   * Why a token is over; `undefined` while it holds. An ended session refuses all its tokens, and where its person was cut
   * later, that cut says why: a lifted ban is one. A cut of a person or an app refuses what was issued up to that second, but
   * not sessions that were opened at or after it: their id has the millisecond.
   */
  refusalFor({ sub, sid, client_id: app, iat = 0 }) {
    const openedAt = madeAt(sid)
    const cuts = (end) => end && !(openedAt >= end.at) && Math.floor(iat) <= Math.floor(end.at / 1000)
    const session = this.#sessions.get(sid)
    const [user, client] = [this.#users.get(sub), this.#apps.get(app)].map((end) => (cuts(end) ? end : undefined))
    return (session && user?.at > session.at ? user : (session ?? user ?? client))?.code
  }
}

/** The later of two changes counts; one whose version can't be read outdates whatever it is about. */
function outdate(changes, name, { version, until }) {
  const known = changes.get(name)
  const before = Number.isSafeInteger(version) ? version : Infinity
  changes.set(name, { before: Math.max(known?.before ?? 0, before), until: Math.max(known?.until ?? 0, until) })
}

/** The later of two cuts counts, for as long as either has tokens left. */
function settle(ends, name, end) {
  const known = ends.get(name)
  const { code, at } = known && known.at >= end.at ? known : end
  ends.set(name, { code, at, until: Math.max(known?.until ?? 0, end.until) })
}

/** When a session was opened, in milliseconds: the first ten of its id's 26 digits. NaN for what is no such id. */
export function madeAt(id) {
  const digits = /^ses_([0-7][0-9a-hjkmnp-tv-z]{25})$/.exec(id ?? '')?.[1]
  if (!digits) return NaN
  return [...digits.slice(0, 10)].reduce((value, digit) => value * 32 + DIGITS.indexOf(digit), 0)
}
