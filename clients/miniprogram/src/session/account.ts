// What menjin says of people and sign-ins, in the words of its HTTP API.

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
}

/** The part of a sign-in's answer that this package reads. */
export interface LoginAnswer extends SignedIn {
  access_token: string
  refresh_token: string
  expires_in: number
}

/** Without the tokens. */
export const told = (given: SignedIn, isNew?: boolean): SignedIn => ({
  user: given.user,
  session_id: given.session_id,
  need: given.need || [],
  is_new_user: !!(isNew && given.is_new_user),
})
