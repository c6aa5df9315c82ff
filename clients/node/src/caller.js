// Who is calling, and what they may do. Does not: look anything up; it stands in the token, or was added (`more_roles.js`).

import { Refusal } from './refusal.js'

export class Caller {
  constructor({ claims, session = null, legacy = null }) {
    /** `usr_…`, stable for ever; null behind a legacy token. */
    this.user = legacy ? null : claims.sub
    /** Their sign-in on this device, with its data; null behind a legacy token. */
    this.session = session
    /** The app they use. */
    this.clientId = claims.client_id ?? null
    // Whatever an old system called so, it is nothing that menjin has given.
    const { scope, roles, permissions } = legacy ? {} : claims
    this.scope = typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []
    this.roles = listed(roles)
    this.permissions = listed(permissions)
    /** All that the token says. */
    this.claims = claims
    /** Behind a legacy token: `{ name, number }` or `{ name, externalId }`. */
    this.legacy = legacy
  }

  /** Goes on only if the token has this scope. */
  requireScope(scope) {
    if (!this.scope.includes(scope)) throw new Refusal('insufficient_scope', { scope })
  }

  /** Goes on only if the caller has this role. */
  requireRole(role) {
    if (!this.roles.includes(role)) throw new Refusal('forbidden', { reason: `the role ${role}` })
  }

  /** Goes on only if one of the caller's permissions covers this one, such as `orders:read`. */
  require(permission) {
    if (!this.permissions.some((granted) => permits(granted, permission))) {
      throw new Refusal('forbidden', { reason: `the permission ${permission}` })
    }
  }
}

/**
 * Whether a granted permission covers a needed one. Segments stand between colons; `*` covers any one segment, and at the
 * end all that follow: `orders:*` covers `orders:read` and `orders:read:own`, but not `orders`.
 */
export function permits(granted, needed) {
  const [has, wants] = [granted.split(':'), needed.split(':')]
  if ([...has, ...wants].includes('')) return false
  const open = has.at(-1) === '*'
  if (open ? wants.length < has.length : wants.length !== has.length) return false
  return has.every((segment, at) => segment === '*' || segment === wants[at])
}

function listed(value) {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
