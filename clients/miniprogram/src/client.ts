// createClient: a mini program's account at menjin. Does not: keep or refresh tokens (session/), or know platforms (platform/).

import { told, type LoginAnswer, type SignedIn, type User } from './session/account'
import { both, given, parsed, random, refused, tried, type Answer, type Ask } from './session/ask'
import { isPassing, local, patience, type MenjinError } from './session/problem'
import { openSession, type SessionEnd } from './session/session'
import { platformOf } from './platform/find'
import type { MyLike } from './platform/my'
import { faultOf, type Device, type Upload } from './platform/platform'
import type { WxLike } from './platform/wx'

export interface ClientOptions {
  /** Where menjin is: `https://login.example.com`. */
  baseUrl: string
  /** The `id` of the `[[app]]`. */
  app: string
  /** `wx`, `qq`, `tt`, `my`, `Taro` or `uni`; found by itself where there is one. */
  platform?: WxLike | MyLike
  /** For the messages: `zh-CN` or `en`; the platform's own when left out. */
  language?: string
  /** `false`: `request()` never signs anybody in by itself, only `login()` does. */
  autoLogin?: boolean
  /** Instead of model and system as the platform tells them. */
  device?: Device
  /** Whom the simulator takes the developer for, where the tool has no AppID. */
  person?: string
  onSessionEnd?(end: SessionEnd): void
}

/** What goes with a sign-in, in the words of `POST /v1/login/{app}`. */
export interface LoginOptions {
  /** Signs in anew although a session lives. */
  fresh?: boolean
  phone_code?: string
  /** `response` of Alipay's `my.getPhoneNumber`, as it came. */
  signed_phone?: string
  profile?: { nickname?: string; avatar_url?: string }
  encrypted_data?: string
  iv?: string
  raw_data?: string
  signature?: string
}

export interface PhoneDetail {
  code?: string
  encryptedData?: string
  iv?: string
  /** Alipay's. */
  response?: string
  errMsg?: string
  errno?: number
  /** Alipay's. */
  error?: number
  errorMessage?: string
}
/** The event of a phone-number button. */
export interface PhoneEvent {
  detail: PhoneDetail
}

/** The event of a `chooseAvatar` button. */
export interface AvatarEvent {
  detail: { avatarUrl: string }
}

export interface Client {
  /** Signs in; a session that lives is used again, unless `fresh`. Taps while it runs get the same outcome. */
  login(options?: LoginOptions): Promise<SignedIn>
  /** Resolves to whether menjin could be told; on this phone nobody is signed in afterwards in any case. */
  logout(): Promise<boolean>
  /** As the platform's own request, with the token. Any status is an answer, but for a 401 that ended the session. */
  request<T = any>(ask: Ask): Promise<Answer<T>>
  /** As the platform's own `uploadFile`, likewise. */
  uploadFile(upload: Upload): Promise<Answer<string>>
  /** Who is signed in, as far as the phone knows; asks nobody. */
  current(): SignedIn | null
  /** A token that lives, for a web socket or a library of somebody else's. */
  accessToken(): Promise<string>
  /**
   * Call it when a page opens that will ask for encrypted data, before the tap: it signs in anew where the platform says that
   * its key has expired and menjin that the session lives. `true` when all was well already; refused with `signed_out` after a
   * logout or an end, and with its reason where that is learnt just now.
   */
  checkSession(): Promise<boolean>
  /** The event of a phone-number button, or what `my.getPhoneNumber` gives: binds the number, and resolves to the user. */
  getPhoneNumber(event: PhoneEvent | PhoneDetail): Promise<User>
  /** Opens what the platform has sealed: `{encryptedData, iv}` of `getUserProfile` and its like. */
  decrypt<T = any>(data: { encryptedData: string; iv: string }): Promise<T>
  setProfile(profile: { nickname?: string; avatar_url?: string }): Promise<User>
  /** The event of a `chooseAvatar` button, or the path of a picture: uploads it. */
  setAvatar(chosen: string | AvatarEvent): Promise<User>
  /** Tells once when the session has ended. Returns what stops it. */
  onSessionEnd(listener: (end: SessionEnd) => void): () => void
}

/** As long as menjin keeps the outcome of a sign-in for its `Idempotency-Key`, with time to spare. In milliseconds. */
const REPEATABLE = 45000
/** What WeChat's tool gives where it has no AppID. */
const MOCK = 'the code is a mock one'

export function createClient(options: ClientOptions): Client {
  const baseUrl = options.baseUrl.replace(/\/+$/, '')
  const app = options.app
  const place = 'menjin.' + app
  const platform = platformOf(options.platform, language)

  let known: any
  function info(): any {
    return (known = known || tried(platform.info) || {})
  }

  function language(): string {
    const spoken = (options.language || info().language || 'zh') + ''
    return /^zh/i.test(spoken) ? 'zh-CN' : spoken.replace('_', '-')
  }

  const read = (key: string): any => tried(() => platform.read(key))

  /** What storage does not take is remembered for as long as the program runs. */
  const write = (key: string, value: unknown): void => {
    try {
      platform.write(key, value)
    } catch (_) {
      // Better nothing than a token that was traded since.
      tried(() => platform.forget(key))
    }
  }

  let deviceId = ''
  let asking = ''
  const device = (): object => {
    deviceId = deviceId || read('menjin.device')
    if (!deviceId) write('menjin.device', (deviceId = random()))
    const { model, system, platform } = info()
    const told = { class: /^(windows|mac)/i.test(platform) ? 'pc' : 'phone', name: model, system }
    return both(options.device || told, { id: deviceId })
  }

  /** What `/` begins is menjin's. */
  const outward = <A extends Ask | Upload>(ask: A, token?: string): A => {
    const { url } = ask
    const header = both(both({ 'Accept-Language': language() }, ask.header), { Authorization: token && 'Bearer ' + token })
    return both(ask, { url: url.charAt(0) === '/' ? baseUrl + url : url, header })
  }

  const session = openSession({
    appId: app,
    tongue: language,
    send: (ask) => platform.send(outward(ask)),
    read: () => read(place),
    write: (record) => write(place, record),
    alone: (work) => work(),
    silently:
      options.autoLogin === false
        ? undefined
        : () => {
            asking = ''
            return signIn({}, 1)
          },
  })
  if (options.onSessionEnd) session.onEnd(options.onSessionEnd)
  const { asked, authorized, body, call, known: current, enter, entering, ready } = session

  /** A code, from the platform; from the simulator of a `menjin dev` where the tool has none to give. */
  const code = (): Promise<string> =>
    platform.newCode().then((given) => {
      if (given !== MOCK) return given
      return call('/.well-known/menjin', undefined, { method: 'GET' })
        .then((answer) => {
          const { simulated } = body<{ simulated?: string[] }>(answer)
          if (!simulated || simulated.indexOf(app) < 0) throw local('mock_code', language())
          return call('/dev/' + platform.brand + '/login', { person: options.person || 'developer' })
        })
        .then((answer) => body<{ code: string }>(answer).code)
    })

  /**
   * Signs in. A code goes to menjin again only as the same request with the same `Idempotency-Key`, while menjin remembers
   * that: it then answers with the same session. Else its fate is unknown, and the platform gives another one, once.
   */
  const signIn = (more: LoginOptions, codes: number): Promise<LoginAnswer> =>
    code().then((code) => {
      const data = both(more, { code, device: device() })
      const header = { 'Idempotency-Key': random() }
      const began = Date.now()
      const attempt = (tries: number): Promise<LoginAnswer> =>
        call('/v1/login/' + app, data, { header })
          .then(body<LoginAnswer>)
          .catch((error: MenjinError) => {
            const { action, code } = error
            const isKnown = action === 'retry' && code !== 'interrupted'
            return (isKnown ? patience(error, tries) : refused(error)).then(
              () => {
                const late = Date.now() - began
                return late >= 0 && late < REPEATABLE ? attempt(tries + 1) : anew(error)
              },
              () => (action === 'relogin' || !error.status ? anew(error) : refused(error)),
            )
          })
      // What is sealed beside a code goes with it.
      const anew = (error: MenjinError): Promise<LoginAnswer> =>
        codes > 1 || more.iv || more.raw_data ? refused(error) : signIn(more, 2)
      return attempt(1)
    })

  const login = (options?: LoginOptions): Promise<SignedIn> => {
    const more: LoginOptions = both({}, options)
    const isFresh = more.fresh
    delete more.fresh
    const key = JSON.stringify(more)
    const anew = () => {
      asking = key
      return enter(() => signIn(more, 1)).then((kept) => told(kept, true))
    }
    const running = entering()
    // A second tap waits for the first one's outcome.
    if (running && (key === '{}' || key === asking)) return running.then((kept) => told(kept, true))
    const again = () => login(options)
    if (running) return running.then(again, again)
    const kept = current()
    if (!kept || isFresh || key !== '{}') return anew()
    return ready().then(
      (alive) => told(alive, alive.session_id !== kept.session_id),
      (error: MenjinError) => {
        const still = current()
        // Offline one stays who one was.
        if (still && isPassing(error)) return told(still)
        // Whoever has tapped `logout()` meanwhile stays out.
        if (error.action !== 'relogin' || session.why() === 'logout') throw error
        return again()
      },
    )
  }

  const uploadFile = (upload: Upload): Promise<Answer<any>> =>
    authorized((token) => platform.upload(outward(upload, token)))

  /** What is sealed under a key of the platform that menjin no longer has: after a new sign-in the person taps again. */
  const sealed = <T>(path: string, data: object): Promise<T> =>
    asked<T>(path, 'POST', data).catch((error: MenjinError) => {
      const refuse = () => refused(error)
      return error.code === 'session_key_stale' && current() ? login({ fresh: true }).then(refuse, refuse) : refuse()
    })

  const changed = (lacking: string) => (me: { user: User; need?: string[] }) => {
    const kept = current()
    session.userIs(me.user, me.need || (kept ? kept.need.filter((it) => it !== lacking) : []))
    return me.user
  }

  return {
    login,
    logout: session.signOut,
    request: (ask) =>
      authorized((token) => platform.send(both({ method: 'GET' }, outward(ask, token)))) as Promise<Answer<any>>,
    uploadFile,
    current: () => {
      const kept = current()
      return kept && told(kept)
    },
    accessToken: () => ready().then((kept) => kept.access_token),
    checkSession: () => {
      // A page that opens brings nobody back who has signed out, or was signed out.
      const anew = () => (current() ? login({ fresh: true }) : ready())
      return (current() ? platform.keyLives() : given(false)).then(
        // An end may not be known here yet.
        (isGood) => isGood || (current() ? asked('/v1/me', 'GET').then(anew) : anew()).then(() => false),
      )
    },
    getPhoneNumber: (event) => {
      const detail: PhoneDetail = (event as PhoneEvent).detail || event
      const { code, encryptedData, iv, response } = detail
      const proof = code ? { code } : iv ? { encrypted_data: encryptedData, iv } : response && { signed_phone: response }
      if (proof) return sealed<{ user: User }>('/v1/me/phone', proof).then(changed('phone'))
      return refused(local(faultOf(detail), language(), detail))
    },
    decrypt: (data) => sealed('/v1/me/decrypt', { encrypted_data: data.encryptedData, iv: data.iv }),
    setProfile: (profile) => asked<{ user: User }>('/v1/me', 'PUT', profile).then(changed('profile')),
    setAvatar: (chosen) =>
      uploadFile({
        url: '/v1/me/avatar',
        filePath: typeof chosen === 'string' ? chosen : chosen.detail.avatarUrl,
        name: 'avatar',
      })
        .then((answer) => body<{ user: User }>(both(answer, { data: parsed(answer.data) })))
        .then(changed('profile')),
    onSessionEnd: session.onEnd,
  }
}
