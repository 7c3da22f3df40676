//! The civil time of the place where a register stands.

use time::{Date, UtcOffset};

use crate::clock::from_ms;
use crate::gateways::taxpayers::RegisteredAddress;

/// Moscow, where the address register does not tell.
const DEFAULT_HOURS: i8 = 3;

/// How far the place is ahead of UTC.
pub fn offset_of(address: &RegisteredAddress) -> UtcOffset {
    offset(address.time_zone.as_deref())
}

/// How far a place is ahead of UTC, from the register's form "UTC+3" or "UTC+5:30".
pub fn offset(time_zone: Option<&str>) -> UtcOffset {
    let told = time_zone.and_then(parse);
    told.or_else(|| UtcOffset::from_hms(DEFAULT_HOURS, 0, 0).ok()).unwrap_or(UtcOffset::UTC)
}

/// The civil date at the place at an instant, Unix milliseconds.
pub fn date_at(address: &RegisteredAddress, ms: i64) -> Date {
    date_in(offset_of(address), ms)
}

/// The civil date so far ahead of UTC at an instant, Unix milliseconds.
pub fn date_in(offset: UtcOffset, ms: i64) -> Date {
    from_ms(ms).to_offset(offset).date()
}

fn parse(text: &str) -> Option<UtcOffset> {
    let (sign, rest) = match text.strip_prefix("UTC")? {
        "" => return Some(UtcOffset::UTC),
        rest if rest.starts_with('-') => (-1, &rest[1..]),
        rest => (1, rest.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let (hours, minutes): (i8, i8) = (hours.parse().ok()?, minutes.parse().ok()?);
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registers_form_of_a_zone_is_read() {
        let cases = [
            ("UTC+3", Some((3, 0))),
            ("UTC+12", Some((12, 0))),
            ("UTC-3:30", Some((-3, -30))),
            ("UTC", Some((0, 0))),
            ("MSK", None),
            ("UTC+", None),
            ("UTC+99", None),
            ("UTC+3:xx", None),
        ];
        for (text, expected) in cases {
            let got = parse(text).map(|o| (o.whole_hours(), o.minutes_past_hour()));
            assert_eq!(got, expected, "{text}");
        }
    }
}
