//! The Russian working calendar.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use time::{Date, Weekday};

use super::error::WrongEntry;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "updated", deserialize_with = "super::source::day")]
    _updated: Date,
    years: BTreeSet<i32>,
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

/// Days that differ from their weekday: `true` for a working one.
#[derive(Debug, Clone)]
pub(super) struct Calendar(BTreeMap<Date, bool>);

impl Calendar {
    pub(super) fn check(file: File) -> Result<Self, WrongEntry> {
        let mut days = BTreeMap::new();
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
        Ok(Self(days))
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

    fn works(&self, date: Date) -> bool {
        self.0.get(&date).copied().unwrap_or(!is_weekend(date))
    }
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}
