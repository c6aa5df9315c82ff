//! Times as other systems write them: RFC 3339, databases' own, dates, and seconds or milliseconds since 1970.

use menjin_token::Timestamp;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// From here on a bare number is milliseconds: as seconds it would be the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

/// Reads a time; one without an offset is `utc_offset` minutes east of UTC.
pub(super) fn parse(text: &str, utc_offset: i16) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return (number >= 0).then(|| {
            if number < MILLISECONDS { Timestamp::from_secs(number) } else { Timestamp::from_millis(number) }
        });
    }
    let (date, rest) = text.split_at_checked(10)?;
    let clock = rest.strip_prefix(['T', 't', ' ']).unwrap_or(rest);
    let clock = if clock.is_empty() { "00:00:00" } else { clock };
    let split = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, offset) = clock.split_at(split);
    let clock = clock.trim_end();
    let seconds = if clock.len() == "00:00".len() { ":00" } else { "" };
    let offset = whole_offset(offset, utc_offset)?;
    let moment = OffsetDateTime::parse(&format!("{date}T{clock}{seconds}{offset}"), &Rfc3339).ok()?;
    let millis = moment.to_offset(UtcOffset::UTC).unix_timestamp_nanos() / 1_000_000;
    Some(Timestamp::from_millis(i64::try_from(millis).ok()?))
}

/// `Z`, or hours and minutes with a colon between; databases leave out what they can.
fn whole_offset(text: &str, utc_offset: i16) -> Option<String> {
    match text.len() {
        0 => {
            let (sign, minutes) = (if utc_offset < 0 { '-' } else { '+' }, utc_offset.unsigned_abs());
            Some(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
        }
        1 => Some("Z".to_owned()),
        3 => Some(format!("{text}:00")),
        5 => text.split_at_checked(3).map(|(hours, minutes)| format!("{hours}:{minutes}")),
        _ => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_many_systems_are_read() {
        let moment = Timestamp::from_millis(1_577_934_245_678);
        for text in [
            "2020-01-02T03:04:05.678Z",
            "2020-01-02 03:04:05.678",
            "2020-01-02 03:04:05.678901",
            "2020-01-02 11:04:05.678+08",
            "2020-01-02T11:04:05.678+08:00",
            "2020-01-01 22:04:05.678-0500",
            "1577934245678",
        ] {
            assert_eq!(parse(text, 0), Some(moment), "{text}");
        }
        assert_eq!(parse("2020-01-02 11:04:05.678", 480), Some(moment));
        assert_eq!(parse("2020-01-01 19:34:05.678", -450), Some(moment));
        assert_eq!(parse("1577934245", 0), Some(Timestamp::from_secs(1_577_934_245)));
        assert_eq!(parse("2020-01-02", 0), parse("2020-01-02 00:00", 0));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "yesterday",
            "2020-13-01",
            "2020-01-02 25:00:00",
            "02.01.2020",
            "-5",
            "2020-01-02 03:04:05 MEZ",
            "日期日期日期日期",
        ] {
            assert_eq!(parse(text, 0), None, "{text}");
        }
    }
}
