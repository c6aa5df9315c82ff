// A mini program's back end on hapi (design: S7): POST /users/wxLogin {code, encryptedData, iv} exchanges the code, decrypts
// the profile, finds or makes the row of `users`, and answers an HS256 token for seven days; GET /orders needs one.
//
// Routes are as such programs have them, without what nobody asks for here. USERS says how the table is kept.

import { createDecipheriv } from 'node:crypto'
import Hapi from '@hapi/hapi'
import * as hapiAuthJwt2 from 'hapi-auth-jwt2'
import Joi from 'joi'
import jwt from 'jsonwebtoken'
import { codeToSession, endWithBench } from '../wechat.js'

const { APPID, DATABASE, PORT, SECRET, SYNCHRONOUS, USERS } = process.env
const { open } = await import(`./users_by_${USERS}.js`)
const userOf = await open(DATABASE, SYNCHRONOUS)

function decrypted(encryptedData, iv, sessionKey) {
  const bytes = (text) => Buffer.from(text, 'base64')
  const decipher = createDecipheriv('aes-128-cbc', bytes(sessionKey), bytes(iv))
  const data = JSON.parse(Buffer.concat([decipher.update(bytes(encryptedData)), decipher.final()]).toString())
  if (data.watermark.appid !== APPID) throw new Error('another mini program')
  return data
}

async function wxLogin({ payload: { code, encryptedData, iv } }, h) {
  const { openid, sessionKey } = await codeToSession(code)
  if (!openid) return h.response({ message: 'the code is bad' }).code(401)
  const columns = { session_key: sessionKey }
  if (encryptedData) {
    const { nickName, gender, avatarUrl } = decrypted(encryptedData, iv, sessionKey)
    Object.assign(columns, { nick_name: nickName, gender, avatar_url: avatarUrl })
  }
  const id = await userOf(openid, columns)
  return h.response(jwt.sign({ userId: id }, SECRET, { expiresIn: '7d' })).type('text/plain')
}

const server = Hapi.server({ host: '127.0.0.1', port: PORT })
await server.register(hapiAuthJwt2.default ?? hapiAuthJwt2)
server.auth.strategy('jwt', 'jwt', {
  key: SECRET,
  validate: (decoded) => ({ isValid: Number.isInteger(decoded.userId) }),
  verifyOptions: { algorithms: ['HS256'] },
})
server.auth.default('jwt')
server.route([
  { method: 'GET', path: '/healthz', options: { auth: false }, handler: () => 'ok' },
  {
    method: 'POST',
    path: '/users/wxLogin',
    options: {
      auth: false,
      validate: {
        payload: Joi.object({
          code: Joi.string().required(),
          encryptedData: Joi.string(),
          iv: Joi.string(),
        }).and('encryptedData', 'iv'),
      },
    },
    handler: wxLogin,
  },
  { method: 'GET', path: '/orders', handler: () => ({ orders: [{ id: 1, item: 'tea', cents: 1200 }] }) },
])
await server.start()
endWithBench()
