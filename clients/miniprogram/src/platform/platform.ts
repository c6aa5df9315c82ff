// What this package asks of a platform; each file beside this one asks it of one kind.

import { both, type Answer, type Send } from '../session/ask'
import { local, type LocalCode } from '../session/problem'

export interface Upload {
  url: string
  filePath: string
  name: string
  header?: Record<string, string>
  formData?: Record<string, unknown>
  timeout?: number
  [more: string]: unknown
}

/** What a device says of itself, shown to its person in the list of sessions. Never trusted. */
export interface Device {
  class?: 'phone' | 'tablet' | 'pc' | 'other'
  name?: string
  system?: string
}

export interface Platform {
  /** As in `POST /dev/{brand}/login`. */
  brand: string
  /** A login code. */
  newCode(): Promise<string>
  send: Send
  upload(upload: Upload): Promise<Answer<any>>
  /** Whether the platform's own key for encrypted data is still good. */
  keyLives(): Promise<boolean>
  /** These three may throw. */
  read(key: string): any
  write(key: string, value: unknown): void
  forget(key: string): void
  /** Model, system, platform, language. May throw. */
  info(): any
}

/** The person's language, as far as this package speaks it. */
export type Language = () => string

/** A function of a platform that takes one object with callbacks in it. */
export type Call = (options: any) => unknown

/** Calls back into a promise. Frameworks return one of their own as well, and nobody would catch it. */
export function promised<T>(
  of: any,
  call: string,
  options: object,
  then: (result: any) => T,
  failed: (result: any) => T,
): Promise<T> {
  return new Promise<any>((success, fail) => {
    const returned = of[call](both(options, { success, fail })) as any
    if (returned && returned.catch) returned.catch(() => 0)
  }).then(then, failed)
}

/**
 * What a platform means that gives no code or no phone number, by its number and its text. Whoever is not permitted (a privacy
 * guide, an agreement to it, a right of the program's own is lacking) need not try again.
 */
export const faultOf = (result: any): LocalCode => {
  const said = (result.errno || result.error) + ' ' + (result.errMsg || result.errorMessage)
  if (/^1400001/.test(said)) return 'phone_quota'
  if (/^1(04|12) |platform|permi|privacy/.test(said)) return 'not_permitted'
  if (/^11 |deny|cancel/i.test(said)) return 'denied'
  return /^(6000|5 |1[23] )|net|timed? ?out/i.test(said) ? 'network' : 'platform_failed'
}

export const refusing = (language: Language, code?: LocalCode): ((result: unknown) => never) => {
  return (result) => {
    throw local(code || faultOf(result), language(), result)
  }
}
