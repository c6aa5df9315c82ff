// examples/hapi: the old system and the moved one serve the same clients, and the moved one does what the old one could not.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Menjin, until } from './harness.js'
import { REPO, blocks, folder, here, started } from './project.js'

const EXAMPLE = join(REPO, 'examples/hapi')
const JWT_SECRET = 'what the old system has signed with, for years'
const run = promisify(execFile)

async function example(t, menjin, file) {
  const path = await folder(t, { [file]: await readFile(join(EXAMPLE, file), 'utf8') })
  const secret = async (name) => (await readFile(join(menjin.data, name), 'utf8')).trim()
  const environment = {
    PORT: '0',
    JWT_SECRET,
    WECHAT: menjin.simulator,
    APPID: 'wxde30de30de30de30',
    APPSECRET: await secret('demo.appsecret'),
    MENJIN: menjin.url,
    MENJIN_SECRET: menjin.app.secret,
    HAPI_SECRET: await secret('hapi.secret'),
  }
  return started(t, path, file, environment)
}

async function ask(url, path, authorization, method = 'GET') {
  const response = await fetch(url + path, { method, headers: authorization ? { authorization } : {} })
  const text = await response.text()
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
}

/** What an old mini program does: it sends code and profile, keeps the bare answer, and sends it as it is. */
async function oldClient(menjin, url) {
  const { code } = await menjin.post('/dev/wx/login', { person: 'alice' })
  const { encryptedData, iv } = await menjin.post('/dev/wx/getUserProfile', { person: 'alice', nickname: '爱丽丝' })
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, encryptedData, iv }),
  }
  const response = await fetch(`${url}/users/wxLogin`, request)
  assert.deepEqual([response.status, response.headers.get('content-type').split(';')[0]], [200, 'text/plain'])
  return response.text()
}

async function servesOldClients(menjin, url) {
  const token = await oldClient(menjin, url)
  assert.deepEqual(await ask(url, '/users/me', token), { status: 200, body: { userId: 1, nickname: '爱丽丝' } })
  assert.deepEqual((await ask(url, '/cart', token)).body, { cart: [] })
  assert.deepEqual((await ask(url, '/cart/tea', token, 'POST')).body, { cart: ['tea'] })
  assert.deepEqual((await ask(url, '/cart', `Bearer ${token}`)).body, { cart: ['tea'] })
  assert.equal((await ask(url, '/cart')).status, 401)
  assert.equal((await ask(url, '/cart', `${token}x`)).status, 401)
  const used = await fetch(`${url}/users/wxLogin`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"code":"nobody\'s"}',
  })
  assert.equal(used.status, 401)
  return token
}

test('the old client works before and after, and its old token with the moved system, too', async (t) => {
  const menjin = await Menjin.start(t)
  const token = await servesOldClients(menjin, await example(t, menjin, 'before.js'))
  const after = await example(t, menjin, 'server.js')
  assert.deepEqual((await ask(after, '/users/me', token)).body, { userId: 1, nickname: null })
  await servesOldClients(menjin, after)
})

test('a kicked phone is out at once, be its token old or new', async (t) => {
  const menjin = await Menjin.start(t)
  const url = await example(t, menjin, 'server.js')
  const old = await oldClient(menjin, url)
  const { sid } = JSON.parse(Buffer.from(old.split('.')[1], 'base64url').toString())
  const fresh = await menjin.signIn('alice')
  for (const [session, authorization] of [
    [sid, old],
    [fresh.session_id, `Bearer ${fresh.access_token}`],
  ]) {
    assert.equal((await ask(url, '/cart', authorization)).status, 200)
    await menjin.kick(session)
    await until(
      'the kick is heard',
      async () => (await ask(url, '/cart', authorization)).body.code === 'session_kicked',
    )
  }
})

test('two phones of one person have a cart each', async (t) => {
  const menjin = await Menjin.start(t)
  const url = await example(t, menjin, 'server.js')
  const [one, two] = [await menjin.signIn('alice', 'one'), await menjin.signIn('alice', 'two')]
  await ask(url, '/cart/tea', `Bearer ${one.access_token}`, 'POST')
  assert.deepEqual((await ask(url, '/cart', `Bearer ${two.access_token}`)).body, { cart: [] })
  assert.deepEqual((await ask(url, '/users/me', `Bearer ${two.access_token}`)).body, { userId: 1, nickname: null })
})

test('the commands of the README work', async (t) => {
  const menjin = await Menjin.start(t)
  const url = await example(t, menjin, 'server.js')
  const [, fresh, old] = await blocks('examples/hapi/README.md', 'sh')
  const { stdout } = await run('bash', ['-euc', here(fresh + old, menjin, url)])
  assert.equal(stdout, '{"cart":["tea"]}{"userId":1,"nickname":null}{"userId":1,"nickname":null}')
})
