// The other platforms and frameworks, each by a stand-in with its own shapes over the same phone.

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

/** Alipay as its documentation has it: options objects for storage, `headers`, `status`, and `fail` for what is no success. */
function alipay(phone) {
  const wx = phone.wx()
  const only = (options, allowed) => {
    for (const name in options) assert.ok(allowed.includes(name), `my knows no ${name}`)
  }
  const answered = ({ success, fail }) => ({
    success: ({ statusCode, data, header }) => {
      if (statusCode < 300) success({ status: statusCode, data, headers: header })
      else fail({ error: 19, errorMessage: 'http status error', status: statusCode, data: JSON.stringify(data), headers: header })
    },
    fail: () => fail({ error: 12, errorMessage: 'network error' }),
  })
  return {
    getAuthCode(options) {
      assert.equal(options.scopes, 'auth_base')
      const fail = () => options.fail({ error: 12, errorMessage: '网络异常' })
      wx.login({ success: ({ code }) => options.success({ authCode: code }), fail })
    },
    request(options) {
      only(options, ['url', 'method', 'data', 'headers', 'header', 'timeout', 'dataType', 'success', 'fail'])
      assert.ok(options.method === 'GET' || options.data === undefined || typeof options.data === 'string')
      const { header, ...own } = options
      wx.request({ ...own, header: options.headers, ...answered(options) })
    },
    uploadFile(options) {
      assert.equal(options.fileType, 'image')
      const done = ({ statusCode, data }) => options.success({ statusCode, data, header: {} })
      const { filePath, fileName, url, headers } = options
      wx.uploadFile({ url, filePath, name: fileName, header: headers, success: done, fail: options.fail })
    },
    getStorageSync: ({ key }) => ({ data: wx.getStorageSync(key) || null, success: true }),
    setStorageSync({ key, data }) {
      try {
        wx.setStorageSync(key, data)
        return { success: true }
      } catch {
        return { error: 2, errorMessage: 'full' }
      }
    },
    removeStorageSync: ({ key }) => wx.removeStorageSync(key),
    getSystemInfoSync: () => ({ language: 'zh-Hans', model: 'Phone 1', system: '14', platform: 'Android' }),
  }
}

async function phoned(t) {
  const front = await Front.start(t, menjin)
  return { front, phone: new Phone(front) }
}

async function works(front, phone, account) {
  const { user } = await account.login()
  assert.equal((await account.request(me)).data.user.id, user.id)
  assert.equal((await account.setProfile({ nickname: '小明' })).nickname, '小明')
  phone.ahead += 3_600_000
  assert.equal((await account.request(me)).statusCode, 200)
  assert.deepEqual([front.count(LOGIN), front.count('/v1/token/refresh')], [1, 1])
  front.answer('/v1/me', problem(401, 'token_expired', 'refresh'))
  assert.equal((await account.request(me)).statusCode, 200)
  assert.equal(front.count('/v1/token/refresh'), 2)
  front.answer('/orders', { status: 404, body: { none: true } })
  const answer = await account.request({ url: `${front.url}/orders` })
  // Its objects are of another world than the test's.
  assert.equal(JSON.stringify([answer.statusCode, answer.data]), '[404,{"none":true}]')
  front.answer('/v1/me/avatar', { status: 200, body: { user: { ...user, avatar_url: 'https://cdn.example/1' } } })
  assert.equal((await account.setAvatar('/tmp/1.png')).avatar_url, 'https://cdn.example/1')
  assert.match(front.at('/v1/me/avatar')[0].raw.toString(), /name="avatar"/)
  await menjin.kick(account.current().session_id)
  assert.equal((await refusal(account.request(me))).code, 'session_kicked')
  phone.network = 'down'
  assert.equal((await refusal(account.login())).code, 'network')
}

test('Alipay is found by its global and works', async (t) => {
  const { front, phone } = await phoned(t)
  await works(front, phone, phone.start({}, { my: alipay(phone) }))
  assert.equal(front.at(LOGIN)[0].headers['accept-language'], 'zh-CN')
})

test('Alipay keeps a session over cold starts, and memory makes up for full storage', async (t) => {
  const { front, phone } = await phoned(t)
  await phone.start({}, { my: alipay(phone) }).login()
  await phone.start({}, { my: alipay(phone) }).request(me)
  assert.equal(front.count(LOGIN), 1)
  phone.storageFails = 'write'
  const account = phone.start({}, { my: alipay(phone) })
  phone.ahead += 3_600_000
  await account.request(me)
  phone.ahead += 3_600_000
  assert.equal((await account.request(me)).statusCode, 200)
  assert.equal(front.count(LOGIN), 1)
})

test("Alipay's signed number is bound after a sign-in and beside one, and who declines is told so", async (t) => {
  const { front, phone } = await phoned(t)
  const { person } = phone
  const tapped = (call) => menjin.post(`/dev/my/${call}`, { person })
  const my = {
    ...alipay(phone),
    getAuthCode: ({ success, fail }) => void tapped('getAuthCode').then(success, fail),
  }
  const start = (options) => phone.start({ app: 'demo-alipay', ...options }, { my })
  const account = start()
  assert.equal((await account.login()).user.phone_masked, null)
  const result = await tapped('getPhoneNumber')
  const { phone_masked } = await account.getPhoneNumber(result)
  assert.match(phone_masked, /^\d{3}\*{4}\d{4}$/)
  assert.deepEqual(front.at('/v1/me/phone')[0].body, { signed_phone: result.response })
  assert.equal(account.current().user.phone_masked, phone_masked)
  assert.equal((await account.getPhoneNumber({ detail: await tapped('getPhoneNumber') })).phone_masked, phone_masked)

  const { user } = await start().login({ signed_phone: (await tapped('getPhoneNumber')).response })
  assert.equal(user.phone_masked, phone_masked)
  const sent = front.seen.length
  assert.equal((await refusal(account.getPhoneNumber({ errorMessage: 'user cancel', error: 11 }))).code, 'denied')
  assert.equal((await refusal(account.getPhoneNumber({ errorMessage: 'no permission', error: 4 }))).code, 'not_permitted')
  assert.equal((await refusal(account.getPhoneNumber({ errorMessage: '用户取消授权', error: 11 }))).code, 'denied')
  assert.equal((await refusal(account.getPhoneNumber({ errorMessage: '接口超时', error: 13 }))).code, 'network')
  assert.equal(front.seen.length, sent)
})

for (const name of ['qq', 'tt']) {
  test(`${name} is found by its global, although there is a wx beside it`, async (t) => {
    const { front, phone } = await phoned(t)
    const wx = { request: () => assert.fail('this is wx'), login: () => assert.fail('this is wx') }
    await works(front, phone, phone.start({}, { [name]: phone.wx(), wx }))
  })
}

test('Douyin without a person who is signed in to it gives no code, and that is said', async (t) => {
  const { phone } = await phoned(t)
  const tt = { ...phone.wx(), login: ({ success }) => success({ anonymousCode: 'x', isLogin: false, errMsg: 'login:ok' }) }
  assert.equal((await refusal(phone.start({}, { tt }).login())).code, 'platform_failed')
})

test('a framework whose functions also return promises leaves none of them unheard', async (t) => {
  const unheard = []
  const listen = (error) => unheard.push(error)
  process.on('unhandledRejection', listen)
  t.after(() => process.off('unhandledRejection', listen))
  const { front, phone } = await phoned(t)
  const wx = phone.wx()
  const promising = (call) => (options) =>
    new Promise((resolve, reject) => {
      call({
        ...options,
        success: (result) => (options.success?.(result), resolve(result)),
        fail: (result) => (options.fail?.(result), reject(result)),
      })
    })
  const Taro = { ...wx, getAuthCode: () => assert.fail('as WeChat does') }
  for (const name of ['login', 'request', 'uploadFile', 'checkSession']) Taro[name] = promising(wx[name])
  await works(front, phone, phone.start({ platform: Taro }, {}))
  assert.deepEqual(unheard, [])
})

test('where there is no platform at all, that is said at once', (t) => {
  const phone = new Phone({ url: 'http://127.0.0.1:9' })
  assert.throws(() => phone.start({}, {}), { message: /platform/ })
  assert.throws(() => phone.start({ platform: {} }, {}), { message: /platform/ })
})
