//! Fiscal data operators (OFD).

use std::collections::BTreeMap;

use serde::Deserialize;
use time::Date;

use super::error::WrongEntry;
use super::source::parse_day;
use crate::values::Inn;

/// A fiscal data operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ofd {
    /// INN.
    pub inn: Inn,
    /// Legal name, as the application and the report name it.
    pub name: String,
    /// Name under which it is known, when it is another.
    pub brand: Option<String>,
    /// Where receipts go; absent for one whose permit is withdrawn.
    pub receipts: Option<Server>,
    /// Where cash registers ask about marking codes; absent when not known.
    pub marking: Option<Server>,
    permit: Permit,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Permit {
    Active,
    Until(Date),
    Withdrawn,
}

impl Ofd {
    /// Whether it holds a permit on that day.
    pub fn permitted(&self, on: Date) -> bool {
        match self.permit {
            Permit::Active => true,
            Permit::Until(first_without) => on < first_without,
            Permit::Withdrawn => false,
        }
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "updated", deserialize_with = "super::source::day")]
    _updated: Date,
    ofd: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    inn: String,
    name: String,
    brand: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    marking_host: Option<String>,
    marking_port: Option<u16>,
    withdrawn: Option<Withdrawn>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Withdrawn {
    Known(String),
    Unknown(bool),
}

/// All operators, by INN.
#[derive(Debug, Clone)]
pub(super) struct Ofds(BTreeMap<Inn, Ofd>);

impl Ofds {
    pub(super) fn check(file: File) -> Result<Self, WrongEntry> {
        let mut ofds = BTreeMap::new();
        for (at, entry) in file.ofd.into_iter().enumerate() {
            let name = entry.name.clone();
            let wrong = |problem: String| WrongEntry::new("ofd", at, &name, problem);
            let ofd = entry.check().map_err(wrong)?;
            if ofds.insert(ofd.inn.clone(), ofd).is_some() {
                return Err(wrong("the INN stands twice".to_owned()));
            }
        }
        Ok(Self(ofds))
    }

    pub(super) fn find(&self, inn: &Inn) -> Option<&Ofd> {
        self.0.get(inn)
    }
}

impl Entry {
    fn check(self) -> Result<Ofd, String> {
        let inn = Inn::parse(&self.inn).map_err(|why| why.text)?;
        let permit = permit(self.withdrawn)?;
        let receipts = server(self.host.clone(), self.port)?;
        let marking_host = self.marking_host.or_else(|| self.host.filter(|_| self.marking_port.is_some()));
        let marking = server(marking_host, self.marking_port)?;
        if self.name.trim().is_empty() {
            return Err("name is empty".to_owned());
        }
        if receipts.is_none() && permit == Permit::Active {
            return Err("host and port are required unless the permit is withdrawn".to_owned());
        }
        Ok(Ofd { inn, name: self.name, brand: self.brand, receipts, marking, permit })
    }
}

fn permit(withdrawn: Option<Withdrawn>) -> Result<Permit, String> {
    match withdrawn {
        None | Some(Withdrawn::Unknown(false)) => Ok(Permit::Active),
        Some(Withdrawn::Unknown(true)) => Ok(Permit::Withdrawn),
        Some(Withdrawn::Known(day)) => parse_day(&day)
            .map(Permit::Until)
            .ok_or_else(|| "withdrawn must be true or a day like \"2026-11-23\"".to_owned()),
    }
}

fn server(host: Option<String>, port: Option<u16>) -> Result<Option<Server>, String> {
    match (host, port) {
        (None, None) => Ok(None),
        (Some(host), Some(port)) if port > 0 && !host.trim().is_empty() => Ok(Some(Server { host, port })),
        _ => Err("a server needs a host and a port above 0".to_owned()),
    }
}
