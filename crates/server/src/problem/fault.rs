//! What can be wrong with one member of a request, in both languages.

use super::words::Language;
use crate::config::SCOPES;

/// Why a field can't stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is there twice.
    Twice,
    /// It is empty.
    Empty,
    /// It is longer than this.
    TooLong(usize),
    /// It is shorter than this.
    TooShort(usize),
    /// It is among the passwords that everybody tries first.
    TooCommon,
    /// It is the name of the account.
    IsTheName,
    /// It is no name that somebody may sign in by.
    NotAName,
    /// It is there already, and stays as it is.
    Settled,
    /// It is no name that stands in paths and in the audit.
    NotAPlainName,
    /// It is no id of an app.
    NotAnAppId,
    /// It is no name that an app may have.
    NotAShortName,
    /// It is no audience that an app may have.
    NotAnAudience,
    /// Some of it an app may not be granted.
    NotScopes,
    /// It is no `AppID` as the platform has them.
    OddAppid,
    /// It is empty, or stands where something else was to be put in.
    Placeholder,
    /// The platform has no apps of this kind.
    NotOffered,
    /// Such an app of the platform stands in `menjin.toml` alone.
    OfFileAlone,
    /// Nobody signs in from a back end.
    NotForBackends,
    /// It means nothing unless this is switched on, too.
    Needs(&'static str),
    /// It is no user's id, nor a number.
    NotAUser,
    /// What can't be undone was asked for without saying that this is known.
    NotCertain,
    /// It has another type than the route takes.
    WrongType,
    /// It has characters that nobody sees.
    Unprintable,
    /// It is none of the pages that the app's people come back to.
    NotRegistered,
    /// It is no challenge of PKCE, or no verifier.
    NotPkce,
    /// It is no code that a platform gives.
    NotACode,
    /// It is no access token of a session that lives.
    NotALivingToken,
    /// It is no web address.
    NotAnAddress,
    /// It is an address that only one phone knows: a picture that was chosen and not uploaded.
    NotUploaded,
    /// It is what the developer tools give for a code where no `AppID` is set.
    MockCode,
    /// No app here has this `AppID`.
    NoSuchAppid,
    /// It is none of these words.
    NotOneOf(&'static [&'static str]),
    /// It is no parameter of the route; these are.
    NotAFilter(&'static [&'static str]),
    /// The request takes nothing of this name there.
    NotTaken,
    /// It is missing where another one stands.
    MissingBeside(&'static str),
    /// It is no whole number between these.
    NotBetween(u32, u32),
    /// It is no phone number.
    NotAPhoneNumber,
    /// It is no date, and no time as RFC 3339 has it.
    NotATime,
    /// It is no id of this kind, nor a number.
    NotAnId(&'static str),
    /// It is no place in a list that an answer gave.
    NotACursor,
    /// It is no idempotency key.
    NotAKey,
    /// It is no text.
    NotText,
    /// It is base64 whose `+` became a space.
    Unescaped,
    /// None of these is there, of which one may be.
    MissingOneOf(&'static [&'static str]),
    /// None of these is there, of which all may be.
    MissingAnyOf(&'static [&'static str]),
    /// A claim that menjin itself writes.
    OwnClaim,
    /// It does not go together with another member.
    NotBeside(&'static str),
    /// The body is no JSON object.
    NotAnObject,
    /// The body has nothing in it.
    EmptyBody,
    /// The body is no JSON.
    NotJson {
        /// Where the parser stopped.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// The body ended too early.
    CutShort,
    /// Something stands behind the JSON value.
    Trailing,
    /// It is no key of session data.
    NotADataKey,
    /// It is no picture of a kind that is kept.
    NotAPicture,
    /// It is a picture that is broken, or cut short.
    BrokenPicture,
    /// It is a picture that moves.
    MovingPicture,
    /// It is a picture with a longer side than this.
    TooManyPixels(u32),
    /// It is encrypted data that holds a phone number.
    HoldsAPhoneNumber,
    /// It is encrypted data that holds no phone number.
    HoldsNoPhoneNumber,
    /// The form is not what RFC 7578 says.
    NotAForm,
    /// It is no value that every reader could read.
    NotAValue,
    /// It is no list of versions.
    NotAVersion,
    /// It has more members than this.
    TooMany(usize),
    /// The app asks people to agree to no such document.
    NoSuchDocument,
}

impl Fault {
    pub(crate) fn words(&self, language: Language) -> String {
        let (english, chinese) = self.both();
        match language {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    /// For operators' reports.
    pub(crate) fn english(&self) -> String {
        self.both().0
    }

    #[expect(clippy::too_many_lines, reason = "a table: each fault has its words in one place")]
    fn both(&self) -> (String, String) {
        let plain = |english: &str, chinese: &str| (english.to_owned(), chinese.to_owned());
        match self {
            Self::TooMany(most) => (format!("has more than {most} members"), format!("超过 {most} 项")),
            Self::NoSuchDocument => plain(
                "names no document that the app asks people to agree to: see `GET /v1/me/consents`",
                "不是该应用需要同意的文件：见 `GET /v1/me/consents`",
            ),
            Self::Missing => plain("is missing", "缺失"),
            Self::Twice => plain("stands twice", "重复出现"),
            Self::Empty => plain("is empty", "不能为空"),
            Self::TooLong(longest) => {
                (format!("is longer than {longest} characters"), format!("长度超过 {longest} 个字符"))
            }
            Self::TooShort(shortest) => {
                (format!("is shorter than {shortest} characters"), format!("长度不足 {shortest} 个字符"))
            }
            Self::TooCommon => plain(
                "is among the passwords that everybody tries first: choose another one",
                "太常见，极易被猜中：请换一个",
            ),
            Self::IsTheName => plain("is the name of the account: choose another one", "与用户名相同：请换一个"),
            Self::NotAName => plain(
                "must be 1 to 64 letters, digits and . _ - @ + without spaces",
                "必须由 1 到 64 个文字、数字或 . _ - @ + 组成，不含空格",
            ),
            Self::Settled => plain("is settled, and stays as it is: leave it out", "已设定且不可更改：请去掉该字段"),
            Self::NotAPlainName => plain(
                "must begin with a small letter, and have small letters, digits and . _ - alone, 32 at most",
                "必须以小写字母开头，只含小写字母、数字和 . _ -，最多 32 个字符",
            ),
            Self::NotAnAppId => plain("must be 1 to 32 of a-z 0-9 - _", "必须由 1 到 32 个小写字母、数字或 - _ 组成"),
            Self::NotAShortName => plain(
                "must be a short name of at most 64 bytes, without control characters",
                "必须是不超过 64 字节、不含控制字符的简短名称",
            ),
            Self::NotAnAudience => plain(
                "must be a short name without spaces of at most 64 bytes, e.g. `shop-api`, and not `server.public_url`, which is menjin itself",
                "必须是不含空格、不超过 64 字节的简短名称，例如 `shop-api`；不能是 `server.public_url`，那是 menjin 自己的受众",
            ),
            Self::NotScopes => {
                let known = SCOPES.map(|scope| format!("`{scope}`"));
                (
                    format!(
                        "are for back ends alone, and each is one of {} or `platform-token:` with the id of an app of a platform",
                        known.join(", ")
                    ),
                    format!(
                        "只用于后端应用，每一项须是 {} 之一，或 `platform-token:` 加上某个平台应用的 id",
                        known.join("、")
                    ),
                )
            }
            Self::OddAppid => plain(
                "is no AppID of the platform: `wx` and 16 hexadecimal digits at WeChat, about 10 digits at QQ, `tt` and 16 or 18 hexadecimal digits at Douyin",
                "不是该平台的 AppID：微信为 `wx` 加 16 位十六进制数，QQ 约为 10 位数字，抖音为 `tt` 加 16 或 18 位十六进制数",
            ),
            Self::Placeholder => {
                plain("is empty or a placeholder: put in the one that is meant", "为空或只是占位文字：请填入真正的值")
            }
            Self::NotOffered => plain(
                "is missing, or has no such apps: a mini program is of `wechat`, `qq` or `douyin`, a native app of `wechat`",
                "缺失，或没有这种应用：小程序可选 `wechat`、`qq`、`douyin`，原生应用可选 `wechat`",
            ),
            Self::OfFileAlone => plain(
                "has its sites in menjin.toml alone, each an [[app]] with `redirect_uris`",
                "平台的网站应用只能写在 menjin.toml 中（`[[app]]`，带有 `redirect_uris`）",
            ),
            Self::NotForBackends => plain(
                "is for what people sign in from: a back end has a client secret",
                "只用于用户登录的应用：后端应用使用应用密钥",
            ),
            Self::Needs(other) => (format!("needs `{other}`, too"), format!("需要同时开启 `{other}`")),
            Self::NotAUser => plain("must be an id (usr_…) or a number", "必须是用户 id（usr_…）或编号"),
            Self::NotCertain => plain(
                "is not ticked: what can't be undone is done only where the box that says so is ticked; nothing was done",
                "没有勾选：不能恢复的操作需要先勾选“我知道不能恢复”，尚未执行",
            ),
            Self::WrongType => plain("has the wrong type or value", "类型或取值不正确"),
            Self::Unprintable => plain("has control or invisible characters", "含有控制字符或不可见字符"),
            Self::NotRegistered => plain(
                "is not among the app's `redirect_uris` in menjin.toml, spelt exactly like this",
                "不在 menjin.toml 中该应用的 `redirect_uris` 之内（须逐字一致）",
            ),
            Self::NotPkce => plain(
                "is not as RFC 7636 has it: a verifier is 43 to 128 of A-Z a-z 0-9 - . _ ~, and a challenge is base64url of its SHA-256, without padding",
                "不符合 RFC 7636：verifier 由 43 到 128 个 A-Z a-z 0-9 - . _ ~ 字符组成，challenge 是其 SHA-256 的 base64url（无填充）",
            ),
            Self::NotACode => plain(
                "must be 1 to 128 visible ASCII characters, as the platform gave it",
                "必须是平台给出的 1 到 128 个可见 ASCII 字符",
            ),
            Self::NotALivingToken => plain(
                "is no access token of a living session: sign in to the other account, and send what that gave",
                "不是有效会话的 access token：请登录另一个账号并提交其 access token",
            ),
            Self::NotAnAddress => plain("must be an http(s) address", "必须是 http(s) 地址"),
            Self::NotUploaded => plain(
                "is a path on the person's own phone, or an address that nobody else can open: upload the picture first, and send the address that it has then",
                "是本机临时路径或别人打不开的地址：请先上传图片，再提交上传后的地址",
            ),
            Self::MockCode => plain(
                "is not a real one: the developer tools give it when no AppID is set; set one in project.config.json",
                "不是真实的 code：开发者工具未设置 AppID 时会给出它，请先在 project.config.json 中设置 AppID",
            ),
            Self::NoSuchAppid => plain("is the AppID of no app here", "不是本系统任何应用的 AppID"),
            Self::NotOneOf(words) => {
                let words = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>();
                (format!("must be one of {}", words.join(", ")), format!("必须是 {} 之一", words.join("、")))
            }
            Self::NotAFilter(filters) => {
                let filters = filters.iter().map(|filter| format!("`{filter}`")).collect::<Vec<_>>();
                (
                    format!("is no parameter of this route, which has {}", filters.join(", ")),
                    format!("不是这里的参数，可用的有 {}", filters.join("、")),
                )
            }
            Self::NotTaken => plain(
                "is nothing that this request takes: look at its spelling, and whether it belongs into the query or into the body",
                "不被此请求接受：请检查拼写，以及它应在查询参数还是请求体中",
            ),
            Self::MissingBeside(other) => {
                (format!("is missing: `{other}` says nothing by itself"), format!("缺失：`{other}` 不能单独使用"))
            }
            Self::NotBetween(least, most) => (
                format!("must be a whole number from {least} to {most}"),
                format!("必须是 {least} 到 {most} 之间的整数"),
            ),
            Self::NotAPhoneNumber => plain(
                "is no phone number: it begins with + and its country code, e.g. +8613800000000",
                "不是手机号：请以 + 和国家码开头，例如 +8613800000000",
            ),
            Self::NotATime => plain(
                "must be a date, e.g. 2026-01-31, or a time with a zone, e.g. 2026-01-31T08:00:00Z",
                "必须是日期（例如 2026-01-31）或带时区的时间（例如 2026-01-31T08:00:00Z）",
            ),
            Self::NotAnId(form) => (format!("must be an id ({form})"), format!("必须是 id（{form}）")),
            Self::NotACursor => plain("is no `next` of an answer", "不是上一次应答中的 `next`"),
            Self::NotAKey => plain(
                "must stand once, with 1 to 128 visible ASCII characters",
                "必须只出现一次，由 1 到 128 个可见 ASCII 字符组成",
            ),
            Self::NotText => plain("is not text", "不是有效文本"),
            Self::Unescaped => plain(
                "has spaces where base64 has `+`: send it as JSON, or percent-encode it",
                "中的 `+` 变成了空格：请以 JSON 发送或先做 URL 编码",
            ),
            Self::MissingOneOf(words) => {
                let words = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>();
                (
                    format!("is missing: send exactly one of {}", words.join(", ")),
                    format!("缺失：必须提供 {} 之一", words.join("、")),
                )
            }
            Self::MissingAnyOf(words) => {
                let words = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>();
                (
                    format!("is missing: send at least one of {}", words.join(", ")),
                    format!("缺失：至少提供 {} 之一", words.join("、")),
                )
            }
            Self::OwnClaim => plain(
                "has a name that menjin itself writes into tokens: choose another",
                "含有令牌自身使用的字段名：请换一个名字",
            ),
            Self::NotBeside(other) => {
                (format!("does not go together with `{other}`"), format!("不能与 `{other}` 同时使用"))
            }
            Self::NotAnObject => plain("it must be a JSON object", "必须是 JSON 对象"),
            Self::EmptyBody => plain("the body is empty", "请求体为空"),
            Self::NotJson { line, column } => (
                format!("it is not JSON at line {line}, column {column}"),
                format!("第 {line} 行第 {column} 列不是有效的 JSON"),
            ),
            Self::CutShort => plain("it ended too early", "未完整到达"),
            Self::Trailing => plain("something stands behind the JSON value", "JSON 之后还有多余内容"),
            Self::NotADataKey => plain(
                "must have 1 to 64 of A-Z a-z 0-9 . _ : - as its name, and not be `.` or `..`",
                "的键名必须由 1 到 64 个 A-Z a-z 0-9 . _ : - 组成，且不能是 `.` 或 `..`",
            ),
            Self::NotAPicture => plain(
                "is no picture in JPEG, PNG or WebP, whatever it is called",
                "不是 JPEG、PNG 或 WebP 图片（按内容判断，与文件名无关）",
            ),
            Self::BrokenPicture => plain("is a broken picture, or one that was cut short", "图片已损坏或不完整"),
            Self::MovingPicture => plain("is a moving picture: send one that stands still", "是动图，请使用静态图片"),
            Self::TooManyPixels(longest) => (
                format!("is a picture with more than {longest} pixels on one side"),
                format!("图片边长超过 {longest} 像素"),
            ),
            Self::HoldsAPhoneNumber => plain(
                "holds a phone number: send it to POST /v1/me/phone, which binds it and shows it masked",
                "是手机号数据：请提交到 POST /v1/me/phone 绑定，只会返回打码后的号码",
            ),
            Self::HoldsNoPhoneNumber => plain("holds no phone number", "不是手机号数据"),
            Self::NotAForm => plain("it is not as RFC 7578 has it", "不符合 RFC 7578"),
            Self::NotAValue => plain(
                "is nested too deeply, or has a number or half a character that JSON readers refuse",
                "嵌套过深，或含有 JSON 解析器无法接受的数字或半个字符",
            ),
            Self::NotAVersion => plain(
                "must be * or what an ETag of this route said, in its quotes",
                "必须是 * 或本接口 ETag 给出的值（带引号）",
            ),
        }
    }
}
