// The programs of docs/backends and of the README, run as they stand there, addresses aside.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Menjin, closing, quiet, refusal, until } from './harness.js'
import { blocks, filesOf, folder, here, started } from './project.js'
import { createVerifier } from '../src/index.js'

const run = promisify(execFile)

async function ask(url, path, token, method = 'GET') {
  const response = await fetch(url + path, { method, headers: token ? { authorization: `Bearer ${token}` } : {} })
  return { status: response.status, body: await response.json() }
}

/** From no token, over a mini program's, to the session: what each page promises of its program. */
async function servesACart(menjin, url) {
  const none = await ask(url, '/cart')
  assert.deepEqual([none.status, none.body.code, none.body.action], [401, 'token_missing', 'relogin'])
  const [one, two] = [await menjin.signIn('bob', 'one'), await menjin.signIn('bob', 'two')]
  assert.deepEqual(await ask(url, '/cart/milk', one.access_token, 'POST'), { status: 200, body: { cart: ['milk'] } })
  assert.deepEqual((await ask(url, '/cart', one.access_token)).body, { user: one.user.id, cart: ['milk'] })
  assert.deepEqual((await ask(url, '/cart', two.access_token)).body, { user: one.user.id, cart: [] })
}

/** The page's own commands: alice signs in and fills her cart. */
async function commandsWork(menjin, url, page) {
  const script = (await blocks(page, 'sh')).find((code) => code.includes('TOKEN='))
  const { stdout } = await run('bash', ['-euc', here(script, menjin, url)])
  assert.match(stdout, /\{"cart":\["tea"\]\}\{"user":"usr_\w+","cart":\["tea"\]\}/)
}

for (const [page, what] of [
  ['hapi', 'hapi'],
  ['express', 'Express'],
  ['egg-koa', 'Koa'],
]) {
  test(`the ${what} program of docs/backends/${page}.md serves a cart, and its commands work`, async (t) => {
    const menjin = await Menjin.start(t)
    const file = `docs/backends/${page}.md`
    const { 'server.js': program } = await filesOf(file)
    const path = await folder(t, { 'server.js': here(program, menjin) })
    const url = await started(t, path, 'server.js', { MENJIN_SECRET: menjin.app.secret })
    await servesACart(menjin, url)
    await commandsWork(menjin, url, file)
  })
}

test('the Egg program of docs/backends/egg-koa.md serves a cart', async (t) => {
  const menjin = await Menjin.start(t)
  const { 'server.js': _, ...files } = await filesOf('docs/backends/egg-koa.md')
  const egg = Object.fromEntries(Object.entries(files).map(([name, code]) => [name, here(code, menjin)]))
  egg['start.js'] = `
    const { createServer } = require('node:http')
    require('egg').start({ baseDir: __dirname, mode: 'single' }).then((app) => {
      const server = createServer(app.callback()).listen(0, '127.0.0.1', () => {
        console.log('http://127.0.0.1:' + server.address().port)
      })
    })`
  // A route of its own for who may read orders, as the page says below.
  egg['app/router.js'] += `
    const { guard } = require('@menjin/node/koa')
    const carts = module.exports
    module.exports = (app) => {
      carts(app)
      app.router.get('/orders', guard(app.menjin, { permission: 'orders:read' }), (ctx) => {
        ctx.body = { read_by: ctx.state.menjin.user }
      })
    }`
  const path = await folder(t, egg, { type: 'commonjs' })
  const url = await started(t, path, 'start.js', {
    MENJIN_SECRET: menjin.app.secret,
    EGG_SERVER_ENV: 'unittest',
    HOME: path,
  })
  await servesACart(menjin, url)
  const alice = await menjin.signIn('alice')
  assert.equal((await ask(url, '/orders', alice.access_token)).body.code, 'forbidden')
  await menjin.command('role', 'set', 'clerk', '--permission', 'orders:*')
  await menjin.command('role', 'grant', 'clerk', alice.user.id)
  const clerk = await menjin.post('/v1/token/refresh', { refresh_token: alice.refresh_token })
  assert.deepEqual((await ask(url, '/orders', clerk.access_token)).body, { read_by: alice.user.id })
})

test("the strategy for old tokens of docs/backends/hapi.md takes what menjin's wxLogin gives", async (t) => {
  const menjin = await Menjin.start(t)
  const { 'strategy.js': code } = await filesOf('docs/backends/hapi.md')
  const secret = await readFile(`${menjin.data}/hapi.secret`, 'utf8')
  const path = await folder(t, { 'strategy.js': here(code, menjin), 'hapi.secret': secret })
  const program = `import { options } from './strategy.js'; console.log(JSON.stringify(options))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
    cwd: path,
    env: { ...process.env, MENJIN_SECRET: menjin.app.secret },
  })
  const guard = closing(t, createVerifier({ ...JSON.parse(stdout), log: quiet() }))
  const { code: wx } = await menjin.post('/dev/wx/login', { person: 'alice' })
  const response = await fetch(`${menjin.url}/users/wxLogin`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code: wx }),
  })
  const token = await response.text()
  const caller = await guard.check({ authorization: token })
  assert.deepEqual(caller.legacy, { name: 'wxLogin', number: 1 })
  assert.equal((await guard.check({ authorization: `JWT ${token}` })).legacy.number, 1)
  await menjin.kick(caller.claims.sid)
  await until('the kick is heard', async () => (await refusal(guard.verify(token))) === 'session_kicked')
})

test('the program of the README counts visits', async (t) => {
  const menjin = await Menjin.start(t)
  const { 'whoami.js': program } = await filesOf('clients/node/README.md')
  const path = await folder(t, { 'whoami.js': here(program, menjin) })
  const url = await started(t, path, 'whoami.js', { MENJIN_SECRET: menjin.app.secret })
  const alice = await menjin.signIn('alice')
  assert.deepEqual((await ask(url, '/', alice.access_token)).body, { user: alice.user.id, visits: 1 })
  assert.equal((await ask(url, '/', alice.access_token)).body.visits, 2)
  assert.equal((await ask(url, '/')).body.code, 'token_missing')
})

test('require loads the package, too', async (t) => {
  const code = `const { createVerifier } = require('@menjin/node'); for (const plug of ['hapi', 'express', 'koa']) require('@menjin/node/' + plug); console.log(typeof createVerifier)`
  const path = await folder(t, { 'old.js': code }, { type: 'commonjs' })
  const { stdout } = await run(process.execPath, ['old.js'], { cwd: path })
  assert.equal(stdout, 'function\n')
})
