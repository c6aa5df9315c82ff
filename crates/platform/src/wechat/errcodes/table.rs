//! The table of errcodes, ascending. One row an errcode: its number, how it is treated, cause and remedy.
//!
//! Not here: how it is looked up (`mod.rs`).

use crate::explained::{by_user, row};
use crate::{Explained, Kind};

const RENEWED: [&str; 2] = [
    "menjin 会自动换取新的 access_token 并重试一次；若持续出现，检查是否有其他程序用 getAccessToken 或强制刷新抢占了凭证。",
    "menjin renews the access_token and tries once more; if it goes on, look for another program that forces renewals.",
];
const LOGIN_AGAIN: [&str; 2] = [
    "让小程序重新调用 wx.login 获取新的 code 后再登录。",
    "Let the mini program call wx.login again and send the new code.",
];
const KEY_AGAIN: [&str; 2] = [
    "先调用 wx.login 重新登录，再让用户重新操作一次。",
    "Call wx.login and sign in first, then let the user repeat the action.",
];
const ASK_ADMIN: [&str; 2] = [
    "请小程序管理员在微信中确认，或把服务器 IP 加入白名单后再试。",
    "Ask the mini program's administrator to confirm it in WeChat, or put the server's address on the IP list.",
];
const REPORT: [&str; 2] =
    ["这是 menjin 的缺陷，请附上 rid 反馈。", "This is a defect of menjin; please report it with the rid."];

pub(super) static TABLE: [Explained; 39] = [
    row(
        -1,
        Kind::Busy,
        [
            "微信服务器繁忙。",
            "WeChat's servers are busy.",
            "稍后重试，同一个 code 仍可使用。",
            "Try again in a moment; the same code may be sent again.",
        ],
    ),
    row(
        40001,
        Kind::TokenStale,
        [
            "access_token 无效或不是最新；在换取凭证的接口上则表示 AppSecret 错误。",
            "The access_token is invalid or not the latest; from the token interface itself: the AppSecret is wrong.",
            RENEWED[0],
            RENEWED[1],
        ],
    ),
    row(40002, Kind::BadInput, ["grant_type 不合法。", "The grant_type is not valid.", REPORT[0], REPORT[1]]),
    row(
        40003,
        Kind::BadInput,
        [
            "openid 不合法，或不属于该小程序。",
            "The openid is not valid, or belongs to another app.",
            "检查应用的 AppID 是否在用户登录之后被更换。",
            "Check whether the app's AppID was changed after the user had signed in.",
        ],
    ),
    row(
        40013,
        Kind::Misconfigured,
        [
            "AppID 不存在或格式错误；换取手机号时表示 code 来自另一个小程序。",
            "The AppID does not exist or is malformed; with a phone code: the code was made in another mini program.",
            "在微信公众平台「开发管理」中核对 AppID，并确认客户端使用的是同一个小程序。",
            "Compare the AppID with the console of the mini program, and make sure that the client runs under the same one.",
        ],
    ),
    row(40014, Kind::TokenStale, ["access_token 不合法。", "The access_token is not valid.", RENEWED[0], RENEWED[1]]),
    by_user(
        40029,
        Kind::BadCode,
        [
            "code 无效：填写错误、已超过 5 分钟、来自另一个小程序，或把手机号 code 当成了登录 code。",
            "The code is not valid: mistyped, older than 5 minutes, another mini program's, or a phone code sent as a login code.",
            LOGIN_AGAIN[0],
            LOGIN_AGAIN[1],
        ],
    ),
    row(
        40030,
        Kind::BadInput,
        [
            "refresh_token 不合法。",
            "The refresh_token is not valid.",
            "让用户重新授权。",
            "Let the user authorise again.",
        ],
    ),
    row(40097, Kind::BadInput, ["参数错误。", "A parameter is not valid.", REPORT[0], REPORT[1]]),
    row(
        40125,
        Kind::Misconfigured,
        [
            "AppSecret 错误，或已被重置。",
            "The AppSecret is wrong, or has been reset.",
            "在微信公众平台核对或重置 AppSecret，并更新 menjin 的配置。",
            "Check or reset the AppSecret in the console and put it into menjin's configuration.",
        ],
    ),
    row(40129, Kind::BadInput, ["场景值不合法。", "The scene is not valid.", REPORT[0], REPORT[1]]),
    by_user(
        40163,
        Kind::CodeUsed,
        [
            "code 已被使用，每个 code 只能换取一次。",
            "The code has been used; each can be exchanged once.",
            LOGIN_AGAIN[0],
            LOGIN_AGAIN[1],
        ],
    ),
    row(
        40164,
        Kind::Misconfigured,
        [
            "服务器的出口 IP 不在小程序的 IP 白名单中。",
            "The server's outgoing address is not on the mini program's IP list.",
            "把 errmsg 中的 IP 加入微信公众平台的 IP 白名单。",
            "Put the address named in errmsg on the IP list in the console.",
        ],
    ),
    by_user(
        40226,
        Kind::Blocked,
        [
            "该用户被微信风控判定为高风险，登录被拦截。",
            "WeChat's risk control takes this user for a high risk and refuses the sign-in.",
            "不要重试；提示用户检查微信账号状态或联系微信客服。",
            "Do not retry; tell the user to look after the WeChat account or to ask WeChat's support.",
        ],
    ),
    row(
        40243,
        Kind::Misconfigured,
        [
            "AppSecret 已被冻结。",
            "The AppSecret is frozen.",
            "在微信公众平台解冻或重置 AppSecret。",
            "Unfreeze or reset the AppSecret in the console.",
        ],
    ),
    row(41001, Kind::BadInput, ["缺少 access_token。", "The access_token is missing.", REPORT[0], REPORT[1]]),
    row(
        41002,
        Kind::Misconfigured,
        [
            "缺少 appid。",
            "The appid is missing.",
            "检查应用的 AppID 配置，以及通往微信的代理是否丢弃了请求参数。",
            "Check the app's AppID in the configuration, and whether a proxy on the way to WeChat drops parameters.",
        ],
    ),
    row(
        41004,
        Kind::Misconfigured,
        [
            "缺少 AppSecret。",
            "The AppSecret is missing.",
            "检查应用的 AppSecret 配置，以及通往微信的代理是否丢弃了请求参数。",
            "Check the app's AppSecret in the configuration, and whether a proxy on the way to WeChat drops parameters.",
        ],
    ),
    row(
        41008,
        Kind::BadInput,
        [
            "缺少 code。",
            "The code is missing.",
            "检查通往微信的代理是否丢弃了请求参数。",
            "Check whether a proxy on the way to WeChat drops parameters.",
        ],
    ),
    row(42001, Kind::TokenStale, ["access_token 已过期。", "The access_token has expired.", RENEWED[0], RENEWED[1]]),
    row(
        43002,
        Kind::BadInput,
        [
            "该接口要求 POST 请求。",
            "The interface wants a POST.",
            "检查通往微信的代理是否改写了请求方法。",
            "Check whether a proxy on the way to WeChat changes the method.",
        ],
    ),
    row(
        43104,
        Kind::BadInput,
        [
            "openid 不属于这个小程序。",
            "The openid belongs to another app.",
            "检查应用的 AppID 是否在用户登录之后被更换。",
            "Check whether the app's AppID was changed after the user had signed in.",
        ],
    ),
    row(
        44002,
        Kind::BadInput,
        [
            "POST 数据为空。",
            "The body of the POST is empty.",
            "检查通往微信的代理是否丢弃了请求体。",
            "Check whether a proxy on the way to WeChat drops the body.",
        ],
    ),
    row(
        44991,
        Kind::Busy,
        [
            "内容安全检查的调用超过了每分钟的限制。",
            "Too many texts were sent to be checked within a minute.",
            "稍后重试；如经常出现，可向微信申请提高额度。",
            "Try again in a moment; if it comes often, ask WeChat for a higher limit.",
        ],
    ),
    row(
        45009,
        Kind::Quota,
        [
            "该接口当天的调用额度已用完。",
            "The interface's quota for today is used up.",
            "等到次日，或在微信公众平台申请清零、提升额度。",
            "Wait for the next day, or have the quota reset or raised in the console.",
        ],
    ),
    by_user(
        45011,
        Kind::Quota,
        [
            "调用过于频繁，超过了每分钟的限制。",
            "Too many calls within a minute.",
            "一分钟后重试；检查小程序是否在循环调用 wx.login。",
            "Try again in a minute; see that the mini program does not call wx.login in a loop.",
        ],
    ),
    row(47001, Kind::BadInput, ["请求数据格式错误。", "The request's data is malformed.", REPORT[0], REPORT[1]]),
    row(
        48001,
        Kind::Misconfigured,
        [
            "小程序没有该接口的权限。",
            "The mini program has no right to this interface.",
            "在微信公众平台开通相应权限；手机号接口要求非个人主体且已完成认证。",
            "Have the right granted in the console; phone numbers are only for verified mini programs that are not personal.",
        ],
    ),
    row(
        50004,
        Kind::Misconfigured,
        [
            "该账号被禁止使用获取凭证的接口。",
            "The account may not use the token interface.",
            "在微信公众平台查看账号的处罚与限制通知。",
            "Look for notices of restrictions in the console.",
        ],
    ),
    row(
        50007,
        Kind::Misconfigured,
        [
            "小程序账号已被冻结。",
            "The mini program's account is frozen.",
            "在微信公众平台查看冻结原因并申诉。",
            "Look for the reason in the console and appeal.",
        ],
    ),
    row(
        61003,
        Kind::Misconfigured,
        [
            "第三方平台未获得该小程序的授权。",
            "The third-party platform is not authorised by this mini program.",
            "请小程序管理员重新授权第三方平台。",
            "Ask the mini program's administrator to authorise the platform again.",
        ],
    ),
    row(
        61010,
        Kind::BadInput,
        [
            "用户最近两小时内没有打开过小程序，平台不做内容检查。",
            "The person was not in the mini program within two hours: WeChat does not judge what they write.",
            "让小程序重新调用 wx.login 登录后再提交。",
            "Let the mini program call wx.login and sign in, then send the text again.",
        ],
    ),
    by_user(
        87007,
        Kind::SessionKeyStale,
        ["session_key 不存在或已过期。", "The session_key does not exist or has expired.", KEY_AGAIN[0], KEY_AGAIN[1]],
    ),
    row(87008, Kind::BadInput, ["签名方法不合法。", "The sig_method is not valid.", REPORT[0], REPORT[1]]),
    by_user(
        87009,
        Kind::SessionKeyStale,
        [
            "签名不匹配：session_key 已被更新的 wx.login 替换或已过期。",
            "The signature does not match: a newer wx.login has replaced the session_key, or it has expired.",
            KEY_AGAIN[0],
            KEY_AGAIN[1],
        ],
    ),
    row(
        87014,
        Kind::BadInput,
        [
            "内容含有违规信息。",
            "The text is not fit to be shown.",
            "请用户换一个内容。",
            "Let the person choose another text.",
        ],
    ),
    row(
        89503,
        Kind::Misconfigured,
        [
            "此 IP 获取凭证需要管理员确认，正在等待确认。",
            "Calls for a token from this address await the administrator's confirmation.",
            ASK_ADMIN[0],
            ASK_ADMIN[1],
        ],
    ),
    row(
        89506,
        Kind::Misconfigured,
        [
            "管理员在 24 小时内拒绝了此 IP 的请求。",
            "The administrator has refused this address within the last 24 hours.",
            ASK_ADMIN[0],
            ASK_ADMIN[1],
        ],
    ),
    row(
        89507,
        Kind::Misconfigured,
        [
            "管理员在 1 小时内拒绝了此 IP 的请求。",
            "The administrator has refused this address within the last hour.",
            ASK_ADMIN[0],
            ASK_ADMIN[1],
        ],
    ),
];
