// Signing in by redirect: away with a challenge, back with a code, once.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, test } from 'node:test'
import { Front } from '../../miniprogram/test/front.mjs'
import { Menjin } from '../../node/test/harness.js'
import { browser, tab } from './browser.js'

const LOGIN = '/v1/login/demo'
let menjin
let people = 0

before(async (t) => {
  menjin = await Menjin.start(t)
})

/** A page that has left for the platform. */
async function left(t, options) {
  const page = browser(t, 'http://localhost/cart?item=7#pay')
  const front = await Front.start(t, menjin)
  const client = tab(t, { baseUrl: front.url })
  await client.startRedirect(options)
  const to = new URL(page.visited[0])
  // What menjin does with a one-use code of its own is not this package's: here it is any sign-in.
  front.answer(LOGIN, async () => ({ status: 200, body: await menjin.signIn(`redirect-${++people}`) }))
  return { page, front, client, to, state: to.searchParams.get('state') }
}

const refusal = (promise) =>
  promise.then(
    () => assert.fail('not refused'),
    (error) => error,
  )

test('it leaves with a state and a challenge, and comes back to where the person was', async (t) => {
  const { page, front, client, to, state } = await left(t, { redirectUri: 'http://localhost/arrived' })
  assert.equal(to.pathname, '/v1/login/demo/start')
  assert.equal(to.searchParams.get('redirect_uri'), 'http://localhost/arrived')
  assert.equal(to.searchParams.get('code_challenge_method'), 'S256')
  page.go(`/arrived?code=once&state=${state}&kept=1`)
  const signedIn = await client.finishRedirect()
  assert.equal(signedIn.returnTo, '/cart?item=7#pay')
  assert.equal(location.href, 'http://localhost/arrived?kept=1')
  const [{ body }] = front.at(LOGIN)
  assert.equal(body.code, 'once')
  assert.equal(createHash('sha256').update(body.code_verifier).digest('base64url'), to.searchParams.get('code_challenge'))
  assert.ok(body.code_verifier.length >= 43 && state.length >= 43)
  assert.equal(client.current().user.id, signedIn.user.id)
  assert.equal(sessionStorage.getItem('menjin.demo.start').includes(body.code_verifier), false)
})

/** What the person's browser does on the pages between: follows, keeps cookies, and says yes to the platform. */
async function throughThePages(to, person) {
  const hop = async (url, init) => {
    const answer = await fetch(url, { redirect: 'manual', ...init })
    assert.ok([302, 303].includes(answer.status), `${url}: ${answer.status} ${await answer.text()}`)
    return [new URL(answer.headers.get('location'), url), answer.headers.getSetCookie().map((it) => it.split(';')[0]).join('; ')]
  }
  const [asking, cookie] = await hop(to)
  const form = new URLSearchParams({ address: asking.pathname + asking.search, person, decision: 'allow' })
  const [callback] = await hop(new URL('/connect/decide', asking), { method: 'POST', body: form })
  const [back] = await hop(callback, { headers: { cookie } })
  return back
}

test('a real menjin and its platform bring a person in, and the same code brings nobody in again', async (t) => {
  const page = browser(t, 'http://localhost:5173/?from=start')
  const account = tab(t, { baseUrl: menjin.url, app: 'demo-site' })
  await account.startRedirect({ returnTo: '/cart' })
  page.go(await throughThePages(page.visited[0], 'wanda'))
  const { user, returnTo } = await account.finishRedirect()
  assert.deepEqual([returnTo, location.href], ['/cart', 'http://localhost:5173/'])
  const me = await (await account.fetch(`${menjin.url}/v1/me`)).json()
  assert.deepEqual([me.user.id, me.session.app], [user.id, 'demo-site'])
  const inMiniProgram = await menjin.signIn('wanda')
  assert.equal(inMiniProgram.user.id, user.id)
})

test('this page without its query is where the platform sends them, when nothing is said', async (t) => {
  const { to } = await left(t)
  assert.equal(to.searchParams.get('redirect_uri'), 'http://localhost/cart')
})

test('a framework that asks twice gets one sign-in', async (t) => {
  const { page, front, client, state } = await left(t)
  page.go(`/cart?code=once&state=${state}`)
  const [one, two] = await Promise.all([client.finishRedirect(), client.finishRedirect()])
  assert.deepEqual(one, two)
  assert.equal(front.count(LOGIN), 1)
  assert.equal(await client.finishRedirect(), null, 'over, and no news any more')
})

test('a page that brings nothing has nothing to finish', async (t) => {
  browser(t, 'http://localhost/?code=of-something-else')
  assert.equal(await tab(t, { baseUrl: menjin.url }).finishRedirect(), null)
  assert.equal(location.search, '?code=of-something-else')
})

test('a sign-in that was not begun in this tab is refused, and its code goes nowhere', async (t) => {
  const { page, front, client, state } = await left(t)
  for (const bad of ['stranger', '']) {
    page.go(`/cart?code=planted&state=${bad || 'x'}`)
    const error = await refusal(client.finishRedirect())
    assert.deepEqual([error.code, error.action], ['state_mismatch', 'relogin'])
    assert.equal(location.search, '')
  }
  page.go(`/cart?code=late&state=${state}`)
  assert.equal((await refusal(client.finishRedirect())).code, 'state_mismatch')
  assert.equal(front.count(LOGIN), 0)
})

test("a refusal on the way is told with menjin's code", async (t) => {
  const { page, front, client, state } = await left(t)
  page.go(`/cart?error=access_denied&error_description=code_invalid&state=${state}`)
  const error = await refusal(client.finishRedirect())
  assert.deepEqual([error.code, error.message], ['code_invalid', '登录未完成，请重试'])
  assert.equal(front.count(LOGIN), 0)
})

test('a way back that leads elsewhere leads home', async (t) => {
  for (const returnTo of ['https://evil.example/', '/.//evil.example/']) {
    const { page, client, state } = await left(t, { returnTo })
    page.go(`/cart?code=once&state=${state}`)
    assert.equal((await client.finishRedirect()).returnTo, '/', returnTo)
  }
})
