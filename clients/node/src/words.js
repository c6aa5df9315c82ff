// Every reason to refuse: status, what the client should do about it, and words for people. Does not: decide anything.

/** @type {Record<string, { status: number, action: string, en: [string, string], zh: [string, string] }>} */
export const WORDS = {
  token_missing: reason(
    401,
    'relogin',
    ['Not signed in', 'The request has no token. Sign in first.'],
    ['未登录', '请求没有带令牌，请先登录。'],
  ),
  token_invalid: reason(
    401,
    'relogin',
    ['Invalid token', 'The token is not valid. Sign in again.'],
    ['令牌无效', '令牌无效，请重新登录。'],
  ),
  token_expired: reason(
    401,
    'refresh',
    ['Token expired', 'The token has expired. Refresh it and ask again.'],
    ['令牌已过期', '令牌已过期，请刷新后重试。'],
  ),
  session_ended: reason(
    401,
    'relogin',
    ['Signed out', 'The sign-in has ended. Sign in again.'],
    ['登录已结束', '登录已结束，请重新登录。'],
  ),
  session_replaced: reason(
    401,
    'relogin',
    ['Signed in elsewhere', 'Another device has signed in to this account. Sign in again.'],
    ['已在其他设备登录', '账号已在其他设备登录，请重新登录。'],
  ),
  session_kicked: reason(
    401,
    'relogin',
    ['Signed out remotely', 'This device was signed out. Sign in again.'],
    ['已被下线', '此设备已被下线，请重新登录。'],
  ),
  session_expired: reason(
    401,
    'relogin',
    ['Sign-in expired', 'The sign-in is too old. Sign in again.'],
    ['登录已过期', '登录时间过长，请重新登录。'],
  ),
  user_disabled: reason(
    401,
    'none',
    ['Account disabled', 'The account is disabled. Ask for support.'],
    ['账号已停用', '账号已停用，如有疑问请联系客服。'],
  ),
  password_changed: reason(
    401,
    'relogin',
    ['Password changed', 'The password was changed. Sign in with the new one.'],
    ['密码已修改', '密码已修改，请用新密码登录。'],
  ),
  refresh_reused: reason(
    401,
    'relogin',
    ['Sign-in at risk', 'A refresh token was used twice. To be safe, sign in again.'],
    ['登录存在风险', '刷新令牌被重复使用，为安全起见请重新登录。'],
  ),
  restored: reason(
    401,
    'relogin',
    ['Sign in again', 'The system was restored from a backup. Sign in again.'],
    ['请重新登录', '系统刚从备份恢复，请重新登录。'],
  ),
  account_closed: reason(
    401,
    'relogin',
    ['Account closed', 'The account was closed, and its data was deleted.'],
    ['账号已注销', '账号已注销，相关数据已删除。'],
  ),
  user_deleting: reason(
    401,
    'none',
    ['Account is being deleted', 'The account is being deleted. Signing in before that is done keeps it.'],
    ['账号注销中', '账号正在注销。在注销完成之前重新登录，即可保留账号。'],
  ),
  user_merged: reason(
    401,
    'relogin',
    ['Accounts merged', 'Accounts of one person were merged or separated. Sign in again.'],
    ['账号已合并', '同一个人的账号已合并或分开，请重新登录。'],
  ),
  insufficient_scope: reason(
    403,
    'none',
    ['Insufficient scope', "The token's scope does not cover this."],
    ['授权范围不足', '令牌的授权范围不包含此操作。'],
  ),
  forbidden: reason(403, 'none', ['Forbidden', 'You may not do this.'], ['没有权限', '没有执行此操作的权限。']),
  keys_unavailable: reason(
    503,
    'retry',
    ["Can't verify now", "The sign-in can't be verified at the moment. Try again soon."],
    ['暂时无法验证', '暂时无法验证登录状态，请稍后重试。'],
  ),
  revocations_stale: reason(
    503,
    'retry',
    ["Can't verify now", 'Whether the sign-in still holds is not known at the moment. Try again soon.'],
    ['暂时无法验证', '暂时无法确认登录是否仍然有效，请稍后重试。'],
  ),
  menjin_unavailable: reason(
    503,
    'retry',
    ['Not available now', "The session can't be read or written at the moment. Try again soon."],
    ['暂时不可用', '会话暂时无法读写，请稍后重试。'],
  ),
}

/** Ends that the feed may tell; any other is a `session_ended`. `token_expired` asks for a fresh token only. */
const ENDS = new Set([
  'token_expired',
  'session_replaced',
  'session_kicked',
  'session_expired',
  'user_disabled',
  'password_changed',
  'refresh_reused',
  'restored',
  'account_closed',
  'user_deleting',
  'user_merged',
])

export function codeOfEnd(reason) {
  return ENDS.has(reason) ? reason : 'session_ended'
}

/** The one of ours that `Accept-Language` weighs highest (RFC 9110 section 12.5.4); English where it says nothing. */
export function language(acceptLanguage) {
  let best = { weight: 0, language: 'en' }
  for (const range of String(acceptLanguage ?? '').split(',')) {
    const [tag, ...parameters] = range.trim().toLowerCase().split(';')
    const primary = tag.trim().split('-')[0]
    if (primary !== 'zh' && primary !== 'en') continue
    const q = parameters.map((one) => one.trim()).find((one) => one.startsWith('q='))
    const weight = q === undefined ? 1 : Number(q.slice(2)) || 0
    if (weight > best.weight) best = { weight, language: primary }
  }
  return best.language
}

function reason(status, action, en, zh) {
  return { status, action, en, zh }
}
