//! Deadlines of a registration, and the device's clock against the place's time. Pure.

use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

use super::model::Facts;
use super::state::State;
use super::view::View;
use super::zone;
use crate::catalogue::Catalogue;
use crate::clock::{from_ms, to_ms};

/// The end of the working day after the day on which the RNM was received, in the place's zone, Unix milliseconds
/// (54-FZ, article 4.2; unconfirmed in its wording).
pub fn report_by(assigned_ms: i64, facts: &Facts, catalogue: &Catalogue) -> i64 {
    end_of_next_working_day(assigned_ms, zone::offset_of(&facts.address), catalogue)
}

/// When the present state should end, Unix milliseconds; absent where no rule says. FNS gives the RNM no later than on the
/// working day after the application (54-FZ, article 4.2); from the RNM to the filed report the law gives until
/// `report_by`; for the card so many working days as the file of the calendar says (sources differ).
pub fn expected_by(kkt: &View, catalogue: &Catalogue) -> Option<i64> {
    match &kkt.state {
        State::AwaitingRnm { .. } => Some(end_of_next_working_day(kkt.since_ms, kkt.offset(), catalogue)),
        State::ConnectingOfd { numbers, .. }
        | State::ReadyToFiscalize { numbers }
        | State::Fiscalizing { numbers, .. }
        | State::Reporting { numbers, .. } => Some(numbers.report_by_ms),
        State::AwaitingCard { .. } => {
            let filed = zone::date_in(kkt.offset(), kkt.since_ms);
            Some(end_of(catalogue.last_day_for_card(filed), kkt.offset()))
        }
        State::Reserving
        | State::Submitting { .. }
        | State::Registered { .. }
        | State::Rejected { .. }
        | State::Cancelled { .. } => None,
    }
}

fn end_of_next_working_day(ms: i64, offset: UtcOffset, catalogue: &Catalogue) -> i64 {
    end_of(catalogue.next_working_day(zone::date_in(offset, ms)), offset)
}

/// The last millisecond of a day at the place.
fn end_of(day: Date, offset: UtcOffset) -> i64 {
    let end = day.next_day().unwrap_or(Date::MAX).midnight();
    to_ms(end.assume_offset(offset)) - 1
}

/// Seconds between the device's clock (`2026-11-23T13:12:00`, local) and the place's time; `None` when it is no time.
pub fn clock_difference_s(clock: &str, now_ms: i64, facts: &Facts) -> Option<i64> {
    let local = parse_local(clock)?.assume_offset(zone::offset_of(&facts.address));
    Some((local - from_ms(now_ms)).whole_seconds().abs())
}

/// A civil date-time without a zone: `2026-11-23T13:12:00`.
pub fn parse_local(text: &str) -> Option<PrimitiveDateTime> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let year = date.next()?.parse().ok()?;
    let month = Month::try_from(date.next()?.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, date.next()?.parse().ok()?).ok()?;
    let mut parts = time.splitn(3, ':').map(|p| p.parse::<u8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    Some(PrimitiveDateTime::new(date, Time::from_hms(hour, minute, second).ok()?))
}

#[cfg(test)]
mod tests;
