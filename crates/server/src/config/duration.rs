//! Durations in the file: read as people write them (`"90d"`, `"1h 30m"`), written in the largest unit that is whole.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

const UNITS: [(u128, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];

/// For `Duration` and `Option<Duration>`.
pub(super) fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Copy + Into<Option<Duration>>,
    S: Serializer,
{
    match (*value).into() {
        Some(duration) => serializer.serialize_str(&written(duration)),
        None => serializer.serialize_none(),
    }
}

/// For the same.
pub(super) fn deserialize<'de, T: From<Duration>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = humantime::parse_duration(&text);
    parsed
        .map(T::from)
        .map_err(|_| D::Error::custom(format!("{text:?} is no duration, e.g. \"30s\", \"15m\", \"90d\"")))
}

fn written(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let (size, unit) = UNITS.into_iter().find(|(size, _)| millis.is_multiple_of(*size)).unwrap_or((1, "ms"));
    format!("{}{unit}", millis / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_in_its_largest_whole_unit() {
        let cases = [
            (0, "0s"),
            (300, "300ms"),
            (1500, "1500ms"),
            (30_000, "30s"),
            (90_000, "90s"),
            (900_000, "15m"),
            (3_600_000, "1h"),
            (15_552_000_000, "180d"),
        ];
        for (millis, text) in cases {
            assert_eq!(written(Duration::from_millis(millis)), text);
        }
    }
}
