//! Timestamps: saturating, and RFC 3339 in text.

use std::time::Duration;

use menjin_token::Timestamp;
use proptest::prelude::*;

#[test]
fn a_timestamp_reads_as_rfc_3339_in_whole_seconds() {
    let moment = Timestamp::from_millis(1_795_261_831_999);
    assert_eq!(moment.to_string(), "2026-11-21T11:50:31Z");
    assert_eq!(serde_json::to_string(&moment).unwrap(), r#""2026-11-21T11:50:31Z""#);
    assert_eq!(Timestamp::from_millis(-1).to_string(), "1969-12-31T23:59:59Z");
}

#[test]
fn a_timestamp_is_read_from_rfc_3339_with_any_offset() {
    let expected = Timestamp::from_secs(1_795_261_831);
    for text in ["2026-11-21T11:50:31Z", "2026-11-21T19:50:31+08:00", "2026-11-21T11:50:31.000Z"] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
    assert_eq!("2026-11-21T11:50:31.25Z".parse(), Ok(expected.plus(Duration::from_millis(250))));
    for text in ["", "2026-11-21", "1795261831", "2026-11-21 11:50", "2026-13-21T11:50:31Z"] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
    assert!(serde_json::from_str::<Timestamp>("1795261831").is_err());
}

#[test]
fn arithmetic_saturates() {
    let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
    assert_eq!(last.plus(Duration::MAX), last);
    assert_eq!(first.minus(Duration::MAX), first);
    assert_eq!(first.since(last), Duration::ZERO);
    assert_eq!(last.since(first), Duration::from_millis(i64::MAX.unsigned_abs()));
    assert_eq!(Timestamp::from_secs(i64::MAX), last);
}

#[test]
fn since_is_zero_when_the_other_is_later() {
    let (earlier, later) = (Timestamp::from_secs(1), Timestamp::from_secs(3));
    assert_eq!(later.since(earlier), Duration::from_secs(2));
    assert_eq!(earlier.since(later), Duration::ZERO);
}

#[test]
fn seconds_round_down() {
    assert_eq!(Timestamp::from_millis(1999).secs(), 1);
    assert_eq!(Timestamp::from_millis(-1).secs(), -1);
}

proptest! {
    #[test]
    fn every_timestamp_can_be_shown(millis: i64) {
        let moment = Timestamp::from_millis(millis);
        let shown = format!("{moment} {moment:?}");
        prop_assert!(!shown.is_empty());
    }

    #[test]
    fn whole_seconds_survive_text(secs in -62_167_219_200_i64..=253_402_300_799) {
        let moment = Timestamp::from_secs(secs);
        prop_assert_eq!(moment.to_string().parse(), Ok(moment));
    }
}
