// A menjin with a configuration of its own, as `menjin serve` runs it, and the simulated WeChat beside it.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PROGRAM, environment } from './harness.js'

/** What clients call it; it listens somewhere else, on a free port. */
export const ISSUER = 'http://127.0.0.1:7600'
/** Every character that a form would escape. */
export const SECRET = 'a b+c%2B:d/e&f=g"h~üñ门-_.!*()'
const APPSECRET = '0123456789abcdef0123456789abcdef'

const apps = (simulator) =>
  ['shop', 'other']
    .map(
      (id, at) => `
[[app]]
id = "${id}"
kind = "mini_program"
audience = "${id}-api"
platform = "wechat"
appid = "wx000000000000000${at}"
secret = "${APPSECRET}"
base_url = "${simulator}"

[[app]]
id = "${id}-api"
kind = "backend"
client_secret = ${JSON.stringify(SECRET)}
scopes = ["session-data", "sessions:open", "revocations:read"]
`,
    )
    .join('')

/** `more` ends the configuration. Gives where it listens, and how a person signs in to one of its two apps. */
export async function configured(t, more) {
  const simulator = await printed(
    t,
    ['sim', '--port', '0', ...['0', '1'].flatMap((at) => ['--app', `wx000000000000000${at}:${APPSECRET}`])],
    /http:\/\/127\.0\.0\.1:\d+/,
  )
  const data = await mkdtemp(join(tmpdir(), 'menjin-node-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const config = join(data, 'menjin.toml')
  await writeFile(
    config,
    `secret_key = "${randomBytes(32).toString('base64')}"
[server]
listen = "127.0.0.1:0"
public_url = "${ISSUER}"
[admin]
listen = "127.0.0.1:0"
[store]
url = "sqlite://menjin.db"
${apps(simulator)}${more}`,
    { mode: 0o600 },
  )
  const address = await printed(t, ['serve', '--insecure-for-trying', '--config', config], /"server\.listen":"([^"]+)"/)
  const url = `http://${address}`
  const post = async (to, body) => {
    const response = await fetch(to, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${to}: ${response.status} ${await response.text()}`)
    return response.json()
  }
  const signIn = async (person, app = 'shop') => {
    const appid = `wx000000000000000${app === 'shop' ? 0 : 1}`
    const { code } = await post(`${simulator}/_sim/wx/login`, { person, appid })
    return post(`${url}/v1/login/${app}`, { code })
  }
  return { url, signIn }
}

/** Starts the program, and gives what it prints that looks so. */
async function printed(t, words, pattern) {
  const child = spawn(PROGRAM, words, { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let said = ''
  for await (const line of createInterface({ input: child.stdout })) {
    said += `${line}\n`
    const match = pattern.exec(line)
    if (match) {
      child.stdout.resume()
      return match[1] ?? match[0]
    }
  }
  throw new Error(`menjin ${words[0]} ended early:\n${said}`)
}
