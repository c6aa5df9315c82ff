// better-auth on Node's own HTTP server. It has no sign-in for mini programs: a plugin of the documented kind adds
// POST /auth/sign-in/wechat {code}, which does what its sign-ins do (find or make user and account, open a session) with
// code2session instead of a password. GET /orders asks for the session by the bearer plugin, that is by its row;
// GET /cached/orders by a cookie, with the cookie cache that its performance guide advises.

import { createServer } from 'node:http'
import { betterAuth } from 'better-auth'
import { APIError, createAuthEndpoint } from 'better-auth/api'
import { setSessionCookie } from 'better-auth/cookies'
import { getMigrations } from 'better-auth/db/migration'
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node'
import { bearer } from 'better-auth/plugins/bearer'
import Database from 'better-sqlite3'
import { z } from 'zod'
import { codeToSession, endWithBench } from '../wechat.js'

const { DATABASE, PORT, SECRET, SYNCHRONOUS } = process.env
const ORDERS = JSON.stringify({ orders: [{ id: 1, item: 'tea', cents: 1200 }] })

const signIn = createAuthEndpoint(
  '/sign-in/wechat',
  { method: 'POST', body: z.object({ code: z.string() }) },
  async (ctx) => {
    const { openid } = await codeToSession(ctx.body.code)
    if (!openid) throw new APIError('UNAUTHORIZED', { message: 'the code is bad' })
    const { internalAdapter } = ctx.context
    const key = { providerId: 'wechat', accountId: openid }
    const known = await internalAdapter.findAccountOwnerByKey(key)
    const newcomer = { name: '', email: `${openid.toLowerCase()}@wechat.invalid`, emailVerified: false }
    const { user } = known ?? (await internalAdapter.createOAuthUser(newcomer, key))
    const session = await internalAdapter.createSession(user.id)
    await setSessionCookie(ctx, { session, user })
    return ctx.json({ token: session.token, user: { id: user.id } })
  },
)

const database = new Database(DATABASE)
database.pragma('journal_mode = WAL')
database.pragma(`synchronous = ${SYNCHRONOUS}`)
const options = {
  baseURL: `http://127.0.0.1:${PORT}`,
  basePath: '/auth',
  secret: SECRET,
  database,
  rateLimit: { enabled: false },
  plugins: [{ id: 'wechat', endpoints: { signIn } }, bearer()],
}
const cachedOptions = { ...options, basePath: '/cached/auth', session: { cookieCache: { enabled: true, maxAge: 300 } } }
await (await getMigrations(options)).runMigrations()
// Its migrations make none for what each sign-in looks for: it would read the whole table.
database.exec('create index account_key on account (providerId, accountId)')

function answering(auth) {
  const routes = toNodeHandler(auth)
  return async (request, response) => {
    if (!request.url.endsWith('/orders')) return routes(request, response)
    const session = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) })
    response.writeHead(session ? 200 : 401, { 'content-type': 'application/json' })
    response.end(session ? ORDERS : '{"error":"sign in"}')
  }
}
const [plain, cached] = [options, cachedOptions].map((options) => answering(betterAuth(options)))

createServer((request, response) => {
  if (request.url === '/healthz') return response.end('ok')
  const answered = request.url.startsWith('/cached/') ? cached : plain
  answered(request, response).catch(() => response.writeHead(500).end())
}).listen(PORT, '127.0.0.1')
endWithBench()
