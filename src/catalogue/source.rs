//! Where a file of the catalogue comes from, and how it is read.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use time::Date;
use time::macros::format_description;

use super::error::{CatalogueError, WrongEntry};

/// A file of the catalogue.
pub(super) struct Source {
    pub(super) name: &'static str,
    embedded: &'static str,
}

macro_rules! source {
    ($name:literal) => {
        Source { name: $name, embedded: include_str!(concat!("../../data/", $name)) }
    };
}

pub(super) const KKT_MODELS: Source = source!("kkt_models.toml");
pub(super) const FN_MODELS: Source = source!("fn_models.toml");
pub(super) const OFDS: Source = source!("ofds.toml");
pub(super) const CALENDAR: Source = source!("calendar.toml");
pub(super) const MANAGERS: Source = source!("regional_managers.toml");

/// All files, in the order in which [`super::Catalogue::load`] reads them.
pub(super) const ALL: [&Source; 5] = [&KKT_MODELS, &FN_MODELS, &OFDS, &CALENDAR, &MANAGERS];

/// What every file begins with.
#[derive(Deserialize)]
struct Head {
    #[serde(deserialize_with = "day")]
    updated: Date,
}

/// Reads one file and checks it; gives also the date at its head.
pub(super) fn read<F, T>(
    source: &Source,
    dir: Option<&Path>,
    check: impl FnOnce(F) -> Result<T, WrongEntry>,
) -> Result<(T, Date), CatalogueError>
where
    F: DeserializeOwned,
{
    let (file, text) = text_of(source, dir)?;
    let malformed = |why: toml::de::Error| CatalogueError::Malformed { file: file.clone(), detail: why.to_string() };
    let head: Head = toml::from_str(&text).map_err(malformed)?;
    let parsed: F = toml::from_str(&text).map_err(malformed)?;
    let checked = check(parsed).map_err(|wrong| wrong.in_file(file.clone(), &text))?;
    Ok((checked, head.updated))
}

fn text_of(source: &Source, dir: Option<&Path>) -> Result<(String, String), CatalogueError> {
    let embedded = || Ok((format!("embedded {}", source.name), source.embedded.to_owned()));
    let Some(path) = dir.map(|dir| dir.join(source.name)) else { return embedded() };
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(why) if why.kind() == ErrorKind::NotFound => embedded(),
        Err(source) => Err(CatalogueError::Unreadable { path, source }),
    }
}

/// Refuses a TOML file with an unknown name: a slip there would leave the embedded data in force, unnoticed.
pub(super) fn refuse_strangers(dir: Option<&Path>) -> Result<(), CatalogueError> {
    let Some(dir) = dir else { return Ok(()) };
    let unreadable = |source| CatalogueError::Unreadable { path: dir.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let known = ALL.iter().any(|source| path.ends_with(source.name));
        if path.extension().is_some_and(|extension| extension == "toml") && !known {
            let known = ALL.map(|source| source.name).join(", ");
            return Err(CatalogueError::Stranger { path, known });
        }
    }
    Ok(())
}

/// A day as "2026-11-23".
pub(super) fn day<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
    let text = String::deserialize(from)?;
    parse_day(&text).ok_or_else(|| serde::de::Error::custom("a day must be written as \"2026-11-23\""))
}

/// The same for fields that take something else as well.
pub(super) fn parse_day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}
