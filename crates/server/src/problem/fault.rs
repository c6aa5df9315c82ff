//! What can be wrong with one member of a request, in both languages.

use super::words::Language;

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
    /// It is no idempotency key.
    NotAKey,
    /// It is no text.
    NotText,
    /// It is base64 whose `+` became a space.
    Unescaped,
    /// None of these is there.
    MissingOneOf(&'static [&'static str]),
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
}

impl Fault {
    pub(super) fn words(&self, language: Language) -> String {
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

    fn both(&self) -> (String, String) {
        let plain = |english: &str, chinese: &str| (english.to_owned(), chinese.to_owned());
        match self {
            Self::Missing => plain("is missing", "缺失"),
            Self::Twice => plain("stands twice", "重复出现"),
            Self::Empty => plain("is empty", "不能为空"),
            Self::TooLong(longest) => {
                (format!("is longer than {longest} characters"), format!("长度超过 {longest} 个字符"))
            }
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
