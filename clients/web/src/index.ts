// What `import … from '@menjin/web'` gives.

export { createClient } from './client'
export type { Client, ClientOptions, RedirectOptions } from './client'
export { intercept, ownPath } from './axios'
export type { AxiosLike, Refusals } from './axios'
export type { StorageChoice } from './storage'
export type { SignedIn, User } from '../../miniprogram/src/session/account'
export type { Action, MenjinError } from '../../miniprogram/src/session/problem'
export type { SessionEnd } from '../../miniprogram/src/session/session'
