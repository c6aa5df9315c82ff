// What menjin says of people and sign-ins, in the words of its HTTP API.

import { both } from './ask'

export interface User {
  id: string
  number: number
  nickname: string | null
  avatar_url: string | null
  phone_masked: string | null
  created_at: string
}

/** What `login()` resolves to. */
export interface SignedIn {
  user: User
  session_id: string
  /** What the app wants and the person lacks: `phone`, `profile`, `consent`. */
  need: string[]
  /** Whether this very call made the user. */
  is_new_user: boolean
  /** There, and true, where the account was to be deleted and this very call has kept it: tell the person. */
  deletion_cancelled?: boolean
}

/** The part of a sign-in's answer that this package reads. */
export interface LoginAnswer extends SignedIn {
  access_token: string
  refresh_token: string
  expires_in: number
}

/** Without the tokens; what only the call that signed in is told, where `isNew`. */
export const told = (given: SignedIn, isNew?: boolean): SignedIn => {
  const { user, session_id, need, is_new_user, deletion_cancelled } = given
  const lasting = { user, session_id, need: need || [], is_new_user: false }
  return both(lasting, isNew ? { is_new_user, deletion_cancelled } : {})
}
