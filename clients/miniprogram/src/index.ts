// What `import … from '@menjin/miniprogram'` gives, and `require('./menjin.js')`.

export { createClient } from './client'
export type { AvatarEvent, Client, ClientOptions, LoginOptions, PhoneDetail, PhoneEvent } from './client'
export type { SignedIn, User } from './session/account'
export type { Answer, Ask } from './session/ask'
export type { Action, LocalCode, MenjinError } from './session/problem'
export type { SessionEnd } from './session/session'
export type { Device, Upload } from './platform/platform'
export type { MyLike } from './platform/my'
export type { WxLike } from './platform/wx'
