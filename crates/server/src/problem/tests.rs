//! The catalogue is whole: every problem has its words, all words have their problem, and both agree on the status.

use std::collections::BTreeSet;

use super::*;

/// One of each. A new variant stops this file from compiling until it stands in [`place`], and then must stand here.
fn one_of_each() -> Vec<Problem> {
    let wait = Duration::from_secs(1);
    let status = StatusCode::UNAUTHORIZED;
    let mut all = vec![
        Problem::field("code", Fault::Missing),
        Problem::BadJson(Fault::CutShort),
        Problem::BadContentType,
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
        Problem::PlatformMisconfigured { errcode: None },
        Problem::SessionKeyStale,
        Problem::TokenMissing,
        Problem::TokenInvalid,
        Problem::TokenExpired { status },
        Problem::OldTokenExpired { status },
        Problem::ReauthRequired,
        Problem::Forbidden,
        Problem::OriginRefused,
        Problem::SessionUnknown,
        Problem::TooManyRequests { retry_after: wait },
        Problem::StoreUnavailable(anyhow::anyhow!("down")),
        Problem::SignInLost(anyhow::anyhow!("down")),
        Problem::RevocationsStale,
        Problem::TimedOut,
        Problem::Internal(anyhow::anyhow!("a bug")),
    ];
    all.extend(catalogue().keys().filter_map(|code| EndReason::from_code(code)).map(Problem::Ended));
    all
}

/// Where a problem stands among the variants, counted from 0.
fn place(problem: &Problem) -> usize {
    match problem {
        Problem::BadField { .. } => 0,
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
        Problem::TooManyRequests { .. } => 25,
        Problem::StoreUnavailable(_) => 26,
        Problem::SignInLost(_) => 27,
        Problem::RevocationsStale => 28,
        Problem::TimedOut => 29,
        Problem::Internal(_) => 30,
        Problem::Ended(_) => 31,
    }
}

#[test]
fn no_variant_is_left_out_of_these_tests() {
    let places: BTreeSet<usize> = one_of_each().iter().map(place).collect();
    assert!(places.iter().copied().eq(0..=31), "{places:?}");
}

#[test]
fn every_problem_has_its_words_and_all_words_have_their_problem() {
    let codes: BTreeSet<&str> = one_of_each().iter().map(|problem| problem.spec().code).collect();
    let worded: BTreeSet<&str> = catalogue().keys().map(String::as_str).collect();
    assert_eq!(codes, worded);
    let reasons = codes.iter().filter(|code| EndReason::from_code(code).is_some()).count();
    assert_eq!(reasons, 8, "every reason that a session ends for has words");
}

#[test]
fn the_statuses_of_problems_and_words_agree() {
    for problem in one_of_each() {
        let spec = problem.spec();
        assert_eq!(catalogue()[spec.code].status, spec.status.as_u16(), "{}", spec.code);
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
