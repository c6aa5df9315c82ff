// What both Node peers ask WeChat: a code for who sent it. Connections are kept, as a busy program's are.

import { Agent } from 'node:http'
import axios from 'axios'

const { WECHAT, APPID, APPSECRET } = process.env
const client = axios.create({ baseURL: WECHAT, timeout: 5000, httpAgent: new Agent({ keepAlive: true }) })

export async function codeToSession(code) {
  const params = { appid: APPID, secret: APPSECRET, js_code: code, grant_type: 'authorization_code' }
  const { data } = await client.get('/sns/jscode2session', { params, responseType: 'json' })
  return { openid: data.openid, sessionKey: data.session_key }
}

/** The bench holds standard input open, and goes away with it. */
export function endWithBench() {
  process.stdin.resume().on('end', () => process.exit())
}
