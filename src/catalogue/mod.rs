//! Reference data: models of cash registers and fiscal drives, operators, the working calendar, regional managers.
//!
//! Each is a TOML file of `data/`, embedded in the binary; a folder named in configuration can replace any of them.
//! Everything is checked when it is read, so a look-up never fails for a malformed entry.

mod calendar;
mod error;
mod fn_models;
mod kkt_models;
mod ofds;
mod regional_managers;
mod source;
#[cfg(test)]
mod tests;

use std::path::Path;

use time::Date;

pub use error::CatalogueError;
pub use fn_models::{FnModel, MarkingSupport, Standing};
pub use kkt_models::{Driver, KktModel, OfdChannel, fold as model_key};
pub use ofds::{Ofd, Server};

use crate::failure::RegionalManager;
use crate::values::{FnSerial, Inn};

/// All reference data.
#[derive(Debug, Clone)]
pub struct Catalogue {
    kkt_models: kkt_models::KktModels,
    fn_models: fn_models::FnModels,
    ofds: ofds::Ofds,
    calendar: calendar::Calendar,
    managers: regional_managers::Managers,
    updated: Vec<(&'static str, Date)>,
}

impl Catalogue {
    /// The data in the binary. Fails only when the binary was built with wrong data, which a test prevents.
    pub fn embedded() -> Result<Self, CatalogueError> {
        Self::load(None)
    }

    /// The files of a folder, and the embedded ones for those that it lacks. Fails for a file that cannot be read or is
    /// not valid, and for a TOML file in the folder that is none of the catalogue.
    pub fn load(dir: Option<&Path>) -> Result<Self, CatalogueError> {
        source::refuse_strangers(dir)?;
        let (kkt_models, kkt_models_on) = source::read(&source::KKT_MODELS, dir, kkt_models::KktModels::check)?;
        let (fn_models, fn_models_on) = source::read(&source::FN_MODELS, dir, fn_models::FnModels::check)?;
        let (ofds, ofds_on) = source::read(&source::OFDS, dir, ofds::Ofds::check)?;
        let (calendar, calendar_on) = source::read(&source::CALENDAR, dir, calendar::Calendar::check)?;
        let (managers, managers_on) = source::read(&source::MANAGERS, dir, regional_managers::Managers::check)?;
        let dates = [kkt_models_on, fn_models_on, ofds_on, calendar_on, managers_on];
        let updated = source::ALL.iter().map(|source| source.name).zip(dates).collect();
        Ok(Self { kkt_models, fn_models, ofds, calendar, managers, updated })
    }

    /// Whether a folder names regional managers of its own: the embedded ones are nobody.
    pub fn has_managers(dir: Option<&Path>) -> bool {
        dir.is_some_and(|dir| dir.join(source::MANAGERS.name).exists())
    }

    /// The model of this name; case, quotes and the number of blanks do not matter.
    pub fn model(&self, name: &str) -> Option<&KktModel> {
        self.kkt_models.find(name)
    }

    /// The model of the fiscal drive, told by the longest prefix that fits.
    pub fn fn_prefix(&self, serial: &FnSerial) -> Option<&FnModel> {
        self.fn_models.find(serial)
    }

    /// The operator with this INN, also one whose permit is withdrawn.
    pub fn ofd(&self, inn: &Inn) -> Option<&Ofd> {
        self.ofds.find(inn)
    }

    /// The manager for a region (two digits), or the one for all others.
    pub fn manager(&self, region: &str) -> &RegionalManager {
        self.managers.find(region)
    }

    /// The first working day after `date`.
    pub fn next_working_day(&self, date: Date) -> Date {
        self.calendar.next_working_day(date)
    }

    /// The last day after `date` that FNS has for the card: so many working days, from the file of the calendar, because
    /// sources differ about the number (unconfirmed).
    pub fn last_day_for_card(&self, date: Date) -> Date {
        (0..self.calendar.card_working_days).fold(date, |day, _| self.calendar.next_working_day(day))
    }

    /// The last day whose holidays are known. After it deadlines count weekends alone.
    pub fn calendar_until(&self) -> Date {
        self.calendar.until()
    }

    /// The calendar ends within three months of `today`: about when the government's order for the next year is out.
    pub fn calendar_runs_out(&self, today: Date) -> bool {
        self.calendar_until() < today.saturating_add(time::Duration::days(92)) && self.calendar_until() < Date::MAX
    }

    /// When each file was last brought up to date, as it says itself.
    pub fn updated(&self) -> &[(&'static str, Date)] {
        &self.updated
    }
}
