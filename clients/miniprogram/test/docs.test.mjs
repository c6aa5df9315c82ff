// The programs of docs/mini-program.md, run as they stand there on a phone against a real menjin, addresses aside.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { before, test } from 'node:test'
import { createContext, runInContext } from 'node:vm'
import { Menjin, until } from '../../node/test/harness.js'
import { Front, problem } from './front.mjs'
import { Phone, refusal } from './phone.mjs'

const PAGE = new URL('../../../docs/mini-program.md', import.meta.url)
const BUILT = readFileSync(new URL('../dist/menjin.js', import.meta.url), 'utf8')
const LOGIN = '/v1/login/demo'
let menjin
let files

before(async (t) => {
  menjin = await Menjin.start(t)
  const text = await readFile(PAGE, 'utf8')
  const blocks = [...text.matchAll(/^```(?:js|html)\n(?:\/\/|<!--) (\S+)[^\n]*\n(.*?)^```$/gms)]
  files = Object.fromEntries(blocks.map(([, name, code]) => [name.replace(/：.*/, ''), code]))
})

/** A mini program with the page's files, opened on a phone. */
class Program {
  shown = []
  #loaded = new Map()

  constructor(front, phone) {
    this.front = front
    const show = ({ title }) => this.shown.push(title)
    const wx = { ...phone.wx(), showToast: show, showModal: show }
    this.context = createContext({
      setTimeout,
      clearTimeout,
      wx,
      uni: wx,
      Taro: wx,
      Page: (page) => (this.page = page),
      App: (app) => app.onLaunch?.(),
    })
  }

  require(name) {
    if (!this.#loaded.has(name)) {
      const module = { exports: {} }
      this.#loaded.set(name, module)
      const code = /(^|\/)menjin\.js$/.test(name) ? BUILT : this.#here(files[name])
      const from = (other) => this.require(beside(name, other))
      runInContext(`(function (module, exports, require) {${code}\n})`, this.context)(module, module.exports, from)
    }
    return this.#loaded.get(name).exports
  }

  /** What a packer makes of it, with the addresses of this run. */
  #here(code) {
    return code
      .replaceAll('http://127.0.0.1:7600', this.front.url)
      .replaceAll('https://login.example.com', this.front.url)
      .replaceAll('https://api.example.com', this.front.url)
      .replaceAll("APP = 'shop'", "APP = 'demo'")
      .replace(/^import \w+ from '@tarojs\/taro'$/m, '')
      .replace(/^import (\{.*\}) from '@menjin\/miniprogram'$/m, "const $1 = require('@menjin/miniprogram')")
      .replace(/^export const (\w+) = /m, 'const $1 = exports.$1 = ')
  }

  /** Opens a page as WeChat does: its functions with `this`, and data that setData changes. */
  open(name) {
    this.require(name)
    const page = this.page
    const opened = { ...page, data: { ...page.data }, setData: (more) => Object.assign(opened.data, more) }
    return opened
  }
}

/** The file that one means by this name; a package is the SDK. */
function beside(name, other) {
  if (!other.startsWith('.')) return 'menjin.js'
  return posix.join(posix.dirname(name), other.replace(/(\.js)?$/, '.js'))
}

async function program(t) {
  const front = await Front.start(t, menjin)
  const phone = new Phone(front)
  return { front, phone, opened: new Program(front, phone) }
}

/** Objects of the program's world, in the test's own. */
const plain = (value) => JSON.parse(JSON.stringify(value))

test('the files that the page speaks of are all there', () => {
  const named = ['utils/account.js', 'pages/index/index.js', 'pages/index/index.wxml', 'pages/orders/orders.js', 'app.js']
  for (const name of [...named, 'taro/src/account.js', 'uni-app/src/account.js', 'auth.js']) assert.ok(files[name], name)
})

test('the page calls functions that it has', async (t) => {
  const { opened } = await program(t)
  const page = opened.open('pages/index/index.js')
  const called = [...files['pages/index/index.wxml'].matchAll(/ bind:?\w+="(\w+)"/g)].map(([, name]) => name)
  assert.deepEqual(called.toSorted(), ['onAvatar', 'onLogin', 'onLogout', 'onNickname', 'onPhone'])
  for (const name of called) assert.equal(typeof page[name], 'function', name)
})

test('a tap signs somebody in, in a developer tool without an AppID too, and the page remembers it', async (t) => {
  for (const tool of [false, true]) {
    const { phone, opened } = await program(t)
    phone.tool = tool
    const page = opened.open('pages/index/index.js')
    page.onLoad()
    assert.equal(page.data.user, null)
    await page.onLogin()
    assert.match(page.data.user.id, /^usr_/)
    assert.deepEqual(opened.shown, [])
    const again = new Program(opened.front, phone).open('pages/index/index.js')
    again.onLoad()
    assert.equal(again.data.user.id, page.data.user.id)
    await page.onLogout()
    assert.equal(page.data.user, null)
  }
})

test('phone number, nickname and avatar are bound, and refusals are shown to the person', async (t) => {
  const { front, phone, opened } = await program(t)
  const page = opened.open('pages/index/index.js')
  await page.onLogin()
  const { code } = await phone.simulated('getPhoneNumber', { phone: '13800138000' })
  await page.onPhone({ detail: { code, errMsg: 'getPhoneNumber:ok' } })
  assert.equal(page.data.user.phone_masked, '138****8000')
  await page.onNickname({ detail: { value: { nickname: '小明' } } })
  assert.equal(page.data.user.nickname, '小明')
  const picture = await phone.simulated('chooseAvatar')
  phone.files = { [picture.avatarUrl]: Buffer.from(picture.file, 'base64') }
  await page.onAvatar({ detail: { avatarUrl: picture.avatarUrl } })
  assert.match(page.data.user.avatar_url, /\/avatars\/\w+\.png$/)
  assert.deepEqual(opened.shown, [])
  await page.onPhone({ detail: { errMsg: 'getPhoneNumber:fail user deny' } })
  assert.deepEqual(opened.shown, [])
  front.answer('/v1/me', problem(422, 'nickname_refused', 'none'))
  await page.onNickname({ detail: { value: { nickname: 'x' } } })
  assert.deepEqual(opened.shown, ['about nickname_refused'])
})

test('a page that asks the back end signs in by itself', async (t) => {
  const { front, opened } = await program(t)
  front.answer('/orders', (request) => ({ status: request.headers.authorization ? 200 : 401, body: ['tea'] }))
  const page = opened.open('pages/orders/orders.js')
  await page.onShow()
  assert.deepEqual(plain(page.data.orders), ['tea'])
  assert.equal(front.count(LOGIN), 1)
})

test('the app tells why a session has ended, once, and not of one that the person ended', async (t) => {
  const { opened } = await program(t)
  opened.require('app.js')
  const account = opened.require('utils/account.js')
  const { session_id } = await account.login()
  await menjin.kick(session_id)
  await assert.rejects(account.request({ url: '/v1/me' }))
  assert.equal(opened.shown.length, 1)
  await account.login()
  await account.logout()
  assert.equal(opened.shown.length, 1)
})

test('Taro and uni-app hand themselves over', async (t) => {
  for (const name of ['taro/src/account.js', 'uni-app/src/account.js']) {
    const { opened } = await program(t)
    const { user } = await opened.require(name).account.login()
    assert.match(user.id, /^usr_/, name)
  }
})

test('the client without the SDK signs in, refreshes once, and survives lost answers', async (t) => {
  const { front, opened } = await program(t)
  const { login, request, logout } = opened.require('auth.js')
  front.lose(LOGIN)
  const first = await login()
  assert.equal(front.count(LOGIN), 2)
  const me = { url: `${front.url}/v1/me` }
  assert.equal((await request(me)).data.user.id, first.user.id)
  front.answer('/v1/me', problem(401, 'token_expired', 'refresh'), 5)
  front.lose('/v1/token/refresh')
  const answers = await Promise.all(Array.from({ length: 5 }, () => request(me)))
  assert.deepEqual(plain(answers.map((answer) => answer.statusCode)), [200, 200, 200, 200, 200])
  assert.equal(front.count('/v1/token/refresh'), 2)
  assert.equal(front.count(LOGIN), 2)
  await logout()
  assert.deepEqual(plain(await refusal(request(me))), { code: 'logout', action: 'relogin' })
  assert.equal(front.count(LOGIN), 2)
  assert.equal((await login()).user.id, first.user.id)
  assert.equal((await request(me)).data.user.id, first.user.id)
  assert.equal(front.count(LOGIN), 3)
})

test('nor does it bring anybody back who was thrown out or is leaving, by a request or by a refresh', async (t) => {
  for (const [code, action] of [
    ['user_deleting', 'none'],
    ['user_disabled', 'none'],
    ['account_closed', 'relogin'],
    ['session_kicked', 'relogin'],
    ['session_replaced', 'relogin'],
  ]) {
    for (const path of ['/v1/me', '/v1/token/refresh']) {
      const { front, phone, opened } = await program(t)
      const { login, request } = opened.require('auth.js')
      await login()
      const me = { url: `${front.url}/v1/me` }
      const ends = problem(401, code, action)
      front.answer('/v1/me', path === '/v1/me' ? ends : problem(401, 'token_expired', 'refresh'))
      front.answer('/v1/token/refresh', ends)
      const said = await request(me).then((answer) => answer.data, (error) => error)
      assert.equal(said.code, code)
      assert.equal((await refusal(request(me))).code, code)
      const again = new Program(front, phone).require('auth.js')
      assert.equal((await refusal(again.request(me))).code, code)
      assert.equal(front.count(LOGIN), 1, `${code} ${path}`)
      await again.login()
      assert.equal((await again.request(me)).statusCode, 200)
    }
  }
})

test('a 401 that is not about the sign-in is an answer, and a bare one is taken for an expired token', async (t) => {
  const { front, opened } = await program(t)
  const { login, request } = opened.require('auth.js')
  await login()
  front.answer('/pin', problem(401, 'password_wrong', 'none'))
  assert.equal((await request({ url: `${front.url}/pin` })).data.code, 'password_wrong')
  assert.deepEqual([front.count('/pin'), front.count('/v1/token/refresh')], [1, 0])
  front.answer('/pin', { status: 401, body: '' })
  front.answer('/pin', { status: 200, body: 'fine' })
  assert.equal((await request({ url: `${front.url}/pin` })).statusCode, 200)
  assert.deepEqual([front.count('/v1/token/refresh'), front.count(LOGIN)], [1, 1])
})

test('a logout of it while it signs in anew wins', async (t) => {
  const { front, opened } = await program(t)
  const { login, request, logout } = opened.require('auth.js')
  await login()
  front.answer('/v1/me', problem(401, 'session_expired', 'relogin'))
  const release = front.hold(LOGIN)
  const asked = request({ url: `${front.url}/v1/me` }).then((answer) => answer.statusCode, () => 'refused')
  await until('it is on its way', async () => front.count(LOGIN) === 2)
  const leaving = logout()
  front.clear()
  release()
  await Promise.all([leaving, asked])
  assert.equal((await refusal(request({ url: `${front.url}/v1/me` }))).code, 'logout')
})
