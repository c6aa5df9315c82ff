// What a route asks of its callers: `{ role, permission, scope }`, each one word or a list of which all are needed.

/** Functions of which each throws the right Refusal for a caller who lacks something; none where nothing is needed. */
export function needed({ role, permission, scope, ...others }) {
  const [odd] = Object.keys(others)
  // One that is misspelt would be a route that anybody passes.
  if (odd !== undefined) throw new TypeError(`@menjin/node: guard has no option ${odd}, but optional, role, permission, scope`)
  return [
    ...listed('role', role).map((one) => (caller) => caller.requireRole(one)),
    ...listed('permission', permission).map((one) => (caller) => caller.require(one)),
    ...listed('scope', scope).map((one) => (caller) => caller.requireScope(one)),
  ]
}

/** A word that is none would be a route that anybody passes, or nobody. */
function listed(what, words) {
  if (words === undefined) return []
  const list = Array.isArray(words) ? words : [words]
  if (list.length === 0 || !list.every((word) => typeof word === 'string' && word !== '')) {
    throw new TypeError(`@menjin/node: ${what} must be a word or a list of words`)
  }
  return list
}
