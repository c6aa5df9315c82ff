// Phone numbers, nicknames, avatars, and what the platform has sealed.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Menjin, until } from '../../node/test/harness.js'
import { Front, problem } from './front.mjs'
import { Phone, refusal } from './phone.mjs'

const LOGIN = '/v1/login/demo'
let menjin

before(async (t) => {
  menjin = await Menjin.start(t)
})

async function signedIn(t) {
  const front = await Front.start(t, menjin)
  const phone = new Phone(front)
  const account = phone.start()
  return { front, phone, account, ...(await account.login()) }
}

test('a nickname is set, and current() knows it, over a cold start too', async (t) => {
  const { phone, account } = await signedIn(t)
  assert.equal((await account.setProfile({ nickname: '小明' })).nickname, '小明')
  assert.equal(account.current().user.nickname, '小明')
  assert.equal(phone.start().current().user.nickname, '小明')
})

test('a phone number is bound by the code of its button', async (t) => {
  const { front, account, user } = await signedIn(t)
  front.answer('/v1/me/phone', { status: 200, body: { user: { ...user, phone_masked: '138****8000' } } })
  const bound = await account.getPhoneNumber({ detail: { code: 'e31968a7', errMsg: 'getPhoneNumber:ok' } })
  assert.equal(bound.phone_masked, '138****8000')
  assert.deepEqual(front.at('/v1/me/phone')[0].body, { code: 'e31968a7' })
  assert.equal(account.current().user.phone_masked, '138****8000')
})

test('the old form of a phone number is sent as it is sealed', async (t) => {
  const { front, account, user } = await signedIn(t)
  front.answer('/v1/me/phone', { status: 200, body: { user } })
  await account.getPhoneNumber({ detail: { encryptedData: 'abc=', iv: 'def=', errMsg: 'getPhoneNumber:ok' } })
  assert.deepEqual(front.at('/v1/me/phone')[0].body, { encrypted_data: 'abc=', iv: 'def=' })
})

test('who declines, or whose app has no quota left, is told apart, and nothing is sent', async (t) => {
  const { front, account } = await signedIn(t)
  const before = front.seen.length
  for (const [detail, code] of [
    [{ errMsg: 'getPhoneNumber:fail user deny' }, 'denied'],
    [{ errMsg: 'getPhoneNumber:fail:user deny' }, 'denied'],
    [{ errMsg: 'getPhoneNumber:fail auth deny' }, 'denied'],
    [{ errMsg: 'getPhoneNumber:fail', errno: 1400001 }, 'phone_quota'],
    [{ errMsg: 'getPhoneNumber:fail user deny', errno: 103 }, 'denied'],
    [{ errMsg: 'getPhoneNumber:fail no permission' }, 'not_permitted'],
    [{ errMsg: 'getPhoneNumber:fail platform auth deny' }, 'not_permitted'],
    [{ errMsg: 'getPhoneNumber:fail privacy permission is not authorized', errno: 104 }, 'not_permitted'],
    [{ errMsg: 'getPhoneNumber:fail', errno: 112 }, 'not_permitted'],
    [{ errMsg: 'getPhoneNumber:fail net::ERR_INTERNET_DISCONNECTED' }, 'network'],
    [{ errMsg: 'getPhoneNumber:fail', errno: 600001 }, 'network'],
    [{ errMsg: 'getPhoneNumber:fail timeout', errno: 5 }, 'network'],
    [{ errMsg: 'getPhoneNumber:fail internal error' }, 'platform_failed'],
  ]) {
    const error = await refusal(account.getPhoneNumber({ detail }))
    const action = /network|platform_failed/.test(code) ? 'retry' : 'none'
    assert.deepEqual([error.code, error.action], [code, action], JSON.stringify(detail))
  }
  assert.equal(front.seen.length, before)
})

test('sealed data whose key is gone: a new sign-in, and the person is asked to tap again', async (t) => {
  const { front, account, session_id } = await signedIn(t)
  front.answer('/v1/me/decrypt', problem(409, 'session_key_stale', 'relogin'))
  front.answer('/v1/me/decrypt', { status: 200, body: { nickName: '小明' } })
  const data = { encryptedData: 'abc=', iv: 'def=' }
  const error = await refusal(account.decrypt(data))
  assert.deepEqual([error.code, error.action], ['session_key_stale', 'relogin'])
  assert.notEqual(account.current().session_id, session_id)
  assert.deepEqual(await account.decrypt(data), { nickName: '小明' })
  assert.equal(front.count(LOGIN), 2)
})

test('checkSession signs in anew where the platform says that its key has expired, and only there', async (t) => {
  const { front, phone, account } = await signedIn(t)
  assert.equal(await account.checkSession(), true)
  assert.equal(front.count(LOGIN), 1)
  phone.sessionKeyLives = false
  assert.equal(await account.checkSession(), false)
  assert.equal(front.count(LOGIN), 2)
})

test('checkSession brings nobody back who has signed out, was signed out, or does not sign in by themselves', async (t) => {
  const { front, phone, account, session_id } = await signedIn(t)
  await account.logout()
  assert.deepEqual([(await refusal(account.checkSession())).code, front.count(LOGIN)], ['signed_out', 1])
  assert.equal((await refusal(phone.start().checkSession())).code, 'signed_out')
  const { session_id: second } = await account.login()
  assert.notEqual(second, session_id)
  await menjin.kick(second)
  assert.equal((await refusal(account.request({ url: '/v1/me' }))).code, 'session_kicked')
  assert.deepEqual([(await refusal(account.checkSession())).cause, account.current()], ['session_kicked', null])
  assert.equal(front.count(LOGIN), 2)
  const other = new Phone(front)
  assert.equal((await refusal(other.start({ autoLogin: false }).checkSession())).code, 'signed_out')
  assert.equal(await other.start().checkSession(), false)
  assert.equal(front.count(LOGIN), 3)
})

test('checkSession brings nobody back whose session has ended behind the back of the phone', async (t) => {
  const kick = ({ session_id }) => menjin.kick(session_id)
  const remove = ({ token }) =>
    fetch(`${menjin.url}/v1/me`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } })
  for (const [end, code] of [[kick, 'session_kicked'], [remove, 'user_deleting']]) {
    const { front, phone, account, session_id } = await signedIn(t)
    await end({ session_id, token: await account.accessToken() })
    phone.sessionKeyLives = false
    assert.equal((await refusal(account.checkSession())).code, code)
    assert.deepEqual([account.current(), account.ends.map((it) => it.reason), front.count(LOGIN)], [null, [code], 1])
  }
})

test('nor whoever signs out while it asks', async (t) => {
  const { front, phone, account } = await signedIn(t)
  phone.sessionKeyLives = false
  const answer = front.holdAnswers('/v1/me')
  const checking = refusal(account.checkSession())
  await until('menjin has answered', async () => front.at('/v1/me')[0]?.status === 200)
  await account.logout()
  answer()
  assert.equal((await checking).code, 'signed_out')
  assert.deepEqual([account.current(), front.count(LOGIN)], [null, 1])
})

test('nor does it, or what is sealed, sign in for whoever signs out meanwhile', async (t) => {
  const { front, phone, account } = await signedIn(t)
  phone.sessionKeyLives = false
  const checking = refusal(account.checkSession())
  const leaving = account.logout()
  assert.equal((await checking).code, 'signed_out')
  await leaving
  await account.login()
  const release = front.hold('/v1/me/decrypt', problem(409, 'session_key_stale', 'relogin'))
  const opening = refusal(account.decrypt({ encryptedData: 'abc=', iv: 'def=' }))
  await until('it is on its way', async () => front.count('/v1/me/decrypt') === 1)
  await account.logout()
  release()
  assert.equal((await opening).code, 'session_key_stale')
  assert.deepEqual([account.current(), front.count(LOGIN)], [null, 2])
})

test('an avatar is uploaded from its temporary path', async (t) => {
  const { front, phone, account, user } = await signedIn(t)
  phone.files = { 'wxfile://tmp_1.png': 'the very picture' }
  front.answer('/v1/me/avatar', { status: 200, body: { user: { ...user, avatar_url: 'https://cdn.example/1' } } })
  const changed = await account.setAvatar({ detail: { avatarUrl: 'wxfile://tmp_1.png' } })
  assert.equal(changed.avatar_url, 'https://cdn.example/1')
  assert.equal(account.current().user.avatar_url, 'https://cdn.example/1')
  const [seen] = front.at('/v1/me/avatar')
  assert.match(seen.headers.authorization, /^Bearer eyJ/)
  assert.match(seen.raw.toString(), /name="avatar"[\s\S]*the very picture/)
  front.answer('/v1/me/avatar', problem(413, 'body_too_large', 'none'))
  assert.equal((await refusal(account.setAvatar('wxfile://tmp_1.png'))).code, 'body_too_large')
})
