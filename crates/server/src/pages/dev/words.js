// All that the page says, [中文, English]. Text between `backticks` is shown as code, {name} is filled in.

const WORDS = {
  // The frame.
  tagline: ["小程序登录，本机试一遍", "Mini-program sign-in, tried on this machine"],
  skip: ["跳到经过", "Skip to what happens"],
  links: ["链接", "Links"],
  docs: ["接口文档", "API docs"],
  metrics: ["指标", "Metrics"],
  simulator: ["模拟微信", "Simulated WeChat"],
  language: ["语言", "Language"],
  phone: ["手机", "Phone"],
  about: [
    "menjin {version} · 签发者 `{issuer}` · 小程序 `{app}`（AppID `{appid}`）· 令牌给 `{audience}` · 后端 `{backend}`",
    "menjin {version} · issuer `{issuer}` · mini program `{app}` (AppID `{appid}`) · tokens for `{audience}` · back end `{backend}`",
  ],
  copy: ["复制 {what}", "Copy {what}"],
  copied: ["已复制", "Copied"],
  not_copied: ["浏览器不允许复制", "The browser refuses to copy"],

  // The phone.
  hello: ["欢迎使用 demo", "Welcome to demo"],
  hello_more: ["模拟的小程序，无需 AppID 和真机", "Simulated: no AppID, no phone needed"],
  choose: ["这部手机是谁的？", "Whose phone is this?"],
  other: ["或输入别的名字", "or type another name"],
  login: ["登录", "Sign in"],
  login_phone: ["手机号快捷登录", "Sign in with phone number"],
  weak: ["弱网", "weak"],
  nickname: ["昵称", "Nickname"],
  no_nickname: ["还没有昵称", "No nickname yet"],
  nickname_hint: ["给自己起个名字", "What are you called?"],
  save: ["设置昵称", "Set"],
  number: ["编号", "Number"],
  phone_number: ["手机号", "Phone number"],
  no_phone: ["未绑定", "none"],
  bind_phone: ["手机号授权", "Give it"],
  since: ["首次登录", "Since"],
  logout: ["退出登录", "Sign out"],
  unreachable: ["menjin 没有应答", "menjin does not answer"],
  unreachable_more: ["`menjin dev` 还在运行吗？", "Is `menjin dev` still running?"],
  signed_out: ["已退出登录", "Signed out"],
  signed_out_more: ["会话已在服务器上结束，令牌已从手机上删除。", "The session has ended on the server, and the phone has dropped its tokens."],
  session_kicked: ["你已被下线", "You were signed out"],
  session_kicked_more: ["管理员或另一台设备结束了这个会话（`session_kicked`）。令牌已清除，请重新登录。", "An operator or another device ended this session (`session_kicked`). The tokens are gone; please sign in again."],
  session_replaced: ["这台设备上有了新的登录", "This device signed in anew"],
  session_replaced_more: ["同一台设备再次登录会顶替旧会话（`session_replaced`），比如在另一个标签页里。", "A new sign-in of one device takes the place of the former one (`session_replaced`), as from another tab."],
  session_ended: ["会话已结束", "The session has ended"],
  session_ended_more: ["它已经退出（`session_ended`），请重新登录。", "It was signed out (`session_ended`); please sign in again."],
  session_expired: ["会话已过期", "The session has expired"],
  session_expired_more: ["太久没有使用（`session_expired`），请重新登录。", "It was not used for too long (`session_expired`); please sign in again."],
  refresh_reused: ["会话因可疑的刷新而结束", "A suspicious refresh ended the session"],
  refresh_reused_more: ["一个早已用过的刷新令牌又出现了（`refresh_reused`）：可能被盗，所以整个会话结束。", "A refresh token that was spent long ago came again (`refresh_reused`): it may be stolen, so the session ends."],
  signed_out_by: ["需要重新登录", "Please sign in again"],
  login_failed: ["登录没有成功", "The sign-in failed"],
  again: ["原样重试", "Try again"],

  // What can be tried.
  try: ["试一试", "Try it"],
  refresh: ["刷新令牌", "Refresh"],
  refresh_hint: ["旧的一对换新的一对", "A new pair for the old"],
  lose: ["丢失下一个应答", "Lose an answer"],
  lose_hint: ["像断网，然后自动重试", "Bad network, then retry"],
  me: ["我是谁", "Who am I"],
  me_hint: ["带令牌请求 /v1/me", "/v1/me with the token"],
  replay: ["重放 code", "Replay code"],
  replay_hint: ["再用一次，应得 401", "Once more, expect 401"],
  elsewhere: ["在别处登录", "Second device"],
  elsewhere_hint: ["同一个人的办公室电脑", "The same person's PC"],
  kick: ["把我踢下线", "Kick me"],
  kick_hint: ["像管理员那样结束会话", "As an operator would"],

  // Session and token.
  session: ["会话", "Session"],
  session_nothing: ["登录后，这里是服务器上的会话：在哪台设备上、何时打开、还在哪里登录着。", "After the sign-in: the session on the server, its device, its times, and where else you are signed in."],
  live: ["有效", "live"],
  session_id: ["会话 id", "Session id"],
  device: ["设备", "Device"],
  opened: ["打开于", "Opened"],
  ends: ["最迟结束", "Ends by"],
  refresh_token: ["刷新令牌", "Refresh token"],
  where: ["登录在哪里", "Where you are signed in"],
  this_device: ["这里", "here"],
  end_it: ["下线", "Sign out"],
  end_it_of: ["让 {name} 下线", "Sign out {name}"],
  token: ["访问令牌", "Access token"],
  token_nothing: ["登录后，这里拆开访问令牌：后端凭它就能知道你是谁，不必再问 menjin。", "After the sign-in: the access token, taken apart. A back end learns from it who you are, without asking menjin."],
  token_life: ["剩余有效期", "Time left"],
  token_left: ["还剩 {time}", "{time} left"],
  token_over: ["已过期：下一个请求会先自动刷新", "expired: the next request refreshes first"],
  token_over_short: ["已过期", "expired"],
  token_header: ["头部", "Header"],
  token_claims: ["声明", "Claims"],
  verified: ["签名有效：浏览器刚用 JWKS 里的公钥验证过，后端也是这样，不必问 menjin", "Signature good: verified in this browser with a public key of the JWKS, as a back end does without asking menjin"],
  not_verified: ["签名无效", "The signature is not good"],
  claim_alg: ["签名算法", "algorithm"],
  claim_kid: ["哪把公钥", "which key"],
  claim_typ: ["RFC 9068", "RFC 9068"],
  claim_iss: ["谁签发的", "who issued it"],
  claim_sub: ["用户", "the user"],
  claim_aud: ["给谁用的：每个后端只认自己的", "for whom: a back end takes only its own"],
  claim_exp: ["过期时间", "when it expires"],
  claim_iat: ["签发时间", "when it was issued"],
  claim_jti: ["这一枚令牌的编号", "this very token"],
  claim_sid: ["属于哪个会话", "the session it belongs to"],
  claim_client_id: ["经哪个应用登录", "the app it came through"],
  claim_auth_time: ["真正登录的时间", "when the person signed in"],
  claim_amr: ["怎样登录的", "how they signed in"],
  claim_scope: ["范围", "scope"],
  claim_roles: ["角色", "roles"],
  claim_permissions: ["权限", "permissions"],

  // The steps.
  steps: ["经过", "What happens"],
  clear: ["清空", "Clear"],
  empty: ["点手机上的「登录」，手机、menjin 与微信之间的每个请求会逐条出现在这里。", "Press “Sign in” on the phone: each request between phone, menjin and WeChat shows up here."],
  empty_1: ["手机调用 `wx.login()`，向微信要一个一次性 `code`", "The phone calls `wx.login()` and gets a one-time `code` from WeChat"],
  empty_2: ["小程序把 `code` 交给 menjin，换来用户、会话和一对令牌", "The mini program hands it to menjin for a user, a session and two tokens"],
  empty_3: ["之后每个请求带上访问令牌；快过期时用刷新令牌换新的", "Every request then carries the access token; the refresh token renews it"],
  details: ["请求与应答", "Request and answer"],
  request: ["请求", "Request"],
  answer: ["应答", "Answer"],
  no_body: ["（没有内容）", "(nothing)"],
  curl: ["复制为 cURL", "Copy as cURL"],
  lost: ["应答丢失", "answer lost"],
  lost_answer: ["应答（手机没有收到）", "Answer (the phone never saw it)"],
  no_answer: ["无应答", "no answer"],
  spoken: ["{what}：{status}。{why}", "{what}: {status}. {why}"],

  act_login: ["登录：{person}", "Sign in: {person}"],
  act_login_phone: ["手机号登录：{person}", "Sign in with phone number: {person}"],
  act_bind_phone: ["手机号授权", "Give the phone number"],
  act_refresh: ["刷新令牌", "Refresh tokens"],
  act_me: ["我是谁", "Who am I"],
  act_again: ["原样重试登录", "Try the sign-in again"],
  act_replay: ["重放 code", "Replay the code"],
  act_elsewhere: ["另一台设备登录", "Sign in elsewhere"],
  act_kick: ["踢下线", "Kick"],
  act_end: ["让别处下线", "Sign out elsewhere"],
  act_rename: ["设置昵称", "Set the nickname"],
  act_logout: ["退出登录", "Sign out"],
  act_resume: ["页面重新打开", "Page opened again"],

  why_wx_login: [
    "手机向微信要一个一次性的 `code`，5 分钟内有效。它本身不说明是谁，只有服务器能用它去换。这里由模拟器扮演微信。",
    "The phone asks WeChat for a one-time `code`, good for five minutes. It names nobody: only the server can trade it. Here the simulator plays WeChat.",
  ],
  why_wx_phone: [
    "点「手机号」按钮，微信给出另一个一次性 `code`。号码不经过手机：menjin 凭它直接向微信要。",
    "The phone-number button gives another one-time `code`. The number never passes through the phone: menjin asks WeChat for it.",
  ],
  why_wx_failed: ["模拟器拒绝了这个请求，原因在应答里。", "The simulator refuses; its answer says why."],
  why_login_new: [
    "menjin 用 `code` 向微信换来身份（只换一次），新建了用户，打开一个会话，签发一对令牌。`session_key` 留在服务器上。",
    "menjin traded the `code` for an identity, exactly once, made a new user, opened a session and signed two tokens. The `session_key` stays on the server.",
  ],
  why_login_known: [
    "menjin 用 `code` 换来身份，认出了这位用户，打开一个新会话，签发一对令牌。同一台设备的旧会话随之被顶替。",
    "menjin traded the `code` for an identity, knew the user, opened a new session and signed two tokens. A former session of this device gives way.",
  ],
  why_login_again: [
    "手机不知道登录成了没有，于是用同一个 `Idempotency-Key` 和同样的内容重发。menjin 认出它，不再问微信，给出同一个会话。",
    "The phone can't know whether the sign-in worked, so it repeats it with the same `Idempotency-Key` and body. menjin knows it, does not ask WeChat again and gives the same session.",
  ],
  why_login_elsewhere: [
    "同一个人，另一个 `device.id`：多了一个会话，这部手机的会话不受影响。它的令牌归那台电脑，页面不保存。",
    "The same person with another `device.id`: one more session, and this phone's is untouched. Its tokens would be the PC's; the page drops them.",
  ],
  why_replay: [
    "一个 `code` 只能用一次。没有 `Idempotency-Key` 的第二次使用就是重放：`code_used`，而且不再问微信。已有的会话不受影响。",
    "A `code` works once. A second use without the `Idempotency-Key` is a replay: `code_used`, and WeChat is not asked. The open session is untouched.",
  ],
  why_me: [
    "请求带着访问令牌。menjin 验证签名、有效期和会话是否还在，然后说出这是谁。",
    "The request carries the access token. menjin checks its signature, its time and that the session lives, and says who it is.",
  ],
  why_me_again: ["读取没有副作用，重发就好。", "Reading changes nothing, so it is simply asked again."],
  why_sessions: ["这个人登录着的所有地方。", "Everywhere this person is signed in."],
  why_refresh: [
    "刷新令牌换来新的一对。旧的就此用过：30 秒内再来是重试，更晚再来且新的已被使用，就是被盗。",
    "The refresh token is traded for a new pair and is now spent. Again within 30 seconds it is a retry; later, once its successor was used, it is theft.",
  ],
  why_refresh_again: [
    "手机手里还是旧的刷新令牌，原样重发。menjin 认出是刚用过的那一个，给出同一个继任者：没有人被锁在门外。",
    "The phone still holds the old refresh token and sends it again. menjin knows it as the one just spent and gives the same successor: nobody is locked out.",
  ],
  why_refresh_expired: ["访问令牌过期了（`token_expired`），应用先刷新，再重发原来的请求。", "The access token had expired (`token_expired`): an app refreshes, then repeats the request."],
  why_kick: [
    "像管理员那样结束这个会话（`/dev/kick` 只在 `menjin dev` 里有）。手机还不知道，它的访问令牌按时间也还没过期。",
    "Ends the session as an operator would (`/dev/kick` exists in `menjin dev` alone). The phone does not know, and by its time the access token is still good.",
  ],
  why_ended: [
    "会话已经结束，未过期的令牌也立刻被拒绝：`{code}`，`action` 是 `relogin`。应用应清除令牌，请人重新登录；页面上的手机就这样做了。",
    "The session is over, so even an unexpired token is refused at once: `{code}`, with `action` `relogin`. An app drops its tokens and offers the sign-in, as the phone just did.",
  ],
  why_rename: ["改自己的昵称；没有提到的字段保持不变。微信不再给真实昵称，要由用户自己填。", "Changes the nickname; what is left out stays. WeChat gives no real nicknames any more, so people type them."],
  why_again: ["应答丢了，同样的请求再发一次，结果不变。", "The answer was lost; the same request again has the same outcome."],
  why_end: ["结束自己在另一台设备上的会话；那台设备的下一个请求会得到 `session_kicked`。", "Ends one's own session on another device, which learns `session_kicked` at its next request."],
  why_logout: ["会话在服务器上结束，访问令牌和刷新令牌即刻失效；手机再删掉自己的那份。", "The session ends on the server and both tokens are dead at once; then the phone drops its copy."],
  why_problem: ["{title}：{detail}", "{title}: {detail}"],
  why_lost: [
    "请求到达了，服务器也处理了，但手机没有收到应答：页面把它扔掉了。手机无从得知，只能重试。",
    "The request arrived and the server did its work, but the phone never got the answer: the page threw it away. The phone can't know, so it retries.",
  ],
  why_no_answer: ["没有应答。`menjin dev` 还在运行吗？", "No answer. Is `menjin dev` still running?"],

  same_session: ["同一个会话：`{id}`", "The same session: `{id}`"],
  other_session: ["会话变了：`{id}`", "Another session: `{id}`"],
  same_refresh: ["刷新令牌与丢失的那份相同", "The refresh token equals the one that was lost"],
};

const KEPT = "menjin.dev.language";

let language = kept() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

function kept() {
  const text = localStorage.getItem(KEPT);
  return text === "zh" || text === "en" ? text : null;
}

/** `zh` or `en`. */
export function currentLanguage() {
  return language;
}

/** For `lang`, `Accept-Language` and dates. */
export function languageTag() {
  return language === "zh" ? "zh-CN" : "en";
}

export function chooseLanguage(chosen) {
  language = chosen;
  localStorage.setItem(KEPT, chosen);
}

export function has(key) {
  return Object.hasOwn(WORDS, key);
}

/** The words for `key`. What is filled in is text like any other: it can't bring backticks of its own. */
export function say(key, values = {}) {
  if (!has(key)) return key;
  const text = WORDS[key][language === "zh" ? 0 : 1];
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? "–").replaceAll("`", "'"));
}

export function dateTime(when) {
  return new Intl.DateTimeFormat(languageTag(), { dateStyle: "medium", timeStyle: "medium" }).format(new Date(when));
}

/** Without seconds, on the phone. */
export function dateMinute(when) {
  return new Intl.DateTimeFormat(languageTag(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(when));
}

/** The shortest, in lists. */
export function shortTime(when) {
  return new Intl.DateTimeFormat(languageTag(), { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date(when));
}

export function timeOfDay(when, seconds = true) {
  const options = { hour: "2-digit", minute: "2-digit", hour12: false };
  return new Intl.DateTimeFormat(languageTag(), seconds ? { ...options, second: "2-digit" } : options).format(new Date(when));
}
