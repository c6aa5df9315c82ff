// The members of a JSON object as they are written: what this program only passes on stays what it is, be it a number that
// JavaScript can't hold.

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+|\s+/y

/** @param {string} text one object, well formed @returns {Map<string, string>} the text of each value by its key */
export function members(text) {
  const found = new Map()
  let [depth, key, start] = [0, null, 0]
  TOKEN.lastIndex = 0
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    const [token] = match
    if (depth === 1 && (token === ',' || token === '}') && key !== null) {
      found.set(key, text.slice(start, match.index).trim())
      key = null
    }
    if (depth === 1 && token === ':' && key !== null) start = TOKEN.lastIndex
    if (depth === 1 && key === null && token.startsWith('"')) key = JSON.parse(token)
    if (token === '{' || token === '[') depth += 1
    if (token === '}' || token === ']') depth -= 1
  }
  return found
}

/** The object again. */
export function object(found) {
  return `{${[...found].map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`
}
