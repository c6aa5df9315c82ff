// A mini program's back end as many are: it exchanges the code itself, keeps the session_key, issues tokens of its own for
// seven days, and has one session a user, so that two phones overwrite each other's.

import { createDecipheriv } from 'node:crypto'
import Hapi from '@hapi/hapi'
import jwt from 'jsonwebtoken'
import * as hapiAuthJwt2 from 'hapi-auth-jwt2'

const { WECHAT = 'https://api.weixin.qq.com', APPID, APPSECRET, JWT_SECRET, PORT = '7701' } = process.env

const users = []
const sessions = new Map()

function decrypted(encryptedData, iv, sessionKey) {
  const bytes = (text) => Buffer.from(text, 'base64')
  const decipher = createDecipheriv('aes-128-cbc', bytes(sessionKey), bytes(iv))
  const data = JSON.parse(Buffer.concat([decipher.update(bytes(encryptedData)), decipher.final()]).toString())
  if (data.watermark.appid !== APPID) throw new Error('another mini program')
  return data
}

async function wxLogin({ payload: { code, encryptedData, iv } }, h) {
  const query = new URLSearchParams({
    appid: APPID,
    secret: APPSECRET,
    js_code: code,
    grant_type: 'authorization_code',
  })
  const { openid, session_key: sessionKey } = await (await fetch(`${WECHAT}/sns/jscode2session?${query}`)).json()
  if (!openid) return h.response({ message: 'the code is bad' }).code(401)
  let user = users.find((user) => user.openid === openid)
  if (!user) users.push((user = { id: users.length + 1, openid }))
  if (encryptedData) user.nickname = decrypted(encryptedData, iv, sessionKey).nickName
  return h.response(jwt.sign({ userId: user.id }, JWT_SECRET, { expiresIn: '7d' })).type('text/plain')
}

const server = Hapi.server({ host: '127.0.0.1', port: PORT })
await server.register(hapiAuthJwt2.default ?? hapiAuthJwt2)
server.auth.strategy('jwt', 'jwt', {
  key: JWT_SECRET,
  validate: (decoded) => ({ isValid: Number.isInteger(decoded.userId) }),
  verifyOptions: { algorithms: ['HS256'] },
})
server.auth.default('jwt')

const userOf = ({ auth }) => users.find((user) => user.id === auth.credentials.userId)
const cartOf = ({ auth }) => sessions.get(auth.credentials.userId)?.cart ?? []

server.route([
  { method: 'POST', path: '/users/wxLogin', options: { auth: false }, handler: wxLogin },
  {
    method: 'GET',
    path: '/users/me',
    handler: (request) => ({ userId: request.auth.credentials.userId, nickname: userOf(request)?.nickname ?? null }),
  },
  { method: 'GET', path: '/cart', handler: (request) => ({ cart: cartOf(request) }) },
  {
    method: 'POST',
    path: '/cart/{item}',
    handler: (request) => {
      const cart = [...cartOf(request), request.params.item]
      sessions.set(request.auth.credentials.userId, { cart })
      return { cart }
    },
  },
])

await server.start()
console.log(`before: ${server.info.uri}/`)
