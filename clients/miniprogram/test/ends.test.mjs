// How a session ends, and what each refusal's `action` makes of it.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Menjin, until } from '../../node/test/harness.js'
import { Front, problem } from './front.mjs'
import { Phone, refusal } from './phone.mjs'

const LOGIN = '/v1/login/demo'
const me = { url: '/v1/me' }
let menjin

before(async (t) => {
  menjin = await Menjin.start(t)
})

async function signedIn(t, options) {
  const front = await Front.start(t, menjin)
  const phone = new Phone(front)
  const account = phone.start(options)
  const { session_id, user } = await account.login()
  return { front, phone, account, session_id, user }
}

const reasons = (account) => account.ends.map((it) => it.reason)

test('a kick is told once, however many requests learn of it, and nobody is signed in again by themselves', async (t) => {
  const { front, phone, account, session_id } = await signedIn(t)
  await menjin.kick(session_id)
  const errors = await Promise.all(Array.from({ length: 30 }, () => refusal(account.request(me))))
  assert.deepEqual(new Set(errors.map((it) => it.code)), new Set(['session_kicked']))
  assert.deepEqual(reasons(account), ['session_kicked'])
  assert.equal(account.ends[0].error.status, 401)
  assert.match(account.ends[0].error.message, /下线|登录/)
  assert.equal(account.current(), null)
  const later = await refusal(account.request(me))
  assert.deepEqual([later.code, later.cause], ['signed_out', 'session_kicked'])
  assert.equal((await refusal(phone.start().request(me))).cause, 'session_kicked')
  assert.equal(front.count(LOGIN), 1)
  await account.login()
  assert.equal((await account.request(me)).statusCode, 200)
  assert.deepEqual(reasons(account), ['session_kicked'])
})

test('a session that another sign-in replaced tells by which device', async (t) => {
  const { front, phone, account } = await signedIn(t)
  const twin = new Phone(front, phone.person)
  twin.storage.set('menjin.device', phone.storage.get('menjin.device'))
  await twin.start({ device: { name: 'Twin' } }).login()
  const error = await refusal(account.request(me))
  assert.equal(error.code, 'session_replaced')
  assert.equal(error.cause.replaced_by.device.name, 'Twin')
  assert.deepEqual(reasons(account), ['session_replaced'])
})

test('a kick is also noticed by a refresh', async (t) => {
  const { phone, account, session_id } = await signedIn(t)
  await menjin.kick(session_id)
  phone.ahead += 3_600_000
  const errors = await Promise.all(Array.from({ length: 10 }, () => refusal(account.request(me))))
  assert.deepEqual(new Set(errors.map((it) => it.code)), new Set(['session_kicked']))
  assert.deepEqual(reasons(account), ['session_kicked'])
})

test('who is disabled is told once, and cannot sign in', async (t) => {
  const { account, user } = await signedIn(t)
  await menjin.command('user', 'disable', user.id)
  await until('the ban is here', async () => (await refused(account.request(me))) === 'user_disabled')
  assert.deepEqual(reasons(account), ['user_disabled'])
  assert.equal((await refusal(account.login())).code, 'user_disabled')
  await menjin.command('user', 'enable', user.id)
  await account.login()
})

const refused = (promise) =>
  promise.then(
    () => 'let in',
    (error) => error.code,
  )

test('action relogin signs in silently, once for all, and repeats', async (t) => {
  for (const code of ['token_invalid', 'session_expired', 'session_ended', 'restored', 'refresh_reused', 'password_changed']) {
    const { front, phone, account, session_id } = await signedIn(t)
    phone.ahead += 60_000
    const dead = `Bearer ${await account.accessToken()}`
    front.answer('/v1/me', (seen) => seen.headers.authorization === dead && problem(401, code, 'relogin'), Infinity)
    const answers = await Promise.all(Array.from({ length: 20 }, () => account.request(me)))
    assert.deepEqual(new Set(answers.map((it) => it.statusCode)), new Set([200]), code)
    assert.deepEqual([front.count(LOGIN), front.count('/v1/token/refresh')], [2, 0])
    assert.notEqual(account.current().session_id, session_id)
    assert.deepEqual(account.ends, [])
  }
})

test('without autoLogin the same is an end', async (t) => {
  const { account, front } = await signedIn(t, { autoLogin: false })
  front.answer('/v1/me', problem(401, 'session_expired', 'relogin'))
  assert.equal((await refusal(account.request(me))).code, 'session_expired')
  assert.deepEqual(reasons(account), ['session_expired'])
})

test('a session that menjin has ended and that is refreshed is signed in for anew', async (t) => {
  const { front, phone, account, session_id } = await signedIn(t)
  const token = await account.accessToken()
  const ended = await fetch(`${menjin.url}/v1/logout`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
  assert.equal(ended.status, 204)
  phone.ahead += 3_600_000
  assert.equal((await account.request(me)).statusCode, 200)
  assert.notEqual(account.current().session_id, session_id)
  assert.deepEqual([front.count(LOGIN), account.ends.length], [2, 0])
})

test("action none is somebody else's answer", async (t) => {
  const { front, account } = await signedIn(t)
  for (const code of ['wrong_pin', 'bad_user_data']) {
    front.answer('/pin', problem(401, code, 'none'))
    const answer = await account.request({ url: `${front.url}/pin` })
    assert.deepEqual([answer.statusCode, answer.data.code, account.ends.length], [401, code, 0])
  }
})

test('action reauth signs in freshly and repeats; any other 403 is an answer', async (t) => {
  const { front, account, session_id } = await signedIn(t)
  front.answer('/secret', problem(403, 'reauth_required', 'reauth'))
  front.answer('/secret', { status: 200, body: 'open' })
  assert.equal((await account.request({ url: `${front.url}/secret` })).statusCode, 200)
  assert.notEqual(account.current().session_id, session_id)
  front.answer('/secret', problem(403, 'forbidden', 'none'))
  assert.equal((await account.request({ url: `${front.url}/secret` })).statusCode, 403)
  assert.equal(front.count(LOGIN), 2)
})

test('a sign-in that replaces the own session is no end for requests that were on their way', async (t) => {
  const { front, account } = await signedIn(t)
  const release = front.hold('/v1/me')
  const early = [account.request(me), account.request(me)]
  await until('they are on their way', async () => front.count('/v1/me') === 2)
  await account.login({ fresh: true })
  front.clear()
  release()
  for (const request of early) assert.equal((await request).statusCode, 200)
  assert.deepEqual(account.ends, [])
  assert.equal(front.count(LOGIN), 2)
})

test('nor where they are refused before the answer of the sign-in is here', async (t) => {
  const { front, account } = await signedIn(t)
  const release = front.hold('/v1/me')
  const early = [account.request(me), account.request(me)]
  await until('they are on their way', async () => front.count('/v1/me') === 2)
  const answer = front.holdAnswers(LOGIN)
  const login = account.login({ fresh: true })
  await until('menjin has signed in', async () => front.at(LOGIN)[1]?.status === 200)
  release()
  await until('they are refused', async () => front.at('/v1/me').every((it) => it.status === 401))
  const late = account.request({ url: '/v1/me/sessions' })
  answer()
  front.clear()
  for (const request of [...early, late]) assert.equal((await request).statusCode, 200)
  await login
  assert.deepEqual([account.ends, front.count(LOGIN)], [[], 2])
})

test('logout ends the session here and there, and stays', async (t) => {
  const { front, phone, account } = await signedIn(t)
  const token = await account.accessToken()
  assert.equal(await account.logout(), true)
  assert.deepEqual(reasons(account), ['logout'])
  assert.equal((await fetch(`${menjin.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } })).status, 401)
  assert.equal((await refusal(account.request(me))).code, 'signed_out')
  assert.equal((await refusal(phone.start().request(me))).code, 'signed_out')
  assert.equal(phone.storage.get('menjin.demo').includes('mjr_'), false)
  assert.equal(await account.logout(), true)
  assert.deepEqual(reasons(account), ['logout'])
  await account.login()
  assert.equal((await account.request(me)).statusCode, 200)
  assert.equal(front.count(LOGIN), 2)
})

test('logout works without a network, and says that menjin does not know', async (t) => {
  const { phone, account } = await signedIn(t)
  phone.network = 'down'
  assert.equal(await account.logout(), false)
  assert.equal(account.current(), null)
  assert.deepEqual(reasons(account), ['logout'])
})

test('a logout during a refresh or a sign-in wins', async (t) => {
  const { front, phone, account } = await signedIn(t)
  phone.ahead += 3_600_000
  const release = front.hold('/v1/token/refresh')
  const waiting = refusal(account.request(me))
  await until('the refresh is on its way', async () => front.count('/v1/token/refresh') === 1)
  assert.equal(await account.logout(), true)
  front.clear()
  release()
  assert.match((await waiting).code, /^(signed_out|session_ended)$/)
  assert.equal(account.current(), null)
  assert.equal(front.count(LOGIN), 1)

  const login = account.login()
  assert.equal(await account.logout(), true)
  await login
  assert.equal(account.current(), null)

  await account.login()
  phone.ahead += 3_600_000
  const answer = front.holdAnswers('/v1/token/refresh')
  const late = refusal(account.request(me))
  await until('menjin has refreshed', async () => front.at('/v1/token/refresh')[1]?.status === 200)
  assert.equal(await account.logout(), true)
  answer()
  assert.equal((await late).code, 'signed_out')
  assert.equal(account.current(), null)
  assert.equal(phone.start().current(), null)
  assert.deepEqual(reasons(account), ['logout', 'logout', 'logout'])
})

test('a logout while login() refreshes is not undone by it', async (t) => {
  const { front, phone, account } = await signedIn(t)
  for (const answer of [undefined, problem(503, 'store_unavailable', 'retry', { 'retry-after': '60' })]) {
    phone.ahead += 3_600_000
    const sent = front.count('/v1/token/refresh')
    const signedInBefore = front.count(LOGIN)
    const release = front.hold('/v1/token/refresh', answer)
    const login = refusal(account.login())
    await until('the refresh is on its way', async () => front.count('/v1/token/refresh') === sent + 1)
    assert.equal(await account.logout(), true)
    front.clear()
    release()
    assert.match((await login).code, answer ? /^store_unavailable$/ : /^(signed_out|session_ended)$/)
    assert.deepEqual([account.current(), front.count(LOGIN)], [null, signedInBefore])
    assert.equal((await refusal(account.request(me))).cause, 'logout')
    await account.login()
  }
  assert.equal((await account.request(me)).statusCode, 200)
})

test('nor by a request whose refusal asks for a fresh sign-in', async (t) => {
  const { front, account } = await signedIn(t)
  const release = front.hold('/secret', problem(403, 'reauth_required', 'reauth'))
  const asked = refusal(account.request({ url: `${front.url}/secret` }))
  await until('it is on its way', async () => front.count('/secret') === 1)
  await account.logout()
  release()
  assert.equal((await asked).code, 'signed_out')
  assert.deepEqual([account.current(), front.count(LOGIN)], [null, 1])
})

test('an end that another part of the program has seen holds for one that looked before anybody signed in', async (t) => {
  const front = await Front.start(t, menjin)
  const phone = new Phone(front)
  const [early, other] = [phone.start(), phone.start()]
  assert.equal(early.current(), null)
  const { session_id } = await other.login()
  await menjin.kick(session_id)
  assert.equal((await refusal(other.request(me))).code, 'session_kicked')
  const error = await refusal(early.request(me))
  assert.deepEqual([error.code, error.cause], ['signed_out', 'session_kicked'])
  await other.login()
  await other.logout()
  assert.equal((await refusal(early.request(me))).cause, 'logout')
  assert.equal(front.count(LOGIN), 2)
})

for (const fresh of [false, true]) {
  test(`a logout holds for a part of the program that has slept through ${fresh ? 'a fresh' : 'another'} sign-in`, async (t) => {
    const { front, phone, account } = await signedIn(t)
    const other = phone.start()
    if (!fresh) await other.logout()
    await other.login({ fresh })
    assert.equal(await other.logout(), true)
    await refusal(account.request(me))
    const late = await refusal(account.request(me))
    assert.deepEqual([late.code, late.cause, account.current()], ['signed_out', 'logout', null])
    assert.deepEqual([reasons(account), front.count(LOGIN)], [['logout'], 2])
  })
}

test('an account that is gone is told, and no new one is made by itself', async (t) => {
  for (const path of ['/v1/me', '/v1/token/refresh']) {
    const { front, phone, account } = await signedIn(t)
    if (path !== '/v1/me') phone.ahead += 3_600_000
    front.answer(path, problem(401, 'account_closed', 'relogin'), Infinity)
    assert.equal((await refusal(account.request(me))).code, 'account_closed')
    assert.deepEqual(reasons(account), ['account_closed'])
    assert.equal((await refusal(phone.start().request(me))).cause, 'account_closed')
    assert.deepEqual([account.current(), front.count(LOGIN)], [null, 1])
  }
})

test('whoever deletes their account stays out until a tap, which says that it keeps the account, once', async (t) => {
  const { front, phone, account, user } = await signedIn(t)
  const gone = await account.request({ url: '/v1/me', method: 'DELETE' })
  assert.ok(gone.statusCode < 300, JSON.stringify(gone.data))
  assert.equal((await refusal(account.request(me))).code, 'user_deleting')
  const taps = front.count(LOGIN)
  assert.equal((await refusal(account.request(me))).cause, 'user_deleting')
  assert.equal((await refusal(account.checkSession())).cause, 'user_deleting')
  assert.equal(front.count(LOGIN), taps)
  const [one, two] = await Promise.all([account.login(), account.login()])
  assert.deepEqual([one.user.id, one.deletion_cancelled, two.deletion_cancelled], [user.id, true, true])
  assert.equal('deletion_cancelled' in account.current(), false)
  assert.equal('deletion_cancelled' in (await account.login()), false)
  assert.equal('deletion_cancelled' in (await phone.start().login({ fresh: true })), false)
})

test('a back end that takes no token of ours is answered once, not signed in to for ever', async (t) => {
  const { front, account } = await signedIn(t)
  front.answer('/orders', problem(401, 'token_invalid', 'relogin'), Infinity)
  for (let times = 0; times < 5; times++) {
    const answer = await account.request({ url: `${front.url}/orders` })
    assert.deepEqual([answer.statusCode, answer.data.code], [401, 'token_invalid'])
  }
  assert.equal(front.count(LOGIN), 1)
})

test("what a hotel's page answers in menjin's place forgets nothing", async (t) => {
  const { front, phone, account } = await signedIn(t)
  phone.ahead += 3_600_000
  const page = '<html>Welcome!</html>'
  for (const status of [200, 401, 403, 404, 511]) {
    front.answer('/v1/token/refresh', { status, body: page, headers: { 'content-type': 'text/html' } }, 3)
    await refusal(account.request(me))
    front.clear()
  }
  assert.deepEqual(account.ends, [])
  assert.equal((await account.request(me)).statusCode, 200)
  front.answer(LOGIN, { status: 200, body: page }, Infinity)
  assert.equal((await refusal(account.login({ fresh: true }))).code, 'network')
  front.clear()
  assert.equal((await account.request(me)).statusCode, 200)
})

test('two parts of a program that sign in at once do not take each other for a thief', async (t) => {
  const { front, phone, account } = await signedIn(t)
  const other = phone.start()
  await other.request(me)
  await account.login({ fresh: true })
  assert.equal((await other.request(me)).statusCode, 200)
  assert.deepEqual([account.ends, other.ends, front.count(LOGIN)], [[], [], 2])
})

test('a listener that was removed hears nothing', async (t) => {
  const { account, session_id } = await signedIn(t)
  const heard = []
  const stop = account.onSessionEnd((end) => heard.push(end.reason))
  const gone = account.onSessionEnd(() => heard.push('never'))
  gone()
  await menjin.kick(session_id)
  await refusal(account.request(me))
  assert.deepEqual(heard, ['session_kicked'])
  stop()
  await account.login()
  await account.logout()
  assert.deepEqual(heard, ['session_kicked'])
})
