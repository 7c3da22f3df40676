//! The Russian working calendar.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use time::{Date, Month, Weekday};

use super::error::WrongEntry;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "updated", deserialize_with = "super::source::day")]
    _updated: Date,
    years: BTreeSet<i32>,
    card_working_days: u16,
    #[serde(default)]
    day_off: Vec<Entry>,
    #[serde(default)]
    working_day: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(deserialize_with = "super::source::day")]
    date: Date,
    why: String,
    /// For the reader of the file; the service treats both alike.
    #[serde(default, rename = "confirmed")]
    _confirmed: Option<bool>,
}

/// The calendar, and what is counted with it.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    /// Days that differ from their weekday: `true` for a working one.
    days: BTreeMap<Date, bool>,
    last_year: i32,
    /// Working days that FNS has for the card.
    pub(super) card_working_days: u16,
}

impl Calendar {
    pub(super) fn check(file: File) -> Result<Self, WrongEntry> {
        let mut days = BTreeMap::new();
        if file.card_working_days == 0 || file.card_working_days > 60 {
            return Err(WrongEntry::new("calendar", 0, "card_working_days", "it must be 1 to 60"));
        }
        let gap = file.years.iter().zip(file.years.iter().skip(1)).any(|(year, next)| year + 1 != *next);
        let Some(last_year) = file.years.last().copied().filter(|_| !gap) else {
            return Err(WrongEntry::new("calendar", 0, "years", "it must list years without a gap"));
        };
        let off = file.day_off.into_iter().enumerate().map(|(at, entry)| ("day_off", at, entry, false));
        let working = file.working_day.into_iter().enumerate().map(|(at, entry)| ("working_day", at, entry, true));
        for (kind, at, entry, works) in off.chain(working) {
            let wrong = |problem| Err(WrongEntry::new(kind, at, &entry.why, problem));
            if !file.years.contains(&entry.date.year()) {
                return wrong("its year is not in years");
            }
            if works && !is_weekend(entry.date) {
                return wrong("it is no Saturday or Sunday, so it works anyway");
            }
            if days.insert(entry.date, works).is_some() {
                return wrong("the day stands twice");
            }
        }
        Ok(Self { days, last_year, card_working_days: file.card_working_days })
    }

    pub(super) fn next_working_day(&self, date: Date) -> Date {
        let mut day = date;
        while let Some(next) = day.next_day() {
            day = next;
            if self.works(day) {
                break;
            }
        }
        day
    }

    /// The last day that the file tells about. After it only weekends are off.
    pub(super) fn until(&self) -> Date {
        Date::from_calendar_date(self.last_year, Month::December, 31).unwrap_or(Date::MAX)
    }

    fn works(&self, date: Date) -> bool {
        self.days.get(&date).copied().unwrap_or(!is_weekend(date))
    }
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}
