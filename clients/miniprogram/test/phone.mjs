// A phone with WeChat on it, as honest as it must be: `wx` over fetch with its habits, storage that outlives the program, faults
// on order. The program that runs on it has the built file, ECMAScript, timers and `wx`, and nothing else.

import { readFileSync } from 'node:fs'
import { createContext, runInContext } from 'node:vm'

const BUILT = readFileSync(new URL('../dist/menjin.js', import.meta.url), 'utf8')
/** WeChat lets so many requests run, and queues the rest. */
const AT_ONCE = 10
let people = 0

export class Phone {
  storage = new Map()
  /** Codes that the platform has given. */
  codes = []
  uploads = []
  network = 'up'
  /** `read`, `write` or `all` of storage fails. */
  storageFails = ''
  /** How wrong its clock is, in milliseconds. */
  ahead = 0
  language = 'zh_CN'
  sessionKeyLives = true
  #running = 0
  #waiting = []
  #cut = []

  /** `menjin` gives codes, as the platform's own server would; requests of the program go where it says. */
  constructor(menjin, person = `person-${++people}`) {
    this.menjin = menjin
    this.person = person
  }

  /** A cold start: the program's memory is gone, storage is not. */
  start(options = {}, globals = { wx: this.wx() }) {
    const context = createContext({ setTimeout, clearTimeout, ...globals })
    const ahead = () => this.ahead
    runInContext('(real, ahead) => { Date.now = () => real() + ahead() }', context)(Date.now, ahead)
    const module = { exports: {} }
    runInContext(`(function (module, exports) {${BUILT}\n})`, context)(module, module.exports)
    const client = module.exports.createClient({ baseUrl: this.menjin.url, app: 'demo', ...options })
    client.ends = []
    client.onSessionEnd((end) => client.ends.push(end))
    return client
  }

  /** The next unfinished or coming request is cut off as in the background, though the server gets it whole. */
  interrupt(path) {
    this.#cut.push(path)
  }

  wx() {
    return {
      login: (options) => this.#later(() => this.#login(options)),
      checkSession: ({ success, fail }) =>
        this.#later(() => (this.sessionKeyLives ? success({ errMsg: 'checkSession:ok' }) : fail({ errMsg: 'checkSession:fail' }))),
      request: (options) => this.#queue(() => this.#request(options)),
      uploadFile: (options) => this.#queue(() => this.#upload(options)),
      getStorageSync: (key) => {
        if (/read|all/.test(this.storageFails)) throw new Error('getStorageSync:fail')
        return this.storage.has(key) ? JSON.parse(this.storage.get(key)) : ''
      },
      setStorageSync: (key, value) => {
        if (/write|all/.test(this.storageFails)) throw new Error('setStorageSync:fail exceed max size')
        this.storage.set(key, JSON.stringify(value))
      },
      removeStorageSync: (key) => {
        if (this.storageFails === 'all') throw new Error('removeStorageSync:fail')
        this.storage.delete(key)
      },
      getSystemInfoSync: () => ({ language: this.language, model: 'Phone 1', system: 'OS 1.0', platform: 'android' }),
    }
  }

  /** What the platform's own server answers. */
  async simulated(call, body = {}) {
    const answer = await fetch(`${this.menjin.menjin?.url ?? this.menjin.url}/dev/wx/${call}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ person: this.person, ...body }),
    })
    if (!answer.ok) throw new Error(`the simulator: ${await answer.text()}`)
    return answer.json()
  }

  #later(work) {
    queueMicrotask(() => void work())
  }

  async #login({ success, fail }) {
    if (this.network === 'down') return fail({ errMsg: 'login:fail', errno: 600001 })
    const code = this.tool ? 'the code is a mock one' : (await this.simulated('login')).code
    this.codes.push(code)
    success({ code, errMsg: 'login:ok' })
  }

  #queue(work) {
    const run = async () => {
      this.#running++
      await work()
      this.#running--
      this.#waiting.shift()?.()
    }
    if (this.#running < AT_ONCE) this.#later(run)
    else this.#waiting.push(run)
  }

  async #request({ url, method = 'GET', data, header = {}, success, fail, dataType = 'json' }) {
    if (!/^(OPTIONS|GET|HEAD|POST|PUT|DELETE|TRACE|CONNECT)$/.test(method)) return fail({ errMsg: 'request:fail invalid method' })
    const body = method === 'GET' || data === undefined ? undefined : typeof data === 'string' ? data : JSON.stringify(data)
    const headers = { 'content-type': 'application/json', ...lower(header) }
    const answer = await this.#fetched(url, { method, headers, body }, fail, 'request')
    if (!answer) return
    let read = answer.text
    if (dataType === 'json') {
      try {
        read = JSON.parse(answer.text)
      } catch {}
    }
    success({ statusCode: answer.status, data: read, header: answer.header, errMsg: 'request:ok' })
  }

  async #upload({ url, filePath, name, header = {}, formData = {}, success, fail }) {
    const form = new FormData()
    for (const [key, value] of Object.entries(formData)) form.set(key, value)
    form.set(name, new Blob([this.files?.[filePath] ?? 'a picture'], { type: 'image/png' }), 'avatar.png')
    const answer = await this.#fetched(url, { method: 'POST', headers: lower(header), body: form }, fail, 'uploadFile')
    // The answer of an upload is text, and on some phones it has no headers.
    if (answer) success({ statusCode: answer.status, data: answer.text, errMsg: 'uploadFile:ok' })
  }

  async #fetched(url, init, fail, call) {
    const away = { errMsg: `${call}:fail net::ERR_INTERNET_DISCONNECTED`, errno: 600001 }
    if (this.network === 'down') return void fail(away)
    const cut = this.#cut.findIndex((path) => url.endsWith(path))
    try {
      const answer = await fetch(url, init)
      const text = await answer.text()
      if (cut >= 0) {
        this.#cut.splice(cut, 1)
        return void fail({ errMsg: `${call}:fail interrupted`, errno: 600003 })
      }
      // Names are written as each platform likes.
      const header = Object.fromEntries([...answer.headers].map(([name, value]) => [name.replace(/\b\w/g, (it) => it.toUpperCase()), value]))
      return { status: answer.status, text, header }
    } catch {
      fail({ errMsg: `${call}:fail net::ERR_CONNECTION_RESET`, errno: 600001 })
    }
  }
}

const lower = (header) => Object.fromEntries(Object.entries(header).map(([name, value]) => [name.toLowerCase(), value]))

/** The error that a promise is refused with. */
export function refusal(promise) {
  return promise.then(
    (value) => {
      throw new Error(`not refused: ${JSON.stringify(value)}`)
    },
    (error) => error,
  )
}
