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
  /** As in `POST /dev/{name}/login`. */
  name: string
  /** A login code. */
  login(): Promise<string>
  send: Send
  upload(upload: Upload): Promise<Answer<any>>
  /** Whether the platform's own key for encrypted data is still good. */
  checkSession(): Promise<boolean>
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
export function promised<T>(call: Call, options: object, then: (result: any) => T, failed: (result: any) => T): Promise<T> {
  return new Promise<any>((success, fail) => {
    const returned = call(both(options, { success, fail })) as any
    if (returned && returned.catch) returned.catch(() => 0)
  }).then(then, failed)
}

export const refusing = (language: Language, code: LocalCode): (result: unknown) => never => {
  return (result) => {
    throw local(code, language(), result)
  }
}
