//! WeChat's errcodes and the texts that come with them, without the rid.
//!
//! <https://developers.weixin.qq.com/doc/oplatform/developers/errCode/>

/// Why WeChat refuses. The spelling of the texts is WeChat's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    SystemError,
    InvalidCredential,
    InvalidGrantType,
    InvalidOpenid,
    InvalidAppid,
    InvalidCode,
    InvalidRefreshToken,
    InvalidArgs,
    InvalidSecret,
    CodeBeenUsed,
    CodeBlocked,
    AccessTokenMissing,
    AppidMissing,
    SecretMissing,
    CodeMissing,
    AccessTokenExpired,
    RefreshTokenExpired,
    ApiUnauthorized,
    RequirePost,
    EmptyPostData,
    DailyQuota,
    MinuteQuota,
    DataFormat,
    SessionKeyGone,
    InvalidSigMethod,
    InvalidSignature,
    InvalidScene,
    BadPath,
    BadScene,
    InvalidPage,
    OpenidOfAnotherApp,
    TooManyChecks,
    TooManyCodes,
    TooManyClears,
    NotActive,
    NotAuthorized,
    RidUnknown,
    BadRid,
    RidOfAnother,
    RidTooOld,
    RidOfSns,
    ReservedWord,
    RiskyContent,
    NotBound,
    InvalidTrade,
    /// One whose errcode the policy chooses.
    Chosen(i64),
}

/// Texts of errcodes that only faults answer with.
const OTHERS: [(i64, &str); 7] = [
    (40014, "invalid access_token"),
    (40164, "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist"),
    (40243, "invalid appsecret"),
    (50004, "use of access_token is forbidden"),
    (50007, "account is frozen"),
    (89503, "this ip needs the administrator's confirmation"),
    (89506, "the administrator refused this ip"),
];

impl Refusal {
    const ALL: &[Self] = &[
        Self::SystemError,
        Self::InvalidCredential,
        Self::InvalidGrantType,
        Self::InvalidOpenid,
        Self::InvalidAppid,
        Self::InvalidCode,
        Self::InvalidRefreshToken,
        Self::InvalidArgs,
        Self::InvalidSecret,
        Self::CodeBeenUsed,
        Self::CodeBlocked,
        Self::AccessTokenMissing,
        Self::AppidMissing,
        Self::SecretMissing,
        Self::CodeMissing,
        Self::AccessTokenExpired,
        Self::RefreshTokenExpired,
        Self::ApiUnauthorized,
        Self::RequirePost,
        Self::EmptyPostData,
        Self::DailyQuota,
        Self::MinuteQuota,
        Self::DataFormat,
        Self::SessionKeyGone,
        Self::InvalidSigMethod,
        Self::InvalidSignature,
        Self::InvalidScene,
        Self::BadPath,
        Self::BadScene,
        Self::InvalidPage,
        Self::OpenidOfAnotherApp,
        Self::TooManyChecks,
        Self::TooManyCodes,
        Self::TooManyClears,
        Self::NotActive,
        Self::NotAuthorized,
        Self::RidUnknown,
        Self::BadRid,
        Self::RidOfAnother,
        Self::RidTooOld,
        Self::RidOfSns,
        Self::ReservedWord,
        Self::RiskyContent,
        Self::NotBound,
        Self::InvalidTrade,
    ];

    pub(crate) fn errcode(self) -> i64 {
        self.spec().0
    }

    pub(crate) fn text(self) -> &'static str {
        self.spec().1
    }

    fn spec(self) -> (i64, &'static str) {
        match self {
            Self::SystemError => (-1, "system error"),
            Self::InvalidCredential => (
                40001,
                "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, \
                 more details at https://mmbizurl.cn/s/JtxxFh33r",
            ),
            Self::InvalidGrantType => (40002, "invalid grant_type"),
            Self::InvalidOpenid => (40003, "invalid openid"),
            Self::InvalidAppid => (40013, "invalid appid"),
            Self::InvalidCode => (40029, "invalid code"),
            Self::InvalidRefreshToken => (40030, "invalid refresh_token"),
            Self::InvalidArgs => (40097, "invalid args"),
            Self::InvalidSecret => (40125, "invalid appsecret"),
            Self::CodeBeenUsed => (40163, "code been used"),
            Self::CodeBlocked => (40226, "code blocked"),
            Self::AccessTokenMissing => (41001, "access_token missing"),
            Self::AppidMissing => (41002, "appid missing"),
            Self::SecretMissing => (41004, "appsecret missing"),
            Self::CodeMissing => (41008, "missing code"),
            Self::AccessTokenExpired => (42001, "access_token expired"),
            Self::RefreshTokenExpired => (42002, "refresh_token expired"),
            Self::ApiUnauthorized => (48001, "api unauthorized"),
            Self::RequirePost => (43002, "require POST method"),
            Self::EmptyPostData => (44002, "empty post data"),
            Self::DailyQuota => (45009, "reach max api daily quota limit"),
            Self::MinuteQuota => (45011, "api minute-quota reach limit  mustslower  retry next minute"),
            Self::DataFormat => (47001, "data format error"),
            Self::SessionKeyGone => (87007, "session_key is not existd or expired"),
            Self::InvalidSigMethod => (87008, "invalid sig_method"),
            Self::InvalidSignature => (87009, "invalid signature"),
            Self::InvalidScene => (40129, "invalid scene"),
            Self::BadPath => (40159, "invalid length for path, or the data is not json string"),
            Self::BadScene => (40169, "invalid length for scene, or the data is not json string"),
            Self::InvalidPage => (41030, "invalid page"),
            Self::OpenidOfAnotherApp => (43104, "appid does not match with openid"),
            Self::TooManyChecks => (44991, "out of frequency limit"),
            Self::TooManyCodes => (45029, "qrcode count out of limit"),
            Self::TooManyClears => (48006, "forbid to clear quota because of reaching the limit"),
            Self::NotAuthorized => (61003, "component is not authorized by this account"),
            Self::NotActive => (61010, "code is expired"),
            Self::RidUnknown => (76001, "rid not found"),
            Self::BadRid => (76002, "rid is error"),
            Self::RidOfAnother => (76003, "could not query this rid for no permission"),
            Self::RidTooOld => (76004, "rid time is error"),
            Self::RidOfSns => (76022, "could not use this rid"),
            Self::ReservedWord => (85096, "not allow include scancode_time field"),
            Self::RiskyContent => (87014, "risky content"),
            Self::NotBound => (89002, "open not exists"),
            Self::InvalidTrade => (89300, "invalid trade"),
            Self::Chosen(errcode) => (errcode, text_of(errcode)),
        }
    }
}

/// The text that WeChat sends with an errcode, as far as it is known.
pub(crate) fn text_of(errcode: i64) -> &'static str {
    let known = Refusal::ALL.iter().copied().map(Refusal::spec).chain(OTHERS).find(|(known, _)| *known == errcode);
    known.map_or("error", |(_, text)| text)
}
