// The feed of ends: who is refused by it, and what happens when it breaks.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { events } from '../src/event_stream.js'
import { Calls } from '../src/calls.js'
import { Ended, madeAt } from '../src/ended.js'
import { Feed } from '../src/feed.js'
import { quiet, refusal, until } from './harness.js'
import { Mint, SESSION, USER } from './mint.js'
import { PaperFeed } from './paper_feed.js'

async function surroundings(t, more) {
  const mint = await Mint.open()
  const feed = await PaperFeed.start(t, mint)
  return { mint, feed, guard: feed.verifier(t, more), token: await mint.token() }
}

function end(mint, more) {
  const at = new Date(mint.at).toISOString()
  return {
    kind: 'session_ended',
    session: SESSION,
    reason: 'session_kicked',
    at,
    until: new Date(mint.at + 900_000).toISOString(),
    ...more,
  }
}

test('nobody gets in before the feed was read, and the first request waits for it', async (t) => {
  const { feed, guard, token } = await surroundings(t)
  assert.equal((await guard.verify(token)).user, USER)
  assert.deepEqual(feed.asked, [{ since: null, authorization: `Basic ${btoa('shop-api:s')}` }])
})

test('an ended session is refused with its reason, and others are not', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  await guard.verify(token)
  const other = await mint.token({ sid: SESSION.replace(/.$/, 'b') })
  feed.tell([end(mint)])
  await until('the end is heard', async () => (await refusal(guard.verify(token))) === 'session_kicked')
  assert.equal((await guard.verify(other)).user, USER)
  feed.tell([end(mint, { session: SESSION.replace(/.$/, 'b'), reason: 'a reason of next year' })])
  await until('the end is heard', async () => (await refusal(guard.verify(other))) === 'session_ended')
})

test('a disabled person is refused on every session that was opened before, and let in with a token of afterwards', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  await guard.verify(token)
  const cut = Math.max(madeAt(SESSION), mint.at) + 5_000
  feed.tell([
    end(mint, {
      kind: 'user_not_before',
      session: undefined,
      user: USER,
      reason: 'user_disabled',
      at: new Date(cut).toISOString(),
    }),
  ])
  await until('the cut is heard', async () => (await refusal(guard.verify(token))) === 'user_disabled')
  const later = await mint.token({ iat: Math.floor(cut / 1000) + 1 })
  assert.equal((await guard.verify(later)).user, USER)
})

test('an app that was cut off is refused', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  await guard.verify(token)
  const at = new Date(Math.max(madeAt(SESSION), mint.at) + 1_000).toISOString()
  feed.tell([end(mint, { kind: 'app_not_before', app: 'shop', at })])
  await until('the cut is heard', async () => (await refusal(guard.verify(token))) === 'session_kicked')
})

test('a change of roles asks for a refresh, which helps, and others are let alone', async (t) => {
  const { mint, feed, guard } = await surroundings(t)
  const holding = (roles, rv) => mint.token({ roles, rv })
  const [clerk, boss, unsaid] = [await holding(['clerk'], 1), await holding(['boss'], 1), await mint.token()]
  await guard.verify(clerk)
  const change = (more) => end(mint, { session: undefined, reason: 'token_expired', ...more })
  feed.tell([change({ kind: 'role_changed', name: 'clerk', version: 2 })])
  await until('the change is heard', async () => (await refusal(guard.verify(clerk))) === 'token_expired')
  assert.equal((await guard.verify(boss)).user, USER)
  assert.deepEqual((await guard.verify(await holding(['clerk'], 2))).roles, ['clerk'])
  feed.tell([change({ kind: 'roles_of_user', user: USER, version: 3 })])
  await until('the change is heard', async () => (await refusal(guard.verify(boss))) === 'token_expired')
  assert.equal(await refusal(guard.verify(unsaid)), 'token_expired')
  assert.deepEqual((await guard.verify(await holding([], 3))).roles, [])
  const bob = await mint.token({ sub: USER.replace(/.$/, 'b') })
  assert.equal(await refusal(guard.verify(bob)), 'let in')
})

test('what is known here is told without asking for roles', async (t) => {
  const { mint, feed, guard } = await surroundings(t)
  const token = await mint.token({ roles: ['boss'], rv: 9, more_roles: true })
  assert.equal(await refusal(guard.verify(token)), 'menjin_unavailable', 'this menjin does not tell more')
  const change = { kind: 'role_changed', name: 'boss', version: 10, session: undefined, reason: 'token_expired' }
  feed.tell([end(mint, change)])
  await until('the change is heard', async () => (await refusal(guard.verify(token))) === 'token_expired')
  feed.tell([end(mint)])
  await until('the end is heard', async () => (await refusal(guard.verify(token))) === 'session_kicked')
})

test('what changed late, twice or unreadably is never taken for less', () => {
  const ended = new Ended(30_000)
  const change = (version, until = '2026-11-22T12:00:00.000Z') =>
    ended.apply({ kind: 'roles_of_user', user: USER, version, at: until, until })
  const outdated = (rv) => ended.outdates({ sub: USER, roles: ['a'], rv })
  assert.equal(outdated(undefined), false)
  assert.equal(change(7), false, 'the keys are the same')
  change(5)
  assert.deepEqual([undefined, 6, 7, 8, '9', 1e99].map(outdated), [true, true, false, false, true, true])
  ended.markRead(Date.parse('2026-11-22T13:00:00.000Z'))
  assert.equal(outdated(undefined), false, 'all tokens from before are dead')
  change('eight')
  assert.equal(outdated(9), true)
})

test('a revoked key verifies nothing, and its successor is there at once, whoever has asked for unknown keys before', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  await guard.verify(token)
  mint.at += 6_000
  assert.equal(await refusal(guard.verify(await mint.token({}, { kid: 'flood' }))), 'token_invalid')
  await mint.rotate('second')
  const fresh = await mint.token()
  assert.equal(await refusal(guard.verify(fresh)), 'token_invalid')
  const { at, until: last } = end(mint)
  feed.tell([
    { kind: 'key_revoked', kid: 'first', at, until: last },
    { kind: 'keys_changed', at, until: last },
  ])
  await until('the key is there', async () => (await refusal(guard.verify(fresh))) === 'let in')
  assert.equal(await refusal(guard.verify(token)), 'token_invalid')
})

test('a key that was revoked before is refused to the very first request', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  const { at, until: last } = end(mint)
  feed.first = [{ kind: 'key_revoked', kid: 'first', at, until: last }]
  assert.equal(await refusal(guard.verify(token)), 'token_invalid')
})

test('a clock that is set back makes nothing fresh', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  await guard.verify(token)
  mint.at -= 60_000
  assert.equal(await refusal(guard.verify(token)), 'revocations_stale')
  feed.tell([])
  await until('it is read again', async () => (await refusal(guard.verify(token))) === 'let in')
})

test('kinds that nobody knows, and events that come twice, change nothing', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  await guard.verify(token)
  const other = end(mint, { session: SESSION.replace(/.$/, 'c') })
  feed.tell([{ kind: 'moon_full', at: 'never' }, other, other])
  feed.tell([end(mint, { kind: 'roles_changed', session: undefined, user: USER })])
  const gone = await mint.token({ sid: other.session })
  await until('the end is heard', async () => (await refusal(guard.verify(gone))) === 'session_kicked')
  assert.equal((await guard.verify(token)).user, USER)
})

test('a broken stream is taken up where it was', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  await guard.verify(token)
  feed.cut()
  await feed.heard(2)
  assert.equal(feed.asked[1].since, 'p1')
  feed.tell([end(mint)])
  await until('the end is heard', async () => (await refusal(guard.verify(token))) === 'session_kicked')
})

test('without a feed tokens go on for revocation_max_lag, then it is a 503 until the feed is back; ends stay known', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  feed.first = [end(mint, { session: SESSION.replace(/.$/, 'b') })]
  await guard.verify(token)
  const ended = await mint.token({ sid: SESSION.replace(/.$/, 'b') })
  feed.status = 500
  feed.cut()
  await until('it has noticed', () => feed.asked.length > 1)
  mint.at += 30_000
  assert.equal((await guard.verify(token)).user, USER)
  mint.at += 1
  const error = await guard.verify(token).catch((error) => error)
  assert.deepEqual([error.code, error.status, error.action], ['revocations_stale', 503, 'retry'])
  assert.equal(await refusal(guard.verify(ended)), 'session_kicked')
  feed.status = 200
  await until('it serves again', async () => (await refusal(guard.verify(token))) === 'let in')
})

test('a stream that says nothing new is not fresh, be it ever so lively', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  await guard.verify(token)
  mint.at += 30_001
  feed.tell([end(mint, { session: SESSION.replace(/.$/, 'b') })], { sameReading: true })
  const ended = await mint.token({ sid: SESSION.replace(/.$/, 'b') })
  await until('it is heard', async () => (await refusal(guard.verify(ended))) === 'session_kicked')
  assert.equal(await refusal(guard.verify(token)), 'revocations_stale')
  feed.tell([], { more: true })
  feed.tell([])
  await until('it serves again', async () => (await refusal(guard.verify(token))) === 'let in')
})

test('where no stream gets through, the feed is read without', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  feed.status = 'full'
  assert.equal((await guard.verify(token)).user, USER)
  assert.equal(feed.plainly, 1)
  feed.first = [end(mint)]
  await until('the end is read', async () => (await refusal(guard.verify(token))) === 'session_kicked')
  await until('it is read again and again', () => feed.plainly > 3)
  assert.equal(feed.asked.length, 1, 'and a stream is not tried each time')
})

test('a stream that falls silent is left for asking', async (t) => {
  const { mint, feed } = await surroundings(t)
  feed.status = 'still'
  const settings = { url: feed.url, app: { id: 'x', secret: 'y' }, fetch: globalThis.fetch, log: quiet() }
  const [calls, ended] = [new Calls(settings), new Ended(30_000)]
  const fallen = new Feed({ calls, ended, keys: null, now: mint.now, log: quiet(), silence: 2_000 })
  t.after(() => fallen.close())
  assert.equal(await fallen.firstRead(10_000), true)
  // Node's `fetch` forgets its signal when the response is collected.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  for (let round = 0; round < 10; round += 1) {
    await wait(50)
    collect()
  }
  await until('it is asked again and again', () => feed.plainly > 2)
  assert.equal(feed.asked.length, 1)
})

test('a stream that says nothing at all is given up', async (t) => {
  const { mint, feed } = await surroundings(t)
  feed.status = 'mute'
  const settings = { url: feed.url, app: { id: 'x', secret: 'y' }, fetch: globalThis.fetch, log: quiet() }
  const [calls, ended] = [new Calls(settings), new Ended(30_000)]
  const silent = new Feed({ calls, ended, keys: null, now: mint.now, log: quiet(), silence: 20 })
  t.after(() => silent.close())
  assert.equal(await silent.firstRead(1), false)
  await until('it has come again', () => feed.asked.length > 2)
  feed.status = 200
  await until('it is read', () => ended.wasRead)
})

test("ready says why the feed can't be read", async (t) => {
  const { feed, guard } = await surroundings(t)
  feed.status = 403
  await until('it was told', async () => {
    const error = await guard.ready({ timeout: 1 }).catch((error) => error)
    return /can't be read: it answered 403 insufficient_scope: its scopes are in menjin.toml/.test(error.message)
  })
})

test('ready reads keys and feed, and close ends the stream', async (t) => {
  const { mint, feed, guard } = await surroundings(t)
  await guard.ready()
  assert.deepEqual([mint.fetches, feed.asked.length], [1, 1])
  await guard.close()
  await until('it is gone', () => feed.open.size === 0)
})

test('a feed of several pages is read to its end before anybody gets in', async (t) => {
  const { mint, feed, guard, token } = await surroundings(t)
  feed.firstHasMore = true
  const asked = refusal(guard.verify(token))
  await feed.heard(1)
  feed.tell([], { more: true })
  feed.tell([end(mint)])
  assert.equal(await asked, 'session_kicked')
})

test('a cut ends what was issued up to its second, but no session that was opened at it or since', () => {
  const ended = new Ended(30_000)
  const openedAt = madeAt(SESSION)
  const cut = (at) =>
    ended.apply({
      kind: 'user_not_before',
      user: USER,
      reason: 'session_kicked',
      at: new Date(at).toISOString(),
      until: new Date(at + 900_000).toISOString(),
    })
  const code = (seconds) => ended.refusalFor({ sub: USER, sid: SESSION, iat: Math.floor(openedAt / 1000) + seconds })
  cut(openedAt)
  assert.deepEqual([code(0), code(-5)], [undefined, undefined])
  cut(openedAt + 1)
  assert.deepEqual([code(0), code(1)], ['session_kicked', undefined])
})

test('of the end of a session and a later cut of its person the later says why', () => {
  const ended = new Ended(30_000)
  const openedAt = madeAt(SESSION)
  const tell = (kind, reason, at) => {
    const moment = { at: new Date(at).toISOString(), until: new Date(at + 900_000).toISOString() }
    ended.apply({ kind, session: SESSION, user: USER, reason, ...moment })
  }
  const code = () => ended.refusalFor({ sub: USER, sid: SESSION, iat: Math.floor(openedAt / 1000) })
  tell('session_ended', 'user_disabled', openedAt + 1)
  tell('user_not_before', 'user_disabled', openedAt + 1)
  assert.equal(code(), 'user_disabled')
  tell('user_not_before', 'session_kicked', openedAt + 1_000)
  assert.equal(code(), 'session_kicked', 'a lifted ban')
  tell('session_ended', 'session_replaced', openedAt + 2_000)
  assert.equal(code(), 'session_replaced')
})

test('feed: false asks menjin for nothing but keys', async (t) => {
  const { feed, guard, token } = await surroundings(t, { feed: false, app: undefined })
  assert.equal((await guard.verify(token)).user, USER)
  assert.deepEqual(feed.asked, [])
})

test('events are read from chunks that are cut anywhere, with any end of line', async () => {
  const text =
    ': hello\r\nevent: revocations\rid:7\ndata: {"a":"门"}\r\n\r\ndata: x\ndata:y\n\ndata\n\nevent: nothing\n\ndata: half'
  const bytes = new TextEncoder().encode(text)
  for (const size of [1, 2, 3, 7, 1000]) {
    const chunks = async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }
    const read = []
    for await (const event of events(chunks())) read.push(event)
    assert.deepEqual(read, [
      { event: 'revocations', id: '7', data: '{"a":"门"}' },
      { event: 'message', id: '', data: 'x\ny' },
      { event: 'message', id: '', data: '' },
    ])
  }
})

test('an event without end is not kept without end', async () => {
  const chunks = async function* () {
    for (;;) yield new Uint8Array(1024 * 1024).fill(97)
  }
  await assert.rejects(async () => {
    for await (const _ of events(chunks()));
  }, /too long/)
})

test('what has ended is forgotten when its last token is over', () => {
  const ended = new Ended(30_000)
  const at = Date.UTC(2026, 0, 1)
  const told = {
    kind: 'session_ended',
    session: SESSION,
    reason: 'session_ended',
    at: new Date(at).toISOString(),
    until: new Date(at + 900_000).toISOString(),
  }
  ended.apply(told)
  ended.markRead(at + 960_000)
  assert.equal(ended.refusalFor({ sid: SESSION }), 'session_ended')
  ended.markRead(at + 960_001)
  assert.equal(ended.refusalFor({ sid: SESSION }), undefined)
  ended.apply(told)
  ended.markRead(at + 86_400_000, at)
  assert.equal(ended.refusalFor({ sid: SESSION }), 'session_ended', 'one of two clocks has leapt')
  ended.apply({ ...told, at: 'x', until: 'y' })
  ended.markRead(at * 2)
  assert.equal(ended.refusalFor({ sid: SESSION }), 'session_ended')
})

test("a session's id says when it was opened", () => {
  assert.equal(new Date(madeAt('ses_01m7z2628tdfch6sbzfkrcmqta')).getUTCFullYear(), 2026)
  assert.ok(Number.isNaN(madeAt('usr_01m7z2628tdfch6sbzfkrcmqta')) && Number.isNaN(madeAt(undefined)))
})
