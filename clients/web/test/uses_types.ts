// A site that uses all of the types, with axios's own.

import axios from 'axios'
import { createClient, intercept, ownPath, type Client, type MenjinError, type SignedIn, type StorageChoice, type User } from '../src/index'

const storage: StorageChoice = 'local'
const account: Client = createClient({
  app: 'shop',
  baseUrl: '/login',
  storage,
  language: 'en',
  device: { class: 'pc', name: 'Till' },
  fetch: globalThis.fetch,
  onSessionEnd: ({ reason, error }) => console.log(reason, error?.title),
})
createClient({ app: 'shop', storage: sessionStorage })
// @ts-expect-error: which app must be said.
createClient({})
// @ts-expect-error: cookies hold no tokens.
createClient({ app: 'shop', storage: 'cookie' })

const off: () => void = intercept(axios.create({ baseURL: '/api' }), account, {
  loginPage: '/login',
  onForbidden: (error) => console.log(error),
  onNotFound: () => undefined,
  onError: () => undefined,
  origins: ['https://api.example.com'],
})

export async function page(): Promise<void> {
  const back: (SignedIn & { returnTo: string }) | null = await account.finishRedirect()
  if (back) location.assign(ownPath(back.returnTo))
  await account.startRedirect({ redirectUri: 'https://shop.example.com/arrived', returnTo: '/cart' })
  const signedIn: SignedIn = await account.login({ code: 'x', code_verifier: 'y' })
  const response: Response = await account.fetch('/api/orders', { method: 'POST', body: '{}' })
  const user: User = await account.setProfile({ nickname: signedIn.user.nickname ?? 'a' })
  await account.setAvatar(new Blob([await response.arrayBuffer()]))
  const token: string = await account.accessToken()
  const told: boolean = await account.logout().catch((error: MenjinError) => error.status > 0)
  console.log(user.id, token, told, account.current()?.need)
  account.onSessionEnd(() => undefined)()
  account.close()
  off()
}
