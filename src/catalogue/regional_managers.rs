//! Regional managers: whom a partner turns to about a client that is known already.

use std::collections::BTreeMap;

use serde::Deserialize;
use time::Date;

use super::error::WrongEntry;
use crate::failure::RegionalManager;
use crate::values::{Email, Phone, line};

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "updated", deserialize_with = "super::source::day")]
    _updated: Date,
    default: RegionalManager,
    #[serde(default)]
    manager: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    regions: Vec<String>,
    #[serde(flatten)]
    manager: RegionalManager,
}

/// Managers by region.
#[derive(Debug, Clone)]
pub(super) struct Managers {
    by_region: BTreeMap<String, RegionalManager>,
    default: RegionalManager,
}

impl Managers {
    pub(super) fn check(file: File) -> Result<Self, WrongEntry> {
        reachable(&file.default).map_err(|problem| WrongEntry::new("default", 0, &file.default.name, problem))?;
        let mut by_region = BTreeMap::new();
        for (at, Entry { regions, manager }) in file.manager.into_iter().enumerate() {
            let wrong = |problem: String| WrongEntry::new("manager", at, &manager.name, problem);
            reachable(&manager).map_err(wrong)?;
            for region in regions {
                if region.len() != 2 || !region.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(wrong(format!("region {region:?} must be two digits")));
                }
                if by_region.insert(region.clone(), manager.clone()).is_some() {
                    return Err(wrong(format!("region {region} stands twice")));
                }
            }
        }
        Ok(Self { by_region, default: file.default })
    }

    pub(super) fn find(&self, region: &str) -> &RegionalManager {
        self.by_region.get(region).unwrap_or(&self.default)
    }
}

fn reachable(manager: &RegionalManager) -> Result<(), String> {
    line(&manager.name, 200).map_err(|why| format!("name {why}"))?;
    Phone::parse(&manager.phone).map_err(|why| why.text)?;
    Email::parse(&manager.email).map_err(|why| why.text)?;
    Ok(())
}
