// A real menjin for tests: `menjin dev` on free ports, in a temporary folder, ended with the test. And waiting for what
// must come, with a deadline.

import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const BUILT = fileURLToPath(new URL('../../../target/debug/menjin', import.meta.url))
export const PROGRAM = process.env.MENJIN_TEST_PROGRAM ?? BUILT
const DEADLINE = 30_000

const running = new Set()
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')))

/** The environment without what would configure menjin, in one language. */
export function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('MENJIN__') && name !== 'LANGUAGE')
  return { ...Object.fromEntries(kept), LC_ALL: 'C.UTF-8', NO_COLOR: '1' }
}

export class Menjin {
  #child

  /** Ends with the test `t`. */
  static async start(t) {
    const menjin = new Menjin()
    menjin.data = await mkdtemp(join(tmpdir(), 'menjin-node-'))
    t.after(async () => {
      await menjin.kill()
      await rm(menjin.data, { recursive: true, force: true })
    })
    await menjin.begin('0')
    menjin.app = {
      id: 'demo-backend',
      secret: (await readFile(join(menjin.data, 'demo-backend.secret'), 'utf8')).trim(),
    }
    return menjin
  }

  /** What a verifier of its tokens is made with. */
  get options() {
    return { issuer: this.url, audience: 'demo', app: this.app }
  }

  async begin(port = new URL(this.url).port) {
    const child = spawn(PROGRAM, ['dev', '--port', port, '--sim-port', '0', '--data', this.data], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    running.add(child)
    this.#child = child
    this.ended = new Promise((resolve) => child.once('exit', resolve)).finally(() => running.delete(child))
    let page = ''
    for await (const line of createInterface({ input: child.stdout })) {
      page += `${line}\n`
      if (line.includes('Ctrl-C')) break
    }
    this.url = /tour --url (http:\S+)/.exec(page)?.[1]
    this.simulator = /(http:\/\/127\.0\.0\.1:\d+)\/_sim\//.exec(page)?.[1]
    if (!this.url) throw new Error(`menjin dev did not start:\n${page}`)
    child.stdout.resume()
  }

  /** As an operating system asks. */
  async stop() {
    this.#child.kill('SIGTERM')
    await this.ended
  }

  async kill() {
    this.#child?.kill('SIGKILL')
    await this.ended
  }

  /** A subcommand of menjin beside the running one. */
  async command(...words) {
    const { stdout } = await run(PROGRAM, [...words, '--config', join(this.data, 'menjin.toml')], {
      env: environment(),
    })
    return stdout
  }

  /** Signs a person of the simulator in on a device of that name. */
  async signIn(person, device) {
    const { code } = await this.post('/dev/wx/login', { person })
    const body = { code, ...(device && { device: { id: device, class: 'phone' } }) }
    return this.post('/v1/login/demo', body)
  }

  async post(path, body, headers = {}) {
    const response = await fetch(this.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
    return text === '' ? null : JSON.parse(text)
  }

  async kick(session) {
    await this.post('/dev/kick', { session_id: session })
  }
}

/** Asks again and again until the answer is true, without resting; fails when that takes too long. */
export async function until(what, answer) {
  const end = Date.now() + DEADLINE
  for (;;) {
    const found = await answer()
    if (found) return found
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
    await turn()
  }
}

/** The code that a promise is refused with. */
export async function refusal(promise) {
  const error = await promise.then(
    () => null,
    (error) => error,
  )
  return error === null ? 'let in' : (error.code ?? error.message)
}

/** Verifiers that are closed with the test. */
export function closing(t, verifier) {
  t.after(() => verifier.close())
  return verifier
}

/** Warnings go nowhere, and can be looked at. */
export function quiet() {
  const said = []
  return { said, warn: (message) => said.push(message), debug: (message) => said.push(message) }
}
