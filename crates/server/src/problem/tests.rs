//! The catalogue is whole: every problem has its words, all words have their problem, and both agree on the status.

use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use menjin_guard::{EndedBecause, Refusal};
use menjin_token::{Invalid, Timestamp};
use serde_json::Value;

use super::*;
use crate::store::DeviceClass;

/// One of each. A new variant stops this file from compiling until it stands in [`place`], and then must stand here.
fn one_of_each() -> Vec<Problem> {
    let wait = Duration::from_secs(1);
    let status = StatusCode::UNAUTHORIZED;
    let mut all = vec![
        Problem::field("code", Fault::Missing),
        Problem::BadJson(Fault::CutShort),
        Problem::BadContentType,
        Problem::BadForm(Fault::NotAForm),
        Problem::PhoneCodeInvalid(None),
        Problem::PhoneTaken,
        Problem::NicknameRefused,
        Problem::NicknameUnchecked,
        Problem::ProfileNotKept,
        Problem::PictureUnknown,
        Problem::BodyTooLarge,
        Problem::BodyTooSlow,
        Problem::RouteUnknown,
        Problem::MethodUnknown,
        Problem::AppUnknown,
        Problem::UnsupportedByPlatform,
        Problem::CodeUsed,
        Problem::CodeInvalid(None),
        Problem::PlatformBlocked(None),
        Problem::IdempotencyMismatch,
        Problem::PlatformBusy { retry_after: wait },
        Problem::PlatformUnavailable,
        Problem::PlatformQuota { retry_after: wait, errcode: 45009 },
        Problem::PlatformMisconfigured { errcode: None, remedy: None },
        Problem::SessionKeyStale,
        Problem::TokenMissing,
        Problem::TokenInvalid,
        Problem::TokenExpired { status },
        Problem::OldTokenExpired { status },
        Problem::ReauthRequired,
        Problem::OtherReauthRequired,
        Problem::ClientInvalid,
        Problem::PlatformTokenLimit { retry_after: wait },
        Problem::InsufficientScope("orders:read".to_owned()),
        Problem::NotGranted("platform-token:shop".to_owned()),
        Problem::Forbidden,
        Problem::OriginRefused,
        Problem::FormRefused,
        Problem::PushRefused(menjin_platform::NotTaken::Signature),
        Problem::SessionUnknown,
        Problem::Replaced(Replacement { class: DeviceClass::Phone, name: None, at: Timestamp::default() }),
        Problem::SessionsFull,
        Problem::PasswordWrong,
        Problem::OldPasswordWrong,
        Problem::UsernameTaken,
        Problem::PasswordOvertaken,
        Problem::ResetCodeInvalid,
        Problem::PasswordsBusy,
        Problem::UserUnknown,
        Problem::OperatorRequired,
        Problem::RightMissing,
        Problem::LastAdmin,
        Problem::OperatorUnknown,
        Problem::OperatorExists,
        Problem::LinkInvalid,
        Problem::UserErased,
        Problem::DeletionNotRequested,
        Problem::ConsentOutdated,
        Problem::StreamsFull,
        Problem::SubjectTokenMissing,
        Problem::BackendOnly,
        Problem::KeyUnknown,
        Problem::VersionMismatch { current: Some(7) },
        Problem::SessionDataFull,
        Problem::TooManyRequests { retry_after: wait },
        Problem::StoreUnavailable(anyhow::anyhow!("down")),
        Problem::SignInLost(anyhow::anyhow!("down")),
        Problem::RevocationsStale,
        Problem::ForwardAuthMisconfigured("a parameter stands twice"),
        Problem::TokenUsed,
        Problem::OtherAudience,
        Problem::TokenInvalid.in_header("Menjin-Subject-Token"),
        Problem::SnapshotUser,
        Problem::SignInDenied,
        Problem::SignInNotUnderWay,
        Problem::TimedOut,
        Problem::Internal(anyhow::anyhow!("a bug")),
    ];
    all.extend(RoleFault::ALL.map(Problem::Role));
    all.extend(Misuse::ALL.map(Problem::Misuse));
    all.extend(PeopleFault::ALL.map(Problem::People));
    all.extend(catalogue().keys().filter_map(|code| EndReason::from_code(code)).map(Problem::Ended));
    all
}

/// Where a problem stands among the variants, counted from 0.
fn place(problem: &Problem) -> usize {
    match problem {
        Problem::BadField { .. } => 0,
        Problem::BadForm(_) => 54,
        Problem::PhoneCodeInvalid(_) => 55,
        Problem::PhoneTaken => 80,
        Problem::NicknameRefused => 56,
        Problem::NicknameUnchecked => 57,
        Problem::ProfileNotKept => 58,
        Problem::PictureUnknown => 59,
        Problem::BadJson(_) => 1,
        Problem::BadContentType => 2,
        Problem::BodyTooLarge => 3,
        Problem::BodyTooSlow => 4,
        Problem::RouteUnknown => 5,
        Problem::MethodUnknown => 6,
        Problem::AppUnknown => 7,
        Problem::UnsupportedByPlatform => 8,
        Problem::CodeUsed => 9,
        Problem::CodeInvalid(_) => 10,
        Problem::PlatformBlocked(_) => 11,
        Problem::IdempotencyMismatch => 12,
        Problem::PlatformBusy { .. } => 13,
        Problem::PlatformUnavailable => 14,
        Problem::PlatformMisconfigured { .. } => 15,
        Problem::SessionKeyStale => 16,
        Problem::TokenMissing => 17,
        Problem::TokenInvalid => 18,
        Problem::TokenExpired { .. } => 19,
        Problem::OldTokenExpired { .. } => 20,
        Problem::ReauthRequired => 21,
        Problem::Forbidden => 22,
        Problem::OriginRefused => 23,
        Problem::SessionUnknown => 24,
        Problem::Replaced(_) => 42,
        Problem::SessionsFull => 43,
        Problem::PasswordWrong => 60,
        Problem::OldPasswordWrong => 61,
        Problem::UsernameTaken => 62,
        Problem::PasswordOvertaken => 63,
        Problem::ResetCodeInvalid => 64,
        Problem::PasswordsBusy => 65,
        Problem::Role(_) => 66,
        Problem::Misuse(_) => 67,
        Problem::OperatorRequired => 68,
        Problem::RightMissing => 69,
        Problem::LastAdmin => 70,
        Problem::OperatorUnknown => 71,
        Problem::OperatorExists => 72,
        Problem::LinkInvalid => 73,
        Problem::People(_) => 74,
        Problem::UserErased => 75,
        Problem::DeletionNotRequested => 76,
        Problem::ConsentOutdated => 77,
        Problem::FormRefused => 78,
        Problem::OtherReauthRequired => 79,
        Problem::UserUnknown => 44,
        Problem::StreamsFull => 45,
        Problem::TooManyRequests { .. } => 25,
        Problem::StoreUnavailable(_) => 26,
        Problem::SignInLost(_) => 27,
        Problem::RevocationsStale => 28,
        Problem::TimedOut => 29,
        Problem::Internal(_) => 30,
        Problem::Ended(_) => 31,
        Problem::InsufficientScope(_) => 32,
        Problem::PlatformQuota { .. } => 33,
        Problem::ClientInvalid => 34,
        Problem::PlatformTokenLimit { .. } => 35,
        Problem::NotGranted(_) => 36,
        Problem::SubjectTokenMissing => 37,
        Problem::BackendOnly => 38,
        Problem::KeyUnknown => 39,
        Problem::VersionMismatch { .. } => 40,
        Problem::SessionDataFull => 41,
        Problem::ForwardAuthMisconfigured(_) => 46,
        Problem::TokenUsed => 47,
        Problem::OtherAudience => 48,
        Problem::InHeader(..) => 49,
        Problem::SnapshotUser => 50,
        Problem::SignInDenied => 51,
        Problem::SignInNotUnderWay => 52,
        Problem::PushRefused(_) => 53,
    }
}

#[test]
fn no_variant_is_left_out_of_these_tests() {
    let places: BTreeSet<usize> = one_of_each().iter().map(place).collect();
    assert!(places.iter().copied().eq(0..places.len()), "{places:?}");
}

#[test]
fn every_problem_has_its_words_and_all_words_have_their_problem() {
    let codes: BTreeSet<&str> = one_of_each().iter().map(|problem| problem.spec().code).collect();
    let worded: BTreeSet<&str> = catalogue().keys().map(String::as_str).collect();
    assert_eq!(codes, worded);
    let reasons = codes.iter().filter(|code| EndReason::from_code(code).is_some()).count();
    assert_eq!(reasons, 11, "every reason that a session ends for has words");
}

#[test]
fn the_statuses_of_problems_and_words_agree() {
    for problem in one_of_each() {
        let spec = problem.spec();
        assert_eq!(catalogue()[spec.code].status, spec.status.as_u16(), "{}", spec.code);
    }
}

#[test]
fn the_actions_of_problems_and_words_agree() {
    for (code, words) in catalogue() {
        let given = one_of_each().into_iter().map(|problem| problem.spec()).filter(|spec| spec.code == code);
        let given: BTreeSet<&str> = given.map(|spec| spec.action.as_str()).collect();
        assert_eq!(words.actions.iter().map(String::as_str).collect::<BTreeSet<_>>(), given, "{code}");
    }
}

#[test]
fn words_are_whole_sentences_in_both_languages() {
    for (code, words) in catalogue() {
        let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(chinese(&words.title_zh) && chinese(&words.detail_zh), "{code}");
        assert!(words.title.is_ascii() && words.detail.is_ascii(), "{code}");
        assert!(words.detail.ends_with('.') && words.detail_zh.ends_with('。'), "{code}");
        assert_eq!(words.detail.contains("{why}"), words.detail_zh.contains("{why}"), "{code}");
        assert_eq!(words.detail.contains("{field}"), words.detail_zh.contains("{field}"), "{code}");
    }
}

#[test]
fn a_wait_is_rounded_up_so_that_nobody_comes_back_too_early() {
    let limited = |millis| Problem::TooManyRequests { retry_after: Duration::from_millis(millis) }.retry_after();
    assert_eq!([limited(0), limited(1000), limited(1001)], [Some(1), Some(1), Some(2)]);
}

fn answered(problem: &Problem) -> (StatusCode, String, Value) {
    let reader = Reader { accept_language: None, request_id: "request-1", wants_message: false, path: "" };
    let response = answer(problem, &reader);
    let challenge = response.headers().get("www-authenticate").map_or("", |value| value.to_str().unwrap()).to_owned();
    let status = response.status();
    let read = axum::body::to_bytes(response.into_body(), 64 * 1024).now_or_never().unwrap().unwrap();
    (status, challenge, serde_json::from_slice(&read).unwrap())
}

fn ended(code: &str) -> Refusal {
    Refusal::Ended(EndedBecause { code: code.to_owned(), at: Timestamp::from_secs(0) })
}

#[test]
fn what_the_guard_refuses_is_answered_as_any_guard_would() {
    let mut refusals = vec![
        Refusal::Missing,
        Refusal::Invalid(Invalid::Malformed),
        Refusal::Expired,
        Refusal::InsufficientScope("orders:read".to_owned()),
        Refusal::Forbidden("admin".to_owned()),
        Refusal::FeedStale,
        ended("token_expired"),
        ended("a reason of a later version"),
    ];
    refusals
        .extend(catalogue().keys().filter_map(|code| EndReason::from_code(code)).map(|reason| ended(reason.code())));
    for refusal in refusals {
        let expected = (refusal.code(), refusal.status(), refusal.kind().action().as_str());
        let challenged = refusal.challenge().is_some();
        let (status, challenge, body) = answered(&refusal.clone().into());
        let said = (body["code"].as_str().unwrap(), status, body["action"].as_str().unwrap());
        assert_eq!((said, !challenge.is_empty()), (expected, challenged), "{refusal:?}");
    }
}

#[test]
fn only_a_request_without_a_token_is_challenged_without_an_error() {
    for problem in one_of_each() {
        let (status, challenge, _) = answered(&problem);
        let lacks_scope = matches!(problem, Problem::InsufficientScope(_) | Problem::NotGranted(_));
        assert_eq!(status == StatusCode::UNAUTHORIZED || lacks_scope, !challenge.is_empty(), "{problem:?}");
        let names_an_error = challenge.contains("error=");
        let is_bare = matches!(problem, Problem::TokenMissing | Problem::ClientInvalid | Problem::NotGranted(_));
        assert_eq!(!challenge.is_empty() && !is_bare, names_an_error, "{challenge}");
    }
    let hostile = Problem::InsufficientScope("a\", error=\"none\\\r\nx: y".to_owned());
    assert_eq!(
        answered(&hostile).1,
        "Bearer realm=\"menjin\", error=\"insufficient_scope\", scope=\"a, error=nonex: y\""
    );
}

#[test]
fn every_problem_says_why_it_comes_and_what_helps_in_both_languages() {
    for (code, words) in catalogue() {
        for english in [&words.cause, &words.remedy] {
            assert!(english.len() > 10 && english.ends_with('.'), "{code} lacks cause or remedy in words.toml");
        }
        for chinese in [&words.cause_zh, &words.remedy_zh] {
            assert!(!chinese.is_ascii() && chinese.ends_with('。'), "{code} lacks cause_zh or remedy_zh in words.toml");
        }
    }
}

#[test]
fn the_page_of_errors_has_a_section_for_every_problem() {
    let page = markdown();
    let sections: Vec<&str> = page.split("\n### ").skip(1).collect();
    assert_eq!(sections.len(), catalogue().len());
    for ((code, words), section) in catalogue().iter().zip(sections) {
        let (heading, rest) = section.split_once('\n').unwrap();
        // What GitHub makes an anchor of, and what the list above links to.
        assert_eq!(heading, code);
        assert!(page.contains(&format!("\n| [`{code}`](#{code}) | {} | ", words.status)), "{code}");
        let said = [&words.title, &words.detail, &words.title_zh, &words.detail_zh];
        let more = [&words.cause, &words.cause_zh, &words.remedy, &words.remedy_zh];
        for text in said.into_iter().chain(more).chain(&words.actions) {
            assert!(rest.contains(text.as_str()), "{code}: {text}");
        }
    }
}

#[test]
fn the_page_of_errors_has_a_row_for_every_errcode_in_both_languages() {
    let page = markdown();
    let tables = menjin_platform::tables();
    for explained in tables.iter().flat_map(|table| table.rows) {
        let key = format!("{} {}", explained.errcode, explained.sub_code);
        // Platforms share numbers, so that each must have its own row.
        let rows = page.lines().filter_map(|line| line.split_once(&format!("</a>{} | ", key.trim_end())));
        let rows: Vec<Vec<&str>> = rows.map(|(_, rest)| rest.trim_end_matches(" |").split(" | ").collect()).collect();
        let cells = rows.iter().find(|cells| cells.get(2) == Some(&explained.cause_en));
        let cells = cells.unwrap_or_else(|| panic!("{key} has no row"));
        assert_eq!(cells.len(), 4, "{key}: a cell broke");
        assert!(cells[..2].iter().all(|chinese| !chinese.is_ascii()), "{cells:?}");
        assert!(cells[2..].iter().all(|english| english.is_ascii()), "{cells:?}");
    }
    let anchors: Vec<&str> = page.split("<a id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect();
    assert_eq!(anchors.len(), tables.iter().map(|table| table.rows.len()).sum::<usize>());
    assert_eq!(anchors.iter().collect::<BTreeSet<_>>().len(), anchors.len(), "each has an anchor of its own");
}
