// fetch with a token, and several tabs: one refresh among them, and one end.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Front, problem } from '../../miniprogram/test/front.mjs'
import { Menjin, until } from '../../node/test/harness.js'
import { browser, codeOf, frozenTab, later, pageOf, tab } from './browser.js'

const REFRESH = '/v1/token/refresh'
const LOGIN = '/v1/login/demo'
let menjin
let people = 0

before(async (t) => {
  menjin = await Menjin.start(t)
})

const refusal = (promise) =>
  promise.then(
    () => assert.fail('not refused'),
    (error) => error,
  )

async function opened(t, tabs, options = {}) {
  const page = browser(t)
  const front = await Front.start(t, menjin)
  const [first, ...others] = Array.from({ length: tabs }, () => () => tab(t, { baseUrl: front.url, storage: 'local', ...options }))
  const one = first()
  const signedIn = await one.login({ code: await codeOf(menjin, `web-${++people}`) })
  return { page, front, signedIn, all: [one, ...others.map((open) => open())], me: `${front.url}/v1/me` }
}

test('a hundred fetches in four tabs with an expired token make one refresh and a hundred good answers', async (t) => {
  const { page, front, all, me } = await opened(t, 4)
  later(t, 3_600_000)
  const asked = all.flatMap((one) => Array.from({ length: 25 }, () => one.fetch(me)))
  const statuses = (await Promise.all(asked)).map((it) => it.status)
  assert.deepEqual([statuses.length, new Set(statuses)], [100, new Set([200])])
  assert.equal(front.count(REFRESH), 1)
  assert.equal(page.locks.granted, 4)
})

test('the same where the server says so', async (t) => {
  const { front, all, me } = await opened(t, 3)
  const dead = `Bearer ${await all[0].accessToken()}`
  front.answer('/v1/me', (seen) => seen.headers.authorization === dead && problem(401, 'token_expired', 'refresh'), Infinity)
  const answers = await Promise.all(all.flatMap((one) => [one.fetch(me), one.fetch(me)]))
  assert.deepEqual(new Set(answers.map((it) => it.status)), new Set([200]))
  assert.equal(front.count(REFRESH), 1)
})

test('without locks, and where a frozen tab holds them for ever, nobody is signed out', async (t) => {
  for (const locks of [undefined, { request: () => Promise.reject(new DOMException('gave up', 'AbortError')) }]) {
    const { front, all, me, signedIn } = await opened(t, 3)
    navigator.locks = locks
    later(t, 3_600_000)
    const answers = await Promise.all(all.map((one) => one.fetch(me)))
    assert.deepEqual(new Set(answers.map((it) => it.status)), new Set([200]))
    later(t, 7_200_000)
    for (const one of all) assert.equal((await (await one.fetch(me)).json()).session.id, signedIn.session_id)
    const statuses = front.at(REFRESH).map((it) => it.status)
    assert.ok(statuses.length >= 2)
    assert.deepEqual(new Set(statuses), new Set([200]))
    assert.deepEqual(all.flatMap((one) => one.ends), [])
  }
})

test('a lost refresh answer signs nobody out, nor does a server in trouble', async (t) => {
  const { front, all, me } = await opened(t, 2)
  later(t, 3_600_000)
  front.lose(REFRESH)
  front.answer(REFRESH, problem(503, 'store_unavailable', 'retry', { 'retry-after': '0' }))
  const answers = await Promise.all(all.map((one) => one.fetch(me)))
  assert.deepEqual(answers.map((it) => it.status), [200, 200])
  const sent = front.at(REFRESH).map((it) => it.body.refresh_token)
  assert.deepEqual([sent.length, new Set(sent).size], [3, 1])
})

test('a duplicated tab, with the same session in a storage of its own, hears of new tokens', async (t) => {
  browser(t)
  const front = await Front.start(t, menjin)
  const one = tab(t, { baseUrl: front.url })
  await one.login({ code: await codeOf(menjin, `web-${++people}`) })
  const copied = new Map([['menjin.demo', sessionStorage.getItem('menjin.demo')]])
  const own = { getItem: (key) => copied.get(key) ?? null, setItem: (key, value) => copied.set(key, value), removeItem: (key) => copied.delete(key) }
  const two = tab(t, { baseUrl: front.url, storage: own })
  assert.equal(two.current().session_id, one.current().session_id)
  later(t, 3_600_000)
  const token = await one.accessToken()
  await until('the other tab has it too', async () => copied.get('menjin.demo').includes(token))
  assert.equal(await two.accessToken(), token)
  assert.equal(front.count(REFRESH), 1)
})

test('who signs out in one tab is signed out in all, and each tells it once', async (t) => {
  const { all, me, page } = await opened(t, 3)
  for (const one of all) await one.fetch(me)
  assert.equal(await all[0].logout(), true)
  await until('all have heard', async () => all.every((one) => one.ends.length === 1))
  for (const one of all) assert.equal((await refusal(one.fetch(me))).code, 'signed_out')
  assert.deepEqual(all.map((one) => one.ends), [['logout'], ['logout'], ['logout']])
  assert.equal(page.locals.getItem('menjin.demo').includes('mjr_'), false)
})

test('a tab whose storage lags behind the others believes what it is told', async (t) => {
  const { all, me, page } = await opened(t, 2)
  for (const one of all) await one.fetch(me)
  const old = page.locals.getItem('menjin.demo')
  page.locals.getItem = () => old
  await all[0].logout()
  await until('both have heard', async () => all.every((one) => one.ends.length === 1))
  assert.deepEqual(all.map((one) => one.current()), [null, null])
})

test('a tab whose storage lags behind the others refreshes no token that was traded', async (t) => {
  const { front, all, me, page } = await opened(t, 4)
  for (const one of all) await one.fetch(me)
  const old = page.locals.getItem('menjin.demo')
  page.locals.getItem = () => old
  later(t, 3_600_000)
  const answers = await Promise.all(all.map((one) => one.fetch(me)))
  assert.deepEqual(answers.map((it) => it.status), [200, 200, 200, 200])
  assert.equal(front.count(REFRESH), 1)
})

test('a tab that waited for one which then was closed refreshes for itself', async (t) => {
  const { front, all, me, page } = await opened(t, 2)
  let close
  page.locks.request('menjin.demo', {}, () => new Promise((go) => (close = go)))
  later(t, 3_600_000)
  const answers = all.map((one) => one.fetch(me))
  await until('the lock is held', async () => close)
  close()
  assert.deepEqual((await Promise.all(answers)).map((it) => it.status), [200, 200])
  assert.equal(front.count(REFRESH), 1)
})

test('what one person asked for is never asked again as another who has signed in meanwhile', async (t) => {
  const { front, all, me } = await opened(t, 2)
  const [one, two] = all
  const release = front.hold('/v1/me')
  const early = one.fetch(me)
  await until('it is on its way', async () => front.count('/v1/me') === 1)
  await two.logout()
  const other = await two.login({ code: await codeOf(menjin, `web-${++people}`) })
  await until('the first tab has heard', async () => one.current()?.user.id === other.user.id)
  front.clear()
  release()
  assert.deepEqual([(await early).status, front.count('/v1/me')], [401, 1])
  assert.equal((await (await one.fetch(me)).json()).user.id, other.user.id)
})

test('a kick is told once in each tab, and nobody is signed in by themselves', async (t) => {
  const { front, all, me, signedIn } = await opened(t, 2)
  await menjin.kick(signedIn.session_id)
  const errors = await Promise.all(all.flatMap((one) => [refusal(one.fetch(me)), refusal(one.fetch(me))]))
  assert.ok(errors.every((it) => /session_kicked|signed_out/.test(it.code)))
  await until('all have heard', async () => all.every((one) => one.ends.length === 1))
  assert.deepEqual(all.map((one) => one.ends), [['session_kicked'], ['session_kicked']])
  assert.equal(front.count('/v1/login/demo'), 1)
})

test('fetch is the browser’s own: bodies, headers, a Request, every status, a signal', async (t) => {
  const { front, all } = await opened(t, 1)
  const orders = `${front.url}/orders`
  front.answer('/orders', problem(401, 'token_expired', 'refresh'))
  front.answer('/orders', { status: 201, body: { made: 1 } })
  const made = await all[0].fetch(new Request(orders, { method: 'POST', body: '{"tea":1}', headers: { 'x-own': 'yes' } }))
  assert.deepEqual([made.status, await made.json()], [201, { made: 1 }])
  const [first, second] = front.at('/orders')
  assert.deepEqual([first.raw, first.headers['x-own']], [second.raw, second.headers['x-own']])
  for (const status of [400, 403, 404, 500, 503]) {
    front.answer('/orders', problem(status, 'whatever', 'none'))
    const answer = await all[0].fetch(orders, { method: 'PUT', body: 'x' })
    assert.deepEqual([answer.status, (await answer.json()).code], [status, 'whatever'])
  }
  const away = new AbortController()
  away.abort()
  assert.equal((await refusal(all[0].fetch(orders, { signal: away.signal }))).name, 'AbortError')
  assert.equal((await refusal(all[0].fetch('http://127.0.0.1:9/'))).code, 'network')
})

test('storage that fails, and memory, hold a session as long as the page lives', async (t) => {
  const page = browser(t)
  const front = await Front.start(t, menjin)
  page.locals.setItem = () => {
    throw new DOMException('full', 'QuotaExceededError')
  }
  for (const storage of ['local', 'memory']) {
    const one = tab(t, { baseUrl: front.url, storage })
    await one.login({ code: await codeOf(menjin, `web-${++people}`) })
    assert.equal((await one.fetch(`${front.url}/v1/me`)).status, 200)
    assert.equal(page.locals.getItem('menjin.demo'), null)
    one.close()
  }
})

test('a session that another server opened for the person is accepted', async (t) => {
  browser(t)
  const one = tab(t, { baseUrl: menjin.url, storage: 'memory' })
  const answer = await menjin.signIn(`web-${++people}`)
  assert.equal((await one.accept(answer)).user.id, answer.user.id)
  assert.equal((await one.fetch(`${menjin.url}/v1/me`)).status, 200)
})

/** Tabs of one person, and what became of their sign-ins. */
async function ofOnePerson(t) {
  const page = browser(t)
  const front = await Front.start(t, menjin)
  const person = `web-${++people}`
  return {
    page,
    me: `${front.url}/v1/me`,
    open: (sessions, options) => pageOf(t, page, { baseUrl: front.url, ...options }, sessions),
    /** Gives the id of the device. */
    async enter(one) {
      await one.login({ code: await codeOf(menjin, person) })
      return front.at(LOGIN).at(-1).body.device.id
    },
    /** A tab goes, and the browser has noticed. */
    async shut(one, number) {
      one.close()
      one.shut()
      await until('its number is free', async () => !page.locks.isHeld(`menjin.device.${number}`))
    },
    async count(one) {
      const { sessions } = await (await one.fetch(`${front.url}/v1/me/sessions`)).json()
      return sessions.length
    },
  }
}

test('by default each open tab is a device of its own: a sign-in in one ends none in another', async (t) => {
  const { open, enter, me } = await ofOnePerson(t)
  const tabs = [open(), open(), open()]
  const ids = []
  for (const one of [...tabs, ...tabs]) ids.push(await enter(one))
  assert.deepEqual([new Set(ids).size, ids.slice(3)], [3, ids.slice(0, 3)])
  for (const one of tabs) assert.equal((await one.fetch(me)).status, 200)
  assert.deepEqual(tabs.map((one) => one.ends), [[], [], []])
})

test('a tab that was closed leaves its device to the next: no sign-in leaves a session behind', async (t) => {
  for (const storage of ['session', 'memory']) {
    const { open, enter, shut, count, me } = await ofOnePerson(t)
    const stays = open(undefined, { storage })
    await enter(stays)
    const ids = new Set()
    for (let times = 0; times < 3; times++) {
      const one = open(undefined, { storage })
      ids.add(await enter(one))
      assert.equal(await count(one), 2)
      await shut(one, 1)
    }
    assert.equal(ids.size, 1)
    assert.equal((await stays.fetch(me)).status, 200)
  }
})

test('a tab that is reloaded keeps its device, and one that is duplicated takes another', async (t) => {
  const { open, enter, shut, me } = await ofOnePerson(t)
  const [one, two] = [open(), open()]
  const [first, second] = [await enter(one), await enter(two)]
  const twin = open(two.sessions.copy())
  const third = await enter(twin)
  assert.equal(new Set([first, second, third]).size, 3)
  await shut(one, 0)
  await shut(two, 1)
  const reloaded = open(two.sessions)
  assert.equal(await enter(reloaded), second)
  await shut(twin, 2)
  assert.equal(await enter(open(twin.sessions)), third)
  assert.equal((await reloaded.fetch(me)).status, 200)
})

test('a page that is left holds nothing, and is a device of its own when the browser brings it back', async (t) => {
  const { page, open, enter } = await ofOnePerson(t)
  const one = open()
  const first = await enter(one)
  one.happens('pagehide')
  await until('its number is free', async () => !page.locks.isHeld('menjin.device.0'))
  one.happens('pageshow', { persisted: true })
  assert.equal(await enter(one), first)
  one.happens('pagehide')
  await until('its number is free', async () => !page.locks.isHeld('menjin.device.0'))
  const other = open()
  one.happens('pageshow', { persisted: true })
  assert.equal(await enter(other), first)
  assert.notEqual(await enter(one), first)
})

test('without locks, or with storage that fails, the device is kept beside the tokens', async (t) => {
  const refuse = { request: () => Promise.reject(new DOMException('opaque', 'SecurityError')) }
  for (const locks of [undefined, refuse, 'full']) {
    const { page, open, enter } = await ofOnePerson(t)
    if (locks !== 'full') page.locks = locks
    else page.locals.setItem = () => assert.fail('full')
    const one = open()
    const id = await enter(one)
    assert.equal(JSON.parse(one.sessions.getItem('menjin.device')), id)
    assert.equal(await enter(open(one.sessions)), id)
    assert.notEqual(await enter(open()), id)
  }
})

test('tabs that share a session are one device', async (t) => {
  const { open, enter, count } = await ofOnePerson(t)
  const tabs = [open(undefined, { storage: 'local' }), open(undefined, { storage: 'local' })]
  const ids = [await enter(tabs[0]), await enter(tabs[1])]
  assert.deepEqual([ids[0] === ids[1], await count(tabs[1])], [true, 1])
})

test('memory, and storage that fails, keep the id of the device as long as the page lives', async (t) => {
  browser(t)
  const front = await Front.start(t, menjin)
  const fails = () => {
    throw new DOMException('full', 'QuotaExceededError')
  }
  for (const storage of ['memory', { getItem: () => null, setItem: fails, removeItem: fails }]) {
    const one = tab(t, { baseUrl: front.url, storage })
    for (let times = 0; times < 2; times++) await one.login({ code: await codeOf(menjin, `web-${++people}`) })
    const [first, second] = front.at(LOGIN).slice(-2).map((it) => it.body.device.id)
    assert.equal(first, second)
  }
})

test('three taps with one code are one sign-in, and another one waits for its turn', async (t) => {
  browser(t)
  const front = await Front.start(t, menjin)
  const one = tab(t, { baseUrl: front.url })
  const code = await codeOf(menjin, `web-${++people}`)
  const other = await codeOf(menjin, `web-${++people}`)
  const [first, second, third, last] = await Promise.all([one.login({ code }), one.login({ code }), one.login({ code }), one.login({ code: other })])
  assert.deepEqual([second, third], [first, first])
  assert.notEqual(last.user.id, first.user.id)
  assert.equal(one.current().session_id, last.session_id)
  assert.deepEqual(front.at(LOGIN).map((it) => it.body.code), [code, other])
})

test('of those that wait for a sign-in that fails, one at a time goes on', async (t) => {
  browser(t)
  const front = await Front.start(t, menjin)
  const one = tab(t, { baseUrl: front.url })
  front.answer(LOGIN, problem(401, 'code_invalid', 'relogin'))
  const code = await codeOf(menjin, `web-${++people}`)
  const [bad, first, second] = await Promise.all([refusal(one.login({ code: 'bad' })), one.login({ code }), one.login({ code })])
  assert.equal(bad.code, 'code_invalid')
  assert.deepEqual(second, first)
  assert.equal(front.count(LOGIN), 2)
})

test('a sign-in whose answer is lost is the same session, by the same request and key', async (t) => {
  browser(t)
  const front = await Front.start(t, menjin)
  const one = tab(t, { baseUrl: front.url })
  front.lose(LOGIN)
  const signedIn = await one.login({ code: await codeOf(menjin, `web-${++people}`) })
  const [first, second] = front.at(LOGIN)
  assert.deepEqual([front.count(LOGIN), first.raw, first.status], [2, second.raw, 200])
  assert.equal(first.headers['idempotency-key'], second.headers['idempotency-key'])
  assert.equal(signedIn.is_new_user, true)
  const { sessions } = await (await one.fetch(`${front.url}/v1/me/sessions`)).json()
  assert.deepEqual(sessions.map((it) => it.id), [signedIn.session_id])
})

test('a sign-in that has kept an account which was to be deleted says so, once', async (t) => {
  browser(t)
  const front = await Front.start(t, menjin)
  const one = tab(t, { baseUrl: front.url, storage: 'memory' })
  const person = `web-${++people}`
  await one.login({ code: await codeOf(menjin, person) })
  assert.equal((await one.fetch(`${front.url}/v1/me`, { method: 'DELETE' })).status, 202)
  assert.equal((await refusal(one.fetch(`${front.url}/v1/me`))).code, 'user_deleting')
  assert.equal((await one.login({ code: await codeOf(menjin, person) })).deletion_cancelled, true)
  assert.equal('deletion_cancelled' in one.current(), false)
})

test('the end of the former session, seen by another tab, hides no sign-in that was under way', async (t) => {
  const { front, all, me, signedIn } = await opened(t, 2)
  const [one, two] = all
  for (const each of all) await each.fetch(me)
  const answer = front.holdAnswers(LOGIN)
  const login = one.login({ code: await codeOf(menjin, `web-${people}`) })
  await until('menjin has signed in', async () => front.at(LOGIN)[1]?.status === 200)
  const line = new BroadcastChannel('menjin.demo')
  t.after(() => line.close())
  const over = new Promise((resolve) => (line.onmessage = ({ data }) => resolve(data)))
  assert.equal((await refusal(two.fetch(me))).code, 'session_replaced')
  assert.equal((await over).ended, 'session_replaced')
  answer()
  const { session_id } = await login
  assert.notEqual(session_id, signedIn.session_id)
  await until('the other tab has it', async () => two.current()?.session_id === session_id)
  assert.equal(one.current().session_id, session_id)
  for (const each of all) assert.equal((await each.fetch(me)).status, 200)
  assert.deepEqual(all.map((each) => each.ends), [[], ['session_replaced']])
})

/** A line to the tabs, and what says that they have heard all that went before. */
function teller(t, page, client) {
  const channel = new BroadcastChannel('menjin.demo')
  t.after(() => channel.close())
  let names = 0
  return {
    tell: (record) => channel.postMessage(record),
    async heard(storage = page.locals) {
      const kept = JSON.parse(storage.getItem('menjin.demo'))
      const nickname = `heard ${++names}`
      channel.postMessage({ ...kept, at: kept.at + names, user: { ...kept.user, nickname } })
      await until('they have heard', async () => client.current()?.user.nickname === nickname)
    },
  }
}

test('the end of another session is no end of this one', async (t) => {
  const { page, all, signedIn } = await opened(t, 1)
  const [one] = all
  const { tell, heard } = teller(t, page, one)
  tell({ ended: 'session_replaced', at: Date.now() + 1000, session_id: 'ses_of_before' })
  await heard()
  assert.deepEqual([one.ends, one.current().session_id], [[], signedIn.session_id])
  tell({ ended: 'session_kicked', at: Date.now() + 2000, session_id: signedIn.session_id })
  await until('it has heard', async () => one.ends.length === 1)
  assert.deepEqual([one.ends, one.current()], [['session_kicked'], null])
})

test('a tab that takes another’s sign-in for the end of its session is signed in as soon as it hears', async (t) => {
  const { page, front, all, me, signedIn } = await opened(t, 1)
  const [one] = all
  const silent = frozenTab(t, { baseUrl: front.url, storage: 'local' })
  const { getItem } = page.locals
  const old = getItem('menjin.demo')
  // What another tab has written is not through yet.
  page.locals.getItem = (key) => (key === 'menjin.demo' ? old : getItem(key))
  const { session_id } = await silent.login({ code: await codeOf(menjin, `web-${people}`) })
  const news = getItem('menjin.demo')
  assert.notEqual(session_id, signedIn.session_id)
  later(t, 50)
  assert.equal((await refusal(one.fetch(me))).code, 'session_replaced')
  page.locals.getItem = getItem
  assert.equal(one.current(), null)
  teller(t, page, one).tell(JSON.parse(news))
  await until('it has heard', async () => one.current()?.session_id === session_id)
  assert.equal((await one.fetch(me)).status, 200)
})

test('an end that is written over the record of a later session is no end for tabs to come', async (t) => {
  const { page, front, all, signedIn } = await opened(t, 1)
  const over = { ended: 'session_replaced', at: Date.now() + 1000, session_id: 'ses_of_before' }
  page.locals.setItem('menjin.demo', JSON.stringify(over))
  teller(t, page, all[0]).tell(over)
  await until('it is written over', async () => !page.locals.getItem('menjin.demo').includes('ended'))
  const next = tab(t, { baseUrl: front.url, storage: 'local' })
  assert.deepEqual([next.current().session_id, all[0].ends], [signedIn.session_id, []])
})

test('tokens of a session that has ended here are not believed, however late they are got', async (t) => {
  const { page, all } = await opened(t, 1)
  const [one] = all
  const kept = JSON.parse(page.locals.getItem('menjin.demo'))
  await one.logout()
  const { tell } = teller(t, page, one)
  tell({ ...kept, at: Date.now() + 9000 })
  tell({ ...kept, at: Date.now() + 5000, session_id: 'ses_of_later' })
  await until('it has heard', async () => one.current()?.session_id === 'ses_of_later')
})

test('news that come too late are not written down either', async (t) => {
  const page = browser(t)
  const front = await Front.start(t, menjin)
  const one = tab(t, { baseUrl: front.url })
  await one.login({ code: await codeOf(menjin, `web-${++people}`) })
  const old = JSON.parse(sessionStorage.getItem('menjin.demo'))
  later(t, 3_600_000)
  const token = await one.accessToken()
  const { tell, heard } = teller(t, page, one)
  // Written down all the same, it would be what a reload finds.
  const written = []
  const keep = sessionStorage.setItem
  sessionStorage.setItem = (key, value) => (written.push(value), keep(key, value))
  tell(old)
  await heard(sessionStorage)
  assert.equal(written.some((it) => it.includes(old.refresh_token)), false)
  assert.equal(await one.accessToken(), token)
})

test('what one person has changed is not said of another who has signed in meanwhile', async (t) => {
  const { front, all } = await opened(t, 2)
  const [one, two] = all
  const answer = front.holdAnswers('/v1/me')
  const changing = one.setProfile({ nickname: '小明' })
  await until('menjin has changed it', async () => front.at('/v1/me')[0]?.status === 200)
  await two.logout()
  const other = await two.login({ code: await codeOf(menjin, `web-${++people}`) })
  await until('the first tab has heard', async () => one.current()?.user.id === other.user.id)
  front.clear()
  answer()
  assert.equal((await changing).nickname, '小明')
  assert.deepEqual([one.current().user, two.current().user], [other.user, other.user])
})

for (const lose of [false, true]) {
  test(`a tab that thaws with ${lose ? 'a lost' : 'an old'} answer takes what the others have, and ends nobody's session`, async (t) => {
    const { page, front, all, me, signedIn } = await opened(t, 1)
    const frozen = frozenTab(t, { baseUrl: front.url, storage: 'local' })
    later(t, 3_600_000)
    const thaw = front.holdAnswers(REFRESH, { lose })
    const asked = frozen.fetch(me)
    await until('its refresh has reached menjin', async () => front.at(REFRESH)[0]?.status === 200)
    front.clear()
    // The lock is not waited for any longer.
    navigator.locks = { request: () => Promise.reject(new DOMException('gave up', 'AbortError')) }
    for (let times = 2; times < 5; times++) {
      assert.equal((await all[0].fetch(me)).status, 200)
      later(t, times * 3_600_000)
    }
    assert.equal((await all[0].fetch(me)).status, 200)
    const newest = page.locals.getItem('menjin.demo')
    const sent = front.count(REFRESH)
    thaw()
    assert.equal((await asked).status, 200)
    assert.deepEqual([front.count(REFRESH), page.locals.getItem('menjin.demo')], [sent, newest])
    later(t, 10 * 3_600_000)
    for (const one of [...all, frozen]) assert.equal((await (await one.fetch(me)).json()).session.id, signedIn.session_id)
    assert.deepEqual([all[0].ends, frozen.ends], [[], []])
  })
}

test('a tab that was closed still signs in, refreshes and signs out', async (t) => {
  const { front, all, me } = await opened(t, 1)
  const [one] = all
  one.close()
  later(t, 3_600_000)
  assert.equal((await one.fetch(me)).status, 200)
  await one.login({ code: await codeOf(menjin, `web-${++people}`) })
  assert.equal(await one.logout(), true)
  assert.deepEqual([one.ends, front.at('/v1/logout').map((it) => it.status)], [['logout'], [204]])
})

test('a back end that calls a good token invalid signs nobody out', async (t) => {
  const { front, all, me } = await opened(t, 1)
  const [one] = all
  front.answer('/orders', problem(401, 'token_invalid', 'relogin'), Infinity)
  later(t, 60_000)
  for (let times = 0; times < 3; times++) assert.equal((await one.fetch(`${front.url}/orders`)).status, 401)
  assert.deepEqual([front.count(REFRESH), one.ends], [1, []])
  assert.equal((await one.fetch(me)).status, 200)
})
