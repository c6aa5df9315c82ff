// A mini program that uses all of the types, compiled against the platform's own: `wx` fits, and so do its events.

import { createClient, type Client, type MenjinError, type SessionEnd, type SignedIn, type User } from '../src/index'

const found: Client = createClient({ baseUrl: 'https://login.example.com', app: 'shop' })
const account = createClient({
  baseUrl: 'https://login.example.com',
  app: 'shop',
  platform: wx,
  language: 'en',
  autoLogin: false,
  person: 'alice',
  device: { class: 'tablet', name: 'Pad', system: 'OS' },
  onSessionEnd: ({ reason, error }: SessionEnd) => wx.showToast({ title: error ? error.title : reason }),
})
// @ts-expect-error: where menjin is must be said.
createClient({ app: 'shop' })
// @ts-expect-error: a platform has functions.
createClient({ baseUrl: '', app: 'shop', platform: {} })

interface Order {
  id: number
}

Page({
  async onLoad() {
    await found.checkSession()
    const signedIn: SignedIn = await account.login()
    const isKept: boolean = signedIn.deletion_cancelled ?? false
    if (isKept || signedIn.need.includes('phone')) await account.login({ fresh: true, phone_code: 'x', profile: { nickname: 'a' } })
    const { data, statusCode, header } = await account.request<Order[]>({ url: '/orders', enableHttp2: true, timeout: 5000 })
    const ids: number[] = data.map((order) => order.id)
    const all: [number, string] = [statusCode, header['content-type']]
    const uploaded: string = (await account.uploadFile({ url: '/x', filePath: 'y', name: 'z', formData: { a: 1 } })).data
    const token: string = await account.accessToken()
    const who: SignedIn | null = account.current()
    const told: boolean = await account.logout()
    console.log(ids, all, uploaded, token, who, told)
  },
  async onPhone(event: WechatMiniprogram.ButtonGetPhoneNumber) {
    try {
      const user: User = await account.getPhoneNumber(event)
      return user.phone_masked
    } catch (error) {
      const { code, action, title, message, status, retryAfter } = error as MenjinError
      return [code, action, title, message, status, retryAfter]
    }
  },
  async onAvatar(event: WechatMiniprogram.CustomEvent<{ avatarUrl: string }>) {
    const user: User = await account.setAvatar(event)
    await account.setAvatar('wxfile://tmp_1.png')
    return (await account.setProfile({ nickname: '小明' })).id === user.id
  },
  async onProfile() {
    const sealed = await wx.getUserProfile({ desc: 'x' })
    return account.decrypt<{ nickName: string }>(sealed)
  },
  onUnload: found.onSessionEnd(() => undefined),
})
