// request(): one refresh for all, one repetition, whatever the network does.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Menjin } from '../../node/test/harness.js'
import { Front, problem } from './front.mjs'
import { Phone, refusal } from './phone.mjs'

const HOUR = 3_600_000
const me = { url: '/v1/me' }
let menjin

before(async (t) => {
  menjin = await Menjin.start(t)
})

async function signedIn(t, options) {
  const front = await Front.start(t, menjin)
  const phone = new Phone(front)
  const account = phone.start(options)
  await account.login()
  return { front, phone, account }
}

const tokenOf = (seen) => seen.headers.authorization
/** Every request with this token is told that it has expired. */
function expire(front, path, token) {
  front.answer(path, (seen) => tokenOf(seen) === token && problem(401, 'token_expired', 'refresh'), Infinity)
}

test('a hundred requests with a token that the server calls expired make one refresh and a hundred good answers', async (t) => {
  const { front, account } = await signedIn(t)
  await account.request(me)
  expire(front, '/v1/me', tokenOf(front.at('/v1/me')[0]))
  const answers = await Promise.all(Array.from({ length: 100 }, () => account.request(me)))
  assert.deepEqual(new Set(answers.map((it) => it.statusCode)), new Set([200]))
  assert.equal(front.count('/v1/token/refresh'), 1)
  assert.equal(front.count('/v1/login/demo'), 1)
})

test('a hundred requests with a token that the phone knows to be expired make one refresh, ahead of them', async (t) => {
  const { front, phone, account } = await signedIn(t)
  phone.ahead += HOUR
  const answers = await Promise.all(Array.from({ length: 100 }, () => account.request(me)))
  assert.deepEqual(new Set(answers.map((it) => it.statusCode)), new Set([200]))
  assert.equal(front.count('/v1/token/refresh'), 1)
  assert.equal(front.count('/v1/me'), 100)
})

test('a cold start with an expired token refreshes before anything else', async (t) => {
  const { front, phone } = await signedIn(t)
  phone.ahead += HOUR
  const account = phone.start()
  assert.equal((await account.request(me)).statusCode, 200)
  assert.deepEqual(front.seen.map((it) => it.path).slice(1), ['/v1/token/refresh', '/v1/me'])
})

test('requests that come while a refresh is under way wait for it', async (t) => {
  const { front, phone, account } = await signedIn(t)
  phone.ahead += HOUR
  const release = front.hold('/v1/token/refresh')
  const early = account.request(me)
  const late = account.request(me)
  release()
  assert.deepEqual([(await early).statusCode, (await late).statusCode], [200, 200])
  const tokens = front.at('/v1/me').map(tokenOf)
  assert.equal(new Set(tokens).size, 1)
  assert.equal(front.count('/v1/token/refresh'), 1)
})

test('a refresh whose answer is lost is asked for again with the same token, and signs nobody out', async (t) => {
  const { front, phone, account } = await signedIn(t)
  phone.ahead += HOUR
  front.lose('/v1/token/refresh', 2)
  assert.equal((await account.request(me)).statusCode, 200)
  const sent = front.at('/v1/token/refresh').map((it) => it.body.refresh_token)
  assert.deepEqual([sent.length, new Set(sent).size], [3, 1])
  assert.equal(front.count('/v1/login/demo'), 1)
  phone.ahead += HOUR
  assert.equal((await account.request(me)).statusCode, 200)
  assert.deepEqual(account.ends, [])
})

test('a refresh whose every answer is lost keeps the tokens for later, also over a cold start', async (t) => {
  const { front, phone, account } = await signedIn(t)
  phone.ahead += HOUR
  front.lose('/v1/token/refresh', 3)
  const error = await refusal(account.request(me))
  assert.deepEqual([error.name, error.code, error.action], ['MenjinError', 'network', 'retry'])
  const again = phone.start()
  assert.equal((await again.request(me)).statusCode, 200)
  assert.equal(front.count('/v1/login/demo'), 1)
})

test('offline nothing is forgotten, and login() is who one was', async (t) => {
  const { front, phone, account } = await signedIn(t)
  const { user } = account.current()
  phone.ahead += HOUR
  phone.network = 'down'
  const error = await refusal(account.request(me))
  assert.deepEqual([error.code, error.status, error.message], ['network', 0, '网络不可用，请重试'])
  assert.deepEqual((await phone.start().login()).user, user)
  phone.network = 'up'
  assert.equal((await account.request(me)).data.user.id, user.id)
  assert.equal(front.count('/v1/login/demo'), 1)
  assert.deepEqual(account.ends, [])
})

test('a server that is in trouble signs nobody out, and a token that still lives is used', async (t) => {
  const { front, phone, account } = await signedIn(t)
  front.answer('/v1/token/refresh', problem(503, 'store_unavailable', 'retry', { 'retry-after': '60' }), Infinity)
  phone.ahead += 15 * 60_000 - 20_000
  assert.equal((await account.request(me)).statusCode, 200)
  phone.ahead += HOUR
  const error = await refusal(account.request(me))
  assert.deepEqual([error.code, error.status, error.retryAfter], ['store_unavailable', 503, 60])
  front.clear()
  assert.equal((await account.request(me)).statusCode, 200)
  assert.equal(front.count('/v1/login/demo'), 1)
})

test('a clock that is years off, and one that is set while the program runs, change nothing', async (t) => {
  const front = await Front.start(t, menjin)
  const phone = new Phone(front)
  phone.ahead = -5 * 365 * 24 * HOUR
  const account = phone.start()
  await account.login()
  assert.equal((await account.request(me)).statusCode, 200)
  assert.equal(front.count('/v1/token/refresh'), 0)
  phone.ahead = 0
  assert.equal((await account.request(me)).statusCode, 200)
  phone.ahead = -10 * 365 * 24 * HOUR
  assert.equal((await account.request(me)).statusCode, 200)
  assert.equal((await account.request(me)).statusCode, 200)
  assert.equal(front.count('/v1/token/refresh'), 2)
  assert.equal(front.count('/v1/login/demo'), 1)
})

test('a request is repeated once, and then the answer is what it is', async (t) => {
  const { front, account } = await signedIn(t)
  front.answer('/orders', problem(401, 'token_expired', 'refresh'), Infinity)
  const answer = await account.request({ url: `${front.url}/orders` })
  assert.deepEqual([answer.statusCode, answer.data.code], [401, 'token_expired'])
  assert.deepEqual([front.count('/orders'), front.count('/v1/token/refresh')], [2, 1])
})

test("a bare 401 of somebody else's back end is taken for an expired token", async (t) => {
  const { front, account } = await signedIn(t)
  front.answer('/orders', { status: 401, body: 'Unauthorized' })
  front.answer('/orders', { status: 200, body: ['tea'] })
  const answer = await account.request({ url: `${front.url}/orders` })
  assert.deepEqual([answer.statusCode, answer.data], [200, ['tea']])
  assert.equal(front.count('/v1/token/refresh'), 1)
})

test('the code of a challenge counts where the body says nothing', async (t) => {
  const { front, account } = await signedIn(t)
  const challenge = 'Bearer error="invalid_token", error_description="session_expired"'
  front.answer('/orders', { status: 401, body: '', headers: { 'www-authenticate': challenge } })
  front.answer('/orders', { status: 200, body: 'fine' })
  assert.equal((await account.request({ url: `${front.url}/orders` })).statusCode, 200)
  assert.deepEqual([front.count('/v1/token/refresh'), front.count('/v1/login/demo')], [0, 2])
})

test('every other status is an answer, with what was sent and nothing of ours changed', async (t) => {
  const { front, account } = await signedIn(t)
  for (const status of [200, 201, 400, 404, 409, 429, 500, 503]) {
    front.answer('/orders', { status, body: { status } })
    const data = { tea: 2 }
    const answer = await account.request({ url: `${front.url}/orders`, method: 'PUT', data, header: { 'X-Own': 'yes' } })
    assert.deepEqual([answer.statusCode, answer.data], [status, { status }])
  }
  const seen = front.at('/orders')
  assert.equal(seen.length, 8)
  assert.deepEqual([seen[0].method, seen[0].body, seen[0].headers['x-own']], ['PUT', { tea: 2 }, 'yes'])
  assert.equal(front.count('/v1/token/refresh'), 0)
})

test('two parts of a program that each have the SDK share what one of them refreshed', async (t) => {
  const { front, phone, account } = await signedIn(t)
  const other = phone.start()
  await other.request(me)
  for (const one of [account, other, account, other]) {
    phone.ahead += HOUR
    assert.equal((await one.request(me)).statusCode, 200)
  }
  assert.equal(front.count('/v1/token/refresh'), 4)
  phone.ahead += HOUR
  await account.request(me)
  assert.equal((await other.request(me)).statusCode, 200)
  assert.equal(front.count('/v1/token/refresh'), 5)
  assert.equal(front.count('/v1/login/demo'), 1)
})

for (const fails of ['write', 'read', 'all']) {
  test(`storage that fails (${fails}) is made up for by memory`, async (t) => {
    const front = await Front.start(t, menjin)
    const phone = new Phone(front)
    phone.storageFails = fails
    const account = phone.start()
    await account.login()
    phone.ahead += HOUR
    assert.equal((await account.request(me)).statusCode, 200)
    phone.ahead += HOUR
    assert.equal((await account.request(me)).statusCode, 200)
    assert.deepEqual([front.count('/v1/login/demo'), front.count('/v1/token/refresh')], [1, 2])
    assert.equal((await phone.start().request(me)).statusCode, 200)
  })
}

test('storage that begins to fail never brings back a token that was traded', async (t) => {
  const { front, phone, account } = await signedIn(t)
  phone.storageFails = 'write'
  for (let times = 0; times < 3; times++) {
    phone.ahead += HOUR
    await account.request(me)
  }
  phone.storageFails = ''
  const again = phone.start()
  assert.equal((await again.request(me)).statusCode, 200)
  assert.deepEqual(again.ends, [])
  assert.equal(front.at('/v1/token/refresh').filter((it) => it.status !== 200).length, 0)
})

test('uploads are healed like requests', async (t) => {
  const { front, account } = await signedIn(t)
  front.answer('/pictures', problem(401, 'token_expired', 'refresh'))
  front.answer('/pictures', { status: 201, body: { stored: true } })
  const answer = await account.uploadFile({ url: `${front.url}/pictures`, filePath: 'tmp_1.png', name: 'picture' })
  assert.deepEqual([answer.statusCode, JSON.parse(answer.data)], [201, { stored: true }])
  const [first, second] = front.at('/pictures')
  assert.notEqual(tokenOf(first), tokenOf(second))
  assert.match(second.raw.toString(), /name="picture"/)
})
