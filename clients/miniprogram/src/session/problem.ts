// Why something did not work, in one form: menjin's problems, its envelope, another back end's bare 401, a network that is away.

import { refused, rest, type Answer } from './ask'

/** What to do next. */
export type Action = 'refresh' | 'relogin' | 'retry' | 'bind_phone' | 'consent' | 'reauth' | 'none'

/** Every promise of this package is refused with one of these. Decide by `code` and `action`; `message` can be shown to people. */
export interface MenjinError extends Error {
  name: 'MenjinError'
  /** A stable name: menjin's (docs/errors.md), or of this package: see `LocalCode`. */
  code: string
  action: Action
  /** A few words in the language of the person; `message` is the whole sentence. */
  title: string
  /** The HTTP status; 0 when there was no answer. */
  status: number
  /** When to come again, in seconds, where the server says so. */
  retryAfter?: number
  /** The body of the refusal, or what the platform said, as it came. */
  cause?: unknown
}

const WORDS = {
  network: ['retry', '网络不可用，请重试', 'No network: try again'],
  interrupted: ['retry', '请求中断，请重试', 'Interrupted: try again'],
  signed_out: ['relogin', '请先登录', 'Sign in first'],
  platform_failed: ['retry', '平台失败，请重试', 'Platform failed: try again'],
  mock_code: ['none', '没有 AppID，只能登录 menjin dev', 'No AppID: `menjin dev` only'],
  denied: ['none', '已取消授权', 'Declined'],
  not_permitted: ['none', '此功能未获许可', 'Not permitted here'],
  phone_quota: ['none', '暂时无法获取手机号', 'No quota for phone numbers'],
}

/** Codes that no server gives. */
export type LocalCode = keyof typeof WORDS

type About = Pick<MenjinError, 'code' | 'action' | 'title' | 'status' | 'cause'>

export const failure = (message: string, about: About): MenjinError => {
  const error: any = new Error(message)
  error.name = 'MenjinError'
  for (const name in about) error[name] = about[name as keyof About]
  return error
}

/** Something that no server said. */
export const local = (code: LocalCode, language: string, cause?: unknown): MenjinError => {
  const words = WORDS[code]
  const message = words[/^zh/.test(language) ? 1 : 2]
  return failure(message, { code, action: words[0] as Action, title: message, status: 0, cause })
}

/** A header by its name; platforms write names as they like. */
export const headerOf = (answer: Answer, name: string): string => {
  for (const given in answer.header) if (given.toLowerCase() === name) return answer.header[given] + ''
  return ''
}

/**
 * What an answer refuses. An envelope names no action, nor do other back ends: then the code tells it, from the body or the
 * challenge; and who says nothing but 401 may have meant an expired token.
 */
export const problemOf = (answer: Answer): MenjinError => {
  const status = answer.statusCode
  const body = (answer.data || {}) as Record<string, any>
  const challenge = /error_description="(\w+)"/.exec(headerOf(answer, 'www-authenticate'))
  const code = typeof body.code === 'string' ? body.code : challenge ? challenge[1] : 'http_' + status
  const title = body.title || body.msg || code
  const action = body.action || guessed(status, code)
  const error = failure(body.detail || title, { code, action, title, status, cause: body })
  error.retryAfter = +headerOf(answer, 'retry-after') || undefined
  return error
}

const guessed = (status: number, code: string): Action => {
  if (code === 'reauth_required') return 'reauth'
  if (/^(user_d|client_|platform_[qm])/.test(code)) return 'none'
  if (status === 401 || status === 409) {
    // All of `token_…` but `token_expired`.
    if (/^(token_[^e]|session_|code_|password_|refresh_|restored)/.test(code)) return 'relogin'
    return status === 401 ? 'refresh' : 'none'
  }
  return status === 429 || status === 503 ? 'retry' : 'none'
}

/** Whether the same request may do better later: nothing is known to be lost. */
export const isPassing = (error: MenjinError): boolean =>
  error.status ? error.status >= 500 || error.status === 429 : error.action === 'retry'

/** Waits until the same request may come again; refuses with the problem where that makes no sense. */
export const patience = (error: MenjinError, tries: number): Promise<void> => {
  const wait = error.retryAfter || tries / 2
  return tries < 3 && isPassing(error) && wait <= 5 ? rest(wait * 1000) : refused(error)
}
