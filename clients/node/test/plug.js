// What every plug must do, whatever the framework: the same requests to the same routes.
//
// `GET /me` is protected; `GET /maybe` lets in who has no token; `GET /boss` wants the permission `orders:read`; `POST /cart`
// adds its body's `item` to the session's cart, and `GET /cart` shows it; `GET /clerk` is for the role `clerk` and `orders:list`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVerifier } from '../src/index.js'
import { Menjin, closing, quiet, until } from './harness.js'

/** `serve(t, verifier)` gives the address of a program with these routes. */
export function behavesAsAPlug(serve) {
  async function surroundings(t) {
    const menjin = await Menjin.start(t)
    const verifier = closing(t, createVerifier({ ...menjin.options, log: quiet() }))
    const url = await serve(t, verifier)
    const ask = async (path, token, { method = 'GET', body, headers = {} } = {}) => {
      const sent = {
        ...headers,
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body && { 'content-type': 'application/json' }),
      }
      const response = await fetch(url + path, { method, headers: sent, body: body && JSON.stringify(body) })
      return { status: response.status, headers: response.headers, body: await response.json() }
    }
    return { menjin, ask }
  }

  function assertProblem(answer, status, code, action) {
    assert.deepEqual(
      [answer.status, answer.body.code, answer.body.action, answer.body.status],
      [status, code, action, status],
    )
    assert.match(answer.headers.get('content-type'), /^application\/problem\+json/)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    assert.match(answer.headers.get('vary'), /accept-language/i)
  }

  test('who has signed in gets in', async (t) => {
    const { menjin, ask } = await surroundings(t)
    const alice = await menjin.signIn('alice')
    const { status, body } = await ask('/me', alice.access_token)
    assert.deepEqual([status, body], [200, { user: alice.user.id, session: alice.session_id, app: 'demo' }])
  })

  test('each 401 is a problem with code, action and challenge', async (t) => {
    const { menjin, ask } = await surroundings(t)
    const alice = await menjin.signIn('alice')
    const missing = await ask('/me')
    assertProblem(missing, 401, 'token_missing', 'relogin')
    assert.equal(missing.headers.get('www-authenticate'), 'Bearer realm="menjin"')
    const bad = await ask('/me', `${alice.access_token}x`)
    assertProblem(bad, 401, 'token_invalid', 'relogin')
    assert.match(bad.headers.get('www-authenticate'), /error="invalid_token"/)
    const chinese = await ask('/me', 'x.y.z', { headers: { 'accept-language': 'zh-CN,zh;q=0.9' } })
    assert.deepEqual([chinese.body.title, chinese.headers.get('content-language')], ['令牌无效', 'zh-CN'])
    await menjin.kick(alice.session_id)
    const kicked = await until('the kick is heard', async () => {
      const answer = await ask('/me', alice.access_token)
      return answer.status === 401 && answer
    })
    assertProblem(kicked, 401, 'session_kicked', 'relogin')
  })

  test('an optional route knows nobody without a token, and still refuses a bad one', async (t) => {
    const { menjin, ask } = await surroundings(t)
    const alice = await menjin.signIn('alice')
    assert.deepEqual((await ask('/maybe')).body, { user: null })
    assert.deepEqual((await ask('/maybe', alice.access_token)).body, { user: alice.user.id })
    assertProblem(await ask('/maybe', 'x.y.z'), 401, 'token_invalid', 'relogin')
  })

  test('what a handler requires and the caller lacks is a 403', async (t) => {
    const { menjin, ask } = await surroundings(t)
    const alice = await menjin.signIn('alice')
    assertProblem(await ask('/boss', alice.access_token), 403, 'forbidden', 'none')
  })

  test('a role lets in, and the change that takes it away holds at once', async (t) => {
    const { menjin, ask } = await surroundings(t)
    const alice = await menjin.signIn('alice')
    assertProblem(await ask('/clerk', alice.access_token), 403, 'forbidden', 'none')
    await menjin.command('role', 'set', 'clerk', '--permission', 'orders:*')
    await menjin.command('role', 'grant', 'clerk', alice.user.id, '--audience', 'demo')
    const next = async (pair) => {
      await until('the change is heard', async () => (await ask('/clerk', pair.access_token)).status === 401)
      assertProblem(await ask('/clerk', pair.access_token), 401, 'token_expired', 'refresh')
      return menjin.post('/v1/token/refresh', { refresh_token: pair.refresh_token })
    }
    const clerk = await next(alice)
    for (const path of ['/clerk', '/boss', '/me']) assert.equal((await ask(path, clerk.access_token)).status, 200, path)
    await menjin.command('role', 'revoke', 'clerk', alice.user.id, '--audience', 'demo')
    const nobody = await next(clerk)
    assertProblem(await ask('/clerk', nobody.access_token), 403, 'forbidden', 'none')
    assert.equal((await ask('/me', nobody.access_token)).status, 200)
  })

  test('the session is read and written, each device its own', async (t) => {
    const { menjin, ask } = await surroundings(t)
    const [one, two] = [await menjin.signIn('alice', 'one'), await menjin.signIn('alice', 'two')]
    const add = (phone, item) => ask('/cart', phone.access_token, { method: 'POST', body: { item } })
    assert.deepEqual((await add(one, 'tea')).body, { cart: ['tea'] })
    await Promise.all([add(one, 'milk'), add(one, 'salt'), add(two, 'rice')])
    assert.deepEqual((await ask('/cart', one.access_token)).body.cart.sort(), ['milk', 'salt', 'tea'])
    assert.deepEqual((await ask('/cart', two.access_token)).body, { cart: ['rice'] })
  })

  test("while menjin can't be asked for the session it is a 503", async (t) => {
    const { menjin, ask } = await surroundings(t)
    const alice = await menjin.signIn('alice')
    assert.equal((await ask('/me', alice.access_token)).status, 200)
    await menjin.stop()
    const answer = await ask('/cart', alice.access_token)
    assertProblem(answer, 503, 'menjin_unavailable', 'retry')
    assert.equal(answer.headers.get('retry-after'), '2')
    assert.equal((await ask('/me', alice.access_token)).status, 200)
  })
}
