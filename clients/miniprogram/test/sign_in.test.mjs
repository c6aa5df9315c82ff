// login(): one session however often it is asked for, and no code twice.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Menjin } from '../../node/test/harness.js'
import { Front, problem } from './front.mjs'
import { Phone, refusal } from './phone.mjs'

const LOGIN = '/v1/login/demo'
const me = { url: '/v1/me' }
let menjin

before(async (t) => {
  menjin = await Menjin.start(t)
})

async function phoned(t) {
  const front = await Front.start(t, menjin)
  return { front, phone: new Phone(front) }
}

async function sessions(account) {
  return (await account.request({ url: '/v1/me/sessions' })).data.sessions
}

/** What the simulator was asked about these codes. */
async function exchanges(phone) {
  const answer = await fetch(`${menjin.simulator}/_sim/calls?path=/sns/jscode2session`)
  const text = await answer.text()
  return phone.codes.map((code) => text.split(code).length - 1)
}

test('a double tap is one sign-in, one code and one session', async (t) => {
  const { front, phone } = await phoned(t)
  const account = phone.start()
  const [one, two] = await Promise.all([account.login(), account.login()])
  assert.deepEqual(one, two)
  assert.deepEqual([front.count(LOGIN), phone.codes.length], [1, 1])
  const listed = await sessions(account)
  assert.deepEqual(listed.map((it) => it.id), [one.session_id])
})

test('a double tap on a phone-number button sends its code once', async (t) => {
  const { front, phone } = await phoned(t)
  const account = phone.start()
  const { code } = await phone.simulated('getPhoneNumber', { phone: '13800138000' })
  const [one, two] = await Promise.all([account.login({ phone_code: code }), account.login({ phone_code: code })])
  assert.deepEqual(one, two)
  assert.equal(one.user.phone_masked, '138****8000')
  assert.equal(front.count(LOGIN), 1)
})

test('a session that lives is used again, also after a cold start; fresh opens another in its place', async (t) => {
  const { front, phone } = await phoned(t)
  const first = await phone.start().login()
  assert.equal(first.is_new_user, true)
  const account = phone.start()
  const again = await account.login()
  assert.deepEqual([again.session_id, again.user, again.is_new_user], [first.session_id, first.user, false])
  assert.equal(front.count(LOGIN), 1)
  const fresh = await account.login({ fresh: true })
  assert.notEqual(fresh.session_id, first.session_id)
  assert.deepEqual((await sessions(account)).map((it) => it.id), [fresh.session_id])
})

test('login() notices that the session is over, and opens another', async (t) => {
  const { phone } = await phoned(t)
  const account = phone.start()
  const { session_id, user } = await account.login()
  await menjin.kick(session_id)
  phone.ahead += 3_600_000
  const again = await account.login()
  assert.notEqual(again.session_id, session_id)
  assert.equal(again.user.id, user.id)
})

test('request() signs in by itself, once for all; without autoLogin it asks for a sign-in', async (t) => {
  const { front, phone } = await phoned(t)
  const account = phone.start()
  const answers = await Promise.all(Array.from({ length: 20 }, () => account.request(me)))
  assert.deepEqual(new Set(answers.map((it) => it.statusCode)), new Set([200]))
  assert.equal(front.count(LOGIN), 1)
  const other = new Phone(front)
  const error = await refusal(other.start({ autoLogin: false }).request(me))
  assert.deepEqual([error.code, error.action, error.message], ['signed_out', 'relogin', '请先登录'])
  assert.equal(front.count(LOGIN), 1)
})

test('a sign-in whose answer is lost is the same session, by the same request and key; the platform sees the code once', async (t) => {
  const { front, phone } = await phoned(t)
  const account = phone.start()
  front.lose(LOGIN)
  const signedIn = await account.login()
  const [first, second] = front.at(LOGIN)
  assert.equal(front.count(LOGIN), 2)
  assert.deepEqual(first.raw, second.raw)
  assert.equal(first.headers['idempotency-key'], second.headers['idempotency-key'])
  assert.ok(first.headers['idempotency-key'].length >= 22)
  assert.equal(signedIn.is_new_user, true)
  assert.deepEqual(await exchanges(phone), [1])
  assert.deepEqual((await sessions(account)).map((it) => it.id), [signedIn.session_id])
})

test('a sign-in that was cut off in the background is begun anew with another code', async (t) => {
  const { front, phone } = await phoned(t)
  const account = phone.start()
  phone.interrupt(LOGIN)
  const signedIn = await account.login()
  const [first, second] = front.at(LOGIN)
  assert.equal(front.count(LOGIN), 2)
  assert.notEqual(first.body.code, second.body.code)
  assert.notEqual(first.headers['idempotency-key'], second.headers['idempotency-key'])
  assert.deepEqual((await sessions(account)).map((it) => it.id), [signedIn.session_id])
})

test('a code is never sent again once menjin may have forgotten the first time', async (t) => {
  const { front, phone } = await phoned(t)
  const account = phone.start()
  front.answer(LOGIN, () => {
    // The phone lay in a pocket.
    phone.ahead += 50_000
    return problem(503, 'platform_unavailable', 'retry', { 'retry-after': '0' })
  })
  await account.login()
  const [first, second] = front.at(LOGIN)
  assert.notEqual(first.body.code, second.body.code)
})

test('after a 503 that spent nothing the same code comes again, after as long as the server said', async (t) => {
  const { front, phone } = await phoned(t)
  const account = phone.start()
  await fetch(`${menjin.simulator}/_sim/faults`, { method: 'POST', body: JSON.stringify({ kind: 'busy', next: 1 }) })
  await account.login()
  const [first, second] = front.at(LOGIN)
  assert.deepEqual([first.status, first.body.code], [503, second.body.code])
  assert.equal(second.status, 200)
})

test('after a 503 that may have spent the code there is another one', async (t) => {
  const { front, phone } = await phoned(t)
  const account = phone.start()
  await fetch(`${menjin.simulator}/_sim/faults`, { method: 'POST', body: JSON.stringify({ kind: 'dropped', next: 1 }) })
  await account.login()
  assert.deepEqual(front.at(LOGIN).map((it) => it.status), [503, 200])
  assert.deepEqual(await exchanges(phone), [1, 1])
})

test('what helps nobody is told at once, in the language of the person', async (t) => {
  for (const [language, message] of [
    ['zh_CN', /停用|应用/],
    ['en', /No app/],
  ]) {
    const { front, phone } = await phoned(t)
    phone.language = language
    const error = await refusal(phone.start({ app: 'nobody' }).login())
    assert.deepEqual([error.code, error.status, error.action], ['app_unknown', 404, 'none'])
    assert.match(error.message, message)
    assert.equal(front.seen.length, 1)
  }
})

test('a code that is refused is replaced once, not for ever', async (t) => {
  const { front, phone } = await phoned(t)
  front.answer(LOGIN, problem(401, 'code_invalid', 'relogin'), Infinity)
  const error = await refusal(phone.start().login())
  assert.equal(error.code, 'code_invalid')
  assert.deepEqual([front.count(LOGIN), phone.codes.length], [2, 2])
})

test('who is offline is told so, and can sign in later', async (t) => {
  const { phone } = await phoned(t)
  const account = phone.start()
  phone.network = 'down'
  const error = await refusal(account.login())
  assert.deepEqual([error.code, error.action, error.message], ['network', 'retry', '网络不可用，请重试'])
  phone.network = 'up'
  assert.equal((await account.login()).is_new_user, true)
})

test('a device has one id for ever, and says what it is', async (t) => {
  const { front, phone } = await phoned(t)
  await phone.start().login()
  await phone.start().login({ fresh: true })
  const [first, second] = front.at(LOGIN).map((it) => it.body.device)
  assert.deepEqual(first, second)
  assert.match(first.id, /^[0-9a-z]{32}$/)
  assert.deepEqual([first.class, first.name, first.system], ['phone', 'Phone 1', 'OS 1.0'])
})

test('in an envelope everything is as without one', async (t) => {
  const { front, phone } = await phoned(t)
  front.isEnveloped = true
  const account = phone.start()
  const { user, is_new_user, session_id } = await account.login()
  assert.deepEqual([is_new_user, user.nickname], [true, null])
  phone.ahead += 3_600_000
  const answer = await account.request(me)
  assert.deepEqual([answer.data.code, answer.data.data.user.id], [0, user.id])
  assert.equal(front.count('/v1/token/refresh'), 1)
  assert.equal((await account.setProfile({ nickname: '小明' })).nickname, '小明')
  const error = await refusal(account.setProfile({ nickname: 'x'.repeat(100) }))
  assert.deepEqual([error.code, error.status, error.action], ['field_invalid', 400, 'none'])
  await menjin.kick(session_id)
  assert.equal((await refusal(account.request(me))).code, 'session_kicked')
  assert.deepEqual(account.ends.map((it) => it.reason), ['session_kicked'])
  assert.ok(front.at(LOGIN).every((it) => it.headers['menjin-app'] === 'demo'))
})

test("a developer tool without an AppID signs in at a menjin dev, as whom one likes", async (t) => {
  const { front, phone } = await phoned(t)
  phone.tool = true
  const account = phone.start({ person: 'dora' })
  const { user } = await account.login()
  assert.deepEqual(front.seen.map((it) => it.path), ['/.well-known/menjin', '/dev/wx/login', LOGIN])
  const again = await new Phone(menjin, 'dora').start().login()
  assert.equal(again.user.id, user.id)
})

test('and nowhere else', async (t) => {
  for (const about of [{ dev: false, simulated: [] }, { dev: true, simulated: ['other'] }, {}]) {
    const { front, phone } = await phoned(t)
    phone.tool = true
    front.answer('/.well-known/menjin', { status: 200, body: about })
    const error = await refusal(phone.start().login())
    assert.equal(error.code, 'mock_code')
    assert.deepEqual(front.seen.map((it) => it.path), ['/.well-known/menjin'])
  }
})
