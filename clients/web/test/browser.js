// As much of a browser as the package asks for, in this process: storage, an address, locks. Its tabs are clients of one page each.

import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build } from '../build.js'

export class Store {
  #items = new Map()
  getItem = (key) => this.#items.get(key) ?? null
  setItem = (key, value) => void this.#items.set(key, String(value))
  removeItem = (key) => void this.#items.delete(key)
  /** What a duplicated tab gets. */
  copy() {
    const twin = new Store()
    for (const [key, value] of this.#items) twin.setItem(key, value)
    return twin
  }
}

/** Web Locks: one at a time for each name, in order, given up by a signal; `ifAvailable` waits for nobody. */
export class Locks {
  #last = new Map()
  granted = 0
  isHeld = (name) => this.#last.has(name)
  request(name, { signal, ifAvailable }, work) {
    if (ifAvailable && this.#last.has(name)) return Promise.resolve(work(null))
    const before = this.#last.get(name) ?? Promise.resolve()
    const aborted = new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    const run = Promise.race([before, aborted]).then(() => {
      this.granted++
      return work({ name })
    })
    const last = Promise.allSettled([before, run]).then(() => this.#last.get(name) === last && this.#last.delete(name))
    this.#last.set(name, last)
    return run
  }
}

const REAL_NOW = Date.now
const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })

/** A browser at this address, ended with the test `t`. */
export function browser(t, address = 'http://localhost/') {
  const visited = []
  const current = new URL(address)
  const location = {
    get href() {
      return current.href
    },
    get origin() {
      return current.origin
    },
    get pathname() {
      return current.pathname
    },
    get search() {
      return current.search
    },
    get hash() {
      return current.hash
    },
    assign: (to) => void visited.push(String(to)),
  }
  const history = { state: null, replaceState: (_, __, to) => void (current.href = new URL(to, current).href) }
  const locks = new Locks()
  const events = new EventTarget()
  const go = (to) => (current.href = new URL(to, current).href)
  const page = { visited, locks, locals: new Store(), go, happens: (name) => events.dispatchEvent(new Event(name)) }
  const globals = {
    location,
    history,
    localStorage: page.locals,
    sessionStorage: new Store(),
    navigator: { locks, language: 'zh-CN', userAgent: 'Desktop' },
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
  }
  const before = Object.keys(globals).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)])
  for (const [name, value] of Object.entries(globals)) define(name, value)
  t.after(() => {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor)
      else delete globalThis[name]
    }
  })
  return page
}

const folder = await mkdtemp(join(tmpdir(), 'menjin-web-'))
await build(folder)
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
export const built = folder
const script = readFileSync(join(folder, 'web.cjs'), 'utf8')
export const web = await import(pathToFileURL(join(folder, 'web.js')))

/** A tab: a client of its own, closed with the test. */
export function tab(t, options) {
  const client = web.createClient({ app: 'demo', ...options })
  client.ends = []
  client.onSessionEnd((end) => client.ends.push(end.reason))
  t.after(() => client.close())
  return client
}

/**
 * A tab that is a page of its own: its own memory and `sessions`, and locks that it holds until `shut()`. `tab` makes a client
 * of this process instead.
 */
export function pageOf(t, page, options, sessions = new Store()) {
  const held = []
  const events = new EventTarget()
  const hold = (work) => (lock) => {
    const given = work(lock)
    return lock ? Promise.race([given, new Promise((go) => held.push(go))]) : given
  }
  const locks = page.locks && { request: (name, choice, work) => page.locks.request(name, choice, hold(work)) }
  const globals = {
    ...{ AbortController, BroadcastChannel, Headers, ReadableStream, Request, clearTimeout, crypto, fetch, setTimeout, URL },
    ...{ history, location, localStorage: page.locals, sessionStorage: sessions },
    navigator: { ...navigator, locks },
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
  }
  const module = { exports: {} }
  runInContext(`(function (module, exports) {${script}\n})`, createContext(globals))(module, module.exports)
  const client = module.exports.createClient({ app: 'demo', ...options })
  client.ends = []
  client.onSessionEnd((end) => client.ends.push(end.reason))
  t.after(() => client.close())
  const shut = () => held.splice(0).forEach((go) => go())
  const happens = (name, more) => events.dispatchEvent(Object.assign(new Event(name), more))
  return Object.assign(client, { sessions, shut, happens })
}

/** A tab that others can't reach, as while it is frozen: it hears nothing and tells nobody. */
export function frozenTab(t, options) {
  const channel = globalThis.BroadcastChannel
  define('BroadcastChannel', undefined)
  try {
    return tab(t, options)
  } finally {
    define('BroadcastChannel', channel)
  }
}

/** A code of the simulator, as a platform's own page would bring it. */
export async function codeOf(menjin, person) {
  return (await menjin.post('/dev/wx/login', { person })).code
}

/** Makes every client believe that its token has expired. */
export function later(t, milliseconds) {
  const before = Date.now
  Date.now = () => before() + milliseconds
  t.after(() => (Date.now = REAL_NOW))
}
