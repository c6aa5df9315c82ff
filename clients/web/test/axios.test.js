// The interceptor on real axios: S6 of old sites, and refreshes.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import axios from 'axios'
import { Front, problem } from '../../miniprogram/test/front.mjs'
import { Menjin, until } from '../../node/test/harness.js'
import { browser, codeOf, later, tab, web } from './browser.js'

let menjin
let people = 0

before(async (t) => {
  menjin = await Menjin.start(t)
})

async function site(t, refusals = {}, { isSignedIn = true } = {}) {
  const page = browser(t, 'http://localhost/orders/7?tab=new#top')
  const front = await Front.start(t, menjin)
  const client = tab(t, { baseUrl: front.url })
  const signedIn = isSignedIn && (await client.login({ code: await codeOf(menjin, `axios-${++people}`) }))
  const api = axios.create({ baseURL: front.url, adapter: 'fetch' })
  const told = []
  const tells = (name) => (error) => told.push([name, error.response?.status ?? error.code])
  const off = web.intercept(api, client, {
    loginPage: '/login',
    onForbidden: tells('forbidden'),
    onNotFound: tells('not found'),
    onError: tells('error'),
    ...refusals,
  })
  return { page, front, client, api, told, off, signedIn }
}

const status = (promise) =>
  promise.then(
    (answer) => answer.status,
    (error) => error.response?.status ?? error.code,
  )

test('fifty requests with an expired token make one refresh and fifty good answers', async (t) => {
  const { front, api, client } = await site(t)
  const dead = `Bearer ${await client.accessToken()}`
  front.answer('/v1/me', (seen) => seen.headers.authorization === dead && problem(401, 'token_expired', 'refresh'), Infinity)
  const statuses = await Promise.all(Array.from({ length: 50 }, () => status(api.get('/v1/me'))))
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(front.count('/v1/token/refresh'), 1)
})

test('a token that is known to have expired is refreshed ahead, and a body is sent again as it was', async (t) => {
  const { front, api } = await site(t)
  later(t, 3_600_000)
  front.answer('/orders', { status: 401, body: '' })
  front.answer('/orders', { status: 201, body: { made: 1 } })
  const answer = await api.post('/orders', { tea: 1 })
  assert.deepEqual([answer.status, answer.data], [201, { made: 1 }])
  const [first, second] = front.at('/orders')
  assert.deepEqual([first.body, second.body], [{ tea: 1 }, { tea: 1 }])
  assert.equal(front.count('/v1/token/refresh'), 2)
})

test('a session that has ended leads to the login page, once, with the way back', async (t) => {
  const { page, api, client, signedIn, told } = await site(t)
  await menjin.kick(signedIn.session_id)
  const statuses = await Promise.all(Array.from({ length: 10 }, () => status(api.get('/v1/me'))))
  assert.deepEqual(new Set(statuses), new Set([401]))
  assert.deepEqual(page.visited, ['http://localhost/login?redirect=%2Forders%2F7%3Ftab%3Dnew%23top'])
  assert.deepEqual([client.ends, told], [['session_kicked'], []])
})

test('so does a 401 to whom nobody has signed in; on the login page itself it leads nowhere', async (t) => {
  const { page, front, api } = await site(t, {}, { isSignedIn: false })
  page.go('/login?redirect=%2F')
  assert.equal(await status(api.get('/v1/me')), 401)
  assert.deepEqual(page.visited, [])
  page.go('/cart')
  assert.equal(await status(api.get('/v1/me')), 401)
  assert.deepEqual(page.visited, ['http://localhost/login?redirect=%2Fcart'])
  assert.equal(front.at('/v1/me')[0].headers.authorization, undefined)
})

test('what to do instead can be said', async (t) => {
  const heard = []
  const { page, api } = await site(t, { onUnauthorized: (error) => heard.push(error.response.status) }, { isSignedIn: false })
  await status(api.get('/v1/me'))
  assert.deepEqual([heard, page.visited], [[401], []])
})

test('403, 404 and all others have their places, and whoever asked hears of them too', async (t) => {
  const { front, api, told, page } = await site(t)
  for (const code of [403, 404, 400, 500]) {
    front.answer('/orders', problem(code, 'whatever', 'none'))
    assert.equal(await status(api.get('/orders')), code)
  }
  assert.equal(typeof (await status(api.get('http://127.0.0.1:9/'))), 'string')
  assert.deepEqual(told.slice(0, 4), [['forbidden', 403], ['not found', 404], ['error', 400], ['error', 500]])
  assert.deepEqual([told.length, told[4][0], page.visited], [5, 'error', []])
})

test('a 401 that stays is told as such after one repetition', async (t) => {
  const { front, api, page } = await site(t)
  front.answer('/orders', { status: 401, body: '' }, Infinity)
  assert.equal(await status(api.get('/orders')), 401)
  assert.deepEqual([front.count('/orders'), front.count('/v1/token/refresh'), page.visited.length], [2, 1, 1])
})

test('a 401 that is not about the session leads nowhere, and is told like any other refusal', async (t) => {
  const { front, api, page, told, client } = await site(t)
  front.answer('/pin', problem(401, 'password_wrong', 'none'))
  assert.equal(await status(api.post('/pin', {})), 401)
  const stranger = await Front.start(t, menjin)
  stranger.answer('/picture', { status: 401, body: 'Unauthorized' })
  assert.equal(await status(api.get(`${stranger.url}/picture`)), 401)
  assert.deepEqual([told, page.visited, client.ends], [[['error', 401], ['error', 401]], [], []])
  assert.deepEqual([front.count('/pin'), stranger.count('/picture'), front.count('/v1/token/refresh')], [1, 1, 0])
  for (const code of ['user_disabled', 'user_deleting']) {
    const { front, api, page, client } = await site(t)
    front.answer('/v1/me', problem(401, code, 'none'))
    assert.equal(await status(api.get('/v1/me')), 401)
    assert.deepEqual([client.ends, page.visited.length], [[code], 1])
  }
})

test('a back end that calls a good token invalid signs nobody out and sends nobody away', async (t) => {
  const { front, api, page, told, client } = await site(t)
  front.answer('/orders', problem(401, 'token_invalid', 'relogin'), Infinity)
  assert.equal(await status(api.get('/orders')), 401)
  assert.equal(front.count('/v1/token/refresh'), 0)
  later(t, 60_000)
  assert.equal(await status(api.get('/orders')), 401)
  assert.deepEqual([page.visited, client.ends, told], [[], [], [['error', 401], ['error', 401]]])
  assert.deepEqual([front.count('/orders'), front.count('/v1/token/refresh')], [3, 1])
  assert.equal(await status(api.get('/v1/me')), 200)
})

test('a request that the page gave up is no refusal', async (t) => {
  const { front, api, told, page } = await site(t)
  const away = new AbortController()
  const release = front.hold('/orders')
  const asked = status(api.get('/orders', { signal: away.signal }))
  await until('it is on its way', async () => front.count('/orders') === 1)
  away.abort()
  assert.equal(await asked, 'ERR_CANCELED')
  release()
  assert.deepEqual([told, page.visited], [[], []])
})

test('a login page behind a # is a page of its own', async (t) => {
  const { page, api } = await site(t, { loginPage: '/#/login' }, { isSignedIn: false })
  page.go('/?redirect=%2F#/login?from=here')
  assert.equal(await status(api.get('/v1/me')), 401)
  assert.deepEqual(page.visited, [])
  page.go('/#/cart')
  assert.equal(await status(api.get('/v1/me')), 401)
  assert.deepEqual(page.visited, ['http://localhost/?redirect=%2F%23%2Fcart#/login'])
})

test('a page that is come back to sends people away again', async (t) => {
  const { page, api, off } = await site(t, {}, { isSignedIn: false })
  for (const visits of [1, 1, 2]) {
    if (visits === 2) page.happens('pageshow')
    assert.equal(await status(api.get('/v1/me')), 401)
    assert.equal(page.visited.length, visits)
  }
  off()
  page.happens('pageshow')
})

test('who asked for somebody that has signed out since goes nowhere while another is signed in', async (t) => {
  const { front, api, page, client, told } = await site(t)
  const release = front.hold('/orders', problem(401, 'session_ended', 'relogin'))
  const asked = status(api.get('/orders'))
  await until('it is on its way', async () => front.count('/orders') === 1)
  await client.logout()
  await client.login({ code: await codeOf(menjin, `axios-${++people}`) })
  release()
  assert.equal(await asked, 401)
  assert.deepEqual([page.visited, front.count('/orders'), told], [[], 1, [['error', 401]]])
})

test('while the network is away nobody is sent to the login page', async (t) => {
  const { front, api, page, told, client } = await site(t)
  later(t, 3_600_000)
  front.answer('/v1/token/refresh', problem(503, 'store_unavailable', 'retry', { 'retry-after': '60' }), Infinity)
  assert.equal(await status(api.get('/v1/me')), 'store_unavailable')
  assert.deepEqual([page.visited, client.ends], [[], []])
  assert.ok(client.current())
  assert.deepEqual(told, [['error', 'store_unavailable']])
})

test('the token goes to own origins alone', async (t) => {
  const { api, front } = await site(t)
  const stranger = await Front.start(t, menjin)
  for (const one of [stranger, front]) one.answer('/picture', { status: 200, body: 'x' })
  await api.get(`${stranger.url}/picture`)
  await api.get('/picture')
  assert.equal(stranger.at('/picture')[0].headers.authorization, undefined)
  assert.match(front.at('/picture')[0].headers.authorization, /^Bearer eyJ/)
})

test('what was taken off does nothing', async (t) => {
  const { api, front, off } = await site(t)
  off()
  assert.equal(await status(api.get('/v1/me')), 401)
  assert.equal(front.at('/v1/me')[0].headers.authorization, undefined)
})

test('the way back is a path of this site, whatever the address says', (t) => {
  browser(t, 'https://shop.example/login')
  assert.equal(web.ownPath('/orders/7?a=1#b'), '/orders/7?a=1#b')
  for (const bad of [null, '', 'https://evil.example/', '//evil.example/x', '/\\evil.example', 'javascript:alert(1)', 'orders', '\t//evil.example', '/.//evil.example', '/a/..//evil.example', '/./\\evil.example']) {
    assert.equal(web.ownPath(bad, '/home'), '/home', String(bad))
  }
})
