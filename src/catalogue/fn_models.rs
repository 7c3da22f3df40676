//! Models of fiscal drives (FN), told by the first digits of their serial numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use time::Date;

use super::error::WrongEntry;
use crate::values::FnSerial;

/// A model of the FN registry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FnModel {
    /// First digits of its serials: one each ("72824405") or a range ("73804407-73804409").
    pub prefixes: Vec<String>,
    /// Short name in the registry.
    pub name: String,
    /// Long name in the registry, as the application wants it.
    pub registry_name: String,
    /// Whether it is in the registry.
    pub standing: Standing,
    /// Term: 13, 15 or 36 months.
    pub months: u32,
    /// Part in FFD 1.2.
    pub ffd_1_2: MarkingSupport,
}

/// Whether a model is in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In the registry.
    Registered,
    /// Removed from it.
    Removed,
    /// A dummy (МГМ) for trying out: fiscalizes nothing.
    Test,
}

/// How far a model takes part in FFD 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkingSupport {
    /// Not at all.
    None,
    /// Marked goods, not all of it.
    Partial,
    /// Wholly.
    Full,
}

impl FnModel {
    fn problem(&self) -> Option<&'static str> {
        if self.name.trim().is_empty() || self.registry_name.trim().is_empty() {
            return Some("name and registry_name must not be empty");
        }
        if self.registry_name.chars().count() > 256 {
            return Some("registry_name must have at most 256 characters");
        }
        if !matches!(self.months, 13 | 15 | 36) {
            return Some("months must be 13, 15 or 36");
        }
        self.prefixes.is_empty().then_some("prefixes must not be empty")
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "updated", deserialize_with = "super::source::day")]
    _updated: Date,
    r#fn: Vec<FnModel>,
}

/// All models, by single prefix.
#[derive(Debug, Clone)]
pub(super) struct FnModels(BTreeMap<String, Arc<FnModel>>);

impl FnModels {
    pub(super) fn check(file: File) -> Result<Self, WrongEntry> {
        let mut models = BTreeMap::new();
        for (at, model) in file.r#fn.into_iter().enumerate() {
            let model = Arc::new(model);
            let wrong = |problem: String| WrongEntry::new("fn", at, &model.name, problem);
            if let Some(problem) = model.problem() {
                return Err(wrong(problem.to_owned()));
            }
            for prefix in model.prefixes.iter().map(|range| expand(range)) {
                for prefix in prefix.map_err(wrong)? {
                    if models.insert(prefix.clone(), Arc::clone(&model)).is_some() {
                        return Err(wrong(format!("prefix {prefix} stands twice")));
                    }
                }
            }
        }
        Ok(Self(models))
    }

    pub(super) fn find(&self, serial: &FnSerial) -> Option<&FnModel> {
        let text = serial.as_str();
        (1..=text.len()).rev().find_map(|length| self.0.get(text.get(..length)?)).map(AsRef::as_ref)
    }
}

/// The single prefixes of "72824405" or "73804407-73804409".
pub(super) fn expand(range: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("{range:?} must be digits, or a range of at most 1000 numbers of one length");
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let digits = |text: &str| matches!(text.len(), 1..=16) && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) || first.len() != last.len() {
        return Err(wrong());
    }
    let (Ok(from), Ok(to)) = (first.parse::<u64>(), last.parse::<u64>()) else { return Err(wrong()) };
    if from > to || to - from >= 1000 {
        return Err(wrong());
    }
    Ok((from..=to).map(|number| format!("{number:0width$}", width = first.len())).collect())
}
