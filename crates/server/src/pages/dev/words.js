// All that the page says, [中文, English], but for requests and tokens (`words_log.js`). Text between `backticks` is shown as code,
// {name} is filled in.

import { LOG_WORDS } from "./words_log.js";

const WORDS = {
  ...LOG_WORDS,

  // The frame.
  tagline: ["小程序登录，本机试一遍", "Mini-program sign-in, tried on this machine"],
  links: ["链接", "Links"],
  console: ["控制台", "Console"],
  docs: ["接口文档", "API docs"],
  metrics: ["指标", "Metrics"],
  simulator: ["模拟微信", "Simulator"],
  language: ["语言", "Language"],
  add_phone: ["添一部手机", "Add a phone"],
  about: [
    "menjin {version} · 签发者 `{issuer}` · 令牌给 `{audience}` · 后端 `{backend}` · 手机上的 SDK 就是 `/sdk/miniprogram.js`",
    "menjin {version} · issuer `{issuer}` · tokens for `{audience}` · back end `{backend}` · the phones run `/sdk/miniprogram.js`",
  ],
  copy: ["复制 {what}", "Copy {what}"],
  copied: ["已复制", "Copied"],
  not_copied: ["浏览器不允许复制", "The browser refuses to copy"],
  unreachable: ["menjin 没有应答。", "menjin does not answer."],
  unreachable_more: ["`menjin dev` 还在运行吗？", "Is `menjin dev` still running?"],
  sites: ["网页也能登录", "Pages sign in, too"],
  sites_more: ["公众号网页与网站扫码：浏览器去平台走一趟再回来。", "Inside WeChat or by scanning: the browser goes to the platform and comes back."],
  sites_open: ["打开网页登录", "Open web sign-in"],

  // A phone, from outside.
  phone_n: ["手机 {number}", "Phone {number}"],
  phone_of: ["手机 {number}，{person} 的", "Phone {number}, {person}'s"],
  whose: ["这部手机是谁的", "Whose phone this is"],
  which_app: ["打开哪个小程序", "Which mini program is open"],
  another_person: ["新的人…", "Somebody new…"],
  new_person: ["名字", "Name"],
  take_it: ["就是 TA", "OK"],
  remove_phone: ["拿走这部手机", "Take this phone away"],
  wechat: ["微信", "WeChat"],
  qq: ["QQ", "QQ"],
  douyin: ["抖音", "Douyin"],
  alipay: ["支付宝", "Alipay"],
  network: ["网络", "Network"],
  weather_good: ["正常", "Good"],
  weather_good_more: ["请求与应答都畅通。", "Requests and answers come through."],
  weather_slow: ["很慢", "Slow"],
  weather_slow_more: ["来回各要将近一秒。", "Almost a second each way."],
  weather_lose_one: ["丢一个", "Lose one"],
  weather_lose_one_more: ["下一个请求会到达 menjin，应答丢失；SDK 会自己再来一次。", "The next request reaches menjin and its answer is lost; the SDK tries again by itself."],
  weather_lose_all: ["全丢", "Lose all"],
  weather_lose_all_more: ["请求都到达 menjin，应答全部丢失。", "All requests reach menjin, and no answer comes back."],
  weather_airplane: ["飞行", "Offline"],
  weather_airplane_more: ["什么都发不出去。", "Nothing leaves the phone."],
  expire: ["让令牌过期", "Expire the token"],
  expire_hint: ["此刻起 menjin 不再认它", "From now on menjin refuses it"],
  refresh: ["刷新令牌", "Refresh"],
  refresh_hint: ["像放了一小时：先续期再请求", "As after an hour: renew, then ask"],
  kick: ["踢下线", "Kick"],
  kick_hint: ["像管理员那样结束会话", "As an operator would"],
  restart: ["重启小程序", "Restart"],
  restart_hint: ["内存清空，存储还在", "Memory gone, storage kept"],
  replay: ["重放 code", "Replay the code"],
  replay_hint: ["再用一次，应得 401", "Once more, expect 401"],
  beside: ["再来一部", "One beside it"],
  beside_hint: ["同一个人在另一部手机上", "The same person, another phone"],

  // The mini program.
  hello: ["欢迎使用 {app}", "Welcome to {app}"],
  hello_more: ["模拟的小程序，无需 AppID 和真机", "Simulated: no AppID, no phone needed"],
  login: ["登录", "Sign in"],
  login_phone: ["手机号快捷登录", "Sign in with phone number"],
  by_sdk: ["由 `@menjin/miniprogram` 登录", "Signed in by `@menjin/miniprogram`"],
  back: ["返回", "Back"],
  profile: ["个人资料", "Profile"],
  avatar: ["头像", "Picture"],
  nickname: ["昵称", "Nickname"],
  no_nickname: ["还没有昵称", "No nickname yet"],
  nickname_hint: ["给自己起个名字", "What are you called?"],
  profile_more: ["微信不再给真实的昵称和头像，由用户自己填写。", "WeChat gives no real names and pictures any more: people fill them in."],
  save: ["保存", "Save"],
  saved: ["已保存", "Saved"],
  number: ["第 {number} 号 · {since}", "No. {number} · {since}"],
  phone_number: ["手机号", "Phone number"],
  no_phone: ["去绑定", "Add"],
  phone_needed: ["需要绑定", "Needed"],
  phone_bound: ["手机号已绑定", "Number added"],
  ask: ["请求受保护的接口", "A protected request"],
  many: ["一次发出 {count} 个请求", "{count} requests at once"],
  many_hint: ["令牌过期时也只刷新一次", "One refresh for all of them"],
  where: ["登录设备", "Devices"],
  where_more: ["这个人登录着的所有地方。", "Everywhere this person is signed in."],
  check: ["检查 session_key", "Check the session_key"],
  key_good: ["有效", "good"],
  key_renewed: ["已重新登录", "signed in anew"],
  this_device: ["本机", "here"],
  end_it: ["下线", "Sign out"],
  end_it_of: ["让 {name} 下线", "Sign out {name}"],
  logout: ["退出登录", "Sign out"],
  welcome: ["注册成功", "Welcome"],
  welcome_back: ["欢迎回来", "Welcome back"],
  denied: ["你拒绝了授权", "You refused"],
  failed: ["没有成功", "It did not work"],
  again: ["重试", "Try again"],
  offline: ["网络不可用", "You are offline"],
  offline_more: ["关掉飞行模式后再试。", "Try again when airplane mode is off."],
  no_answer_title: ["没有收到应答", "No answer came"],
  no_answer_more: ["网络不好，或者 `menjin dev` 没有在运行。", "The network is bad, or `menjin dev` is not running."],
  tokens_kept: ["登录状态还在。", "You are still signed in."],
  signed_out: ["已退出登录", "Signed out"],
  signed_out_more: ["会话已在服务器上结束，令牌已从手机上删除。", "The session has ended on the server, and the phone has dropped its tokens."],
  signed_out_untold: ["令牌已从手机上删除；没有网络，服务器还不知道。", "The phone has dropped its tokens; without a network the server could not be told."],
  replaced_by: ["{device} · {time}", "{device} · {time}"],
  login_again: ["重新登录", "Sign in again"],
  later: ["知道了", "Not now"],

  // What the platform asks.
  asks: ["申请", "asks"],
  ask_phone: ["获取你的手机号", "For your phone number"],
  ask_avatar: ["获取你的头像", "For your picture"],
  own_number: ["本机号码", "Your own number"],
  number_of: ["{person} 绑定的号码", "{person}'s number"],
  allow: ["允许", "Allow"],
  deny: ["拒绝", "Refuse"],
  cancel: ["取消", "Cancel"],
  platforms_picture: ["用微信头像", "The picture from WeChat"],
  from_album: ["从相册选择", "Choose from album"],
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

/** On the phone. */
export function date(when) {
  return new Intl.DateTimeFormat(languageTag(), { dateStyle: "medium" }).format(new Date(when));
}

/** The shortest, in lists. */
export function shortTime(when) {
  return new Intl.DateTimeFormat(languageTag(), { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date(when));
}

export function timeOfDay(when, seconds = true) {
  const options = { hour: "2-digit", minute: "2-digit", hour12: false };
  return new Intl.DateTimeFormat(languageTag(), seconds ? { ...options, second: "2-digit" } : options).format(new Date(when));
}
