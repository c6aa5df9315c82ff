// Where a token stands in a request: one `Authorization` header, scheme `Bearer` or `JWT` (RFC 6750 section 2.1).
// Does not: cookies, query or body. Who opts in to those reads them and calls `verify`.

import { Refusal } from './refusal.js'

const MAX_TOKEN = 8 * 1024

/**
 * The token of a request, by its headers: a `Headers`, or an object of strings or lists (`request.headersDistinct`, which
 * alone shows a header that came twice). `bare` also takes a token without a scheme, as old systems sent it.
 */
export function tokenOf(headers, { bare = false } = {}) {
  const found = typeof headers.get === 'function' ? headers.get('authorization') : headers.authorization
  const values = [found ?? []].flat()
  if (values.length === 0) throw new Refusal('token_missing')
  if (values.length > 1) throw new Refusal('token_invalid', { reason: 'two Authorization headers' })
  const value = values[0].trim()
  const space = value.indexOf(' ')
  if (bare && space < 0 && value.split('.').length === 3) return checked(value)
  const scheme = (space < 0 ? value : value.slice(0, space)).toLowerCase()
  const token = space < 0 ? '' : value.slice(space).trim()
  if (!['bearer', 'jwt'].includes(scheme) || token === '') throw new Refusal('token_missing')
  return checked(token)
}

/** The headers of Node's own request, or of what stands for one in tests. */
export function headersOf(request) {
  return request.headersDistinct ?? request.headers
}

/** Three parts that may stand in any header, no longer than anybody needs, each in the one way to write it. */
export function checked(token) {
  const isOne = typeof token === 'string' && token.length <= MAX_TOKEN && /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)
  if (!isOne || !token.split('.').every(isCanonical)) {
    throw new Refusal('token_invalid', { reason: 'not a JWT, or too large' })
  }
  return token
}

/** base64url without padding, whose last digit says nothing in the bits that are left over (RFC 7515 section 2). */
function isCanonical(part) {
  return /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/.test(part)
}
