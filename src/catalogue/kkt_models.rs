//! Models of cash registers.

use std::collections::BTreeMap;

use serde::Deserialize;
use time::Date;

use super::error::WrongEntry;
use super::fn_models::expand;
use crate::values::KktSerial;

/// A model of the KKT registry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KktModel {
    /// Name as in the registry.
    pub name: String,
    /// Length of the factory serial number; 0 when not known.
    #[serde(default)]
    pub length: usize,
    /// Digits that every serial has.
    #[serde(default)]
    pub prefix: String,
    /// Further beginnings, any of which a serial may have instead: one each, or a range ("0491-0497").
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// How many digits stand before them.
    #[serde(default)]
    pub offset: usize,
    /// Versions of fiscal document formats: "1.05", "1.1", "1.2".
    pub ffd: Vec<String>,
    /// How it is driven.
    pub driver: Driver,
    /// How it reaches the operator.
    #[serde(default)]
    pub ofd_channel: OfdChannel,
}

/// How a model is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// ATOL Web Requests v2.
    AtolV2,
    /// Not at all: a person fiscalizes it.
    None,
}

/// How a device reaches the operator's server, as its driver names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the driver's names")]
pub enum OfdChannel {
    Usb,
    Ethernet,
    Wifi,
    Gsm,
    /// Through the computer that drives it; right where nothing else is known.
    #[default]
    Proto,
    /// Through the network of the computer's operating system.
    TcpipOsStack,
}

impl OfdChannel {
    /// Name in the driver's tasks.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usb => "usb",
            Self::Ethernet => "ethernet",
            Self::Wifi => "wifi",
            Self::Gsm => "gsm",
            Self::Proto => "proto",
            Self::TcpipOsStack => "tcpipOsStack",
        }
    }
}

impl KktModel {
    /// Whether a serial has the length and the digits of the model. Rests on a secondary source: `false` is a warning.
    pub fn knows_serial(&self, serial: &KktSerial) -> bool {
        let text = serial.as_str();
        let rest = text.get(self.offset..).unwrap_or_default();
        (self.length == 0 || text.len() == self.length) && self.begins(rest)
    }

    /// Ranges were checked when the file was read.
    fn begins(&self, rest: &str) -> bool {
        let any = |range: &String| expand(range).is_ok_and(|all| all.iter().any(|prefix| rest.starts_with(prefix)));
        match (self.prefix.as_str(), self.prefixes.as_slice()) {
            (prefix, []) => rest.starts_with(prefix),
            ("", ranges) => ranges.iter().any(any),
            (prefix, ranges) => rest.starts_with(prefix) || ranges.iter().any(any),
        }
    }

    /// Whether the model takes this version of the formats, such as "1.2". From a secondary source.
    pub fn takes_ffd(&self, version: &str) -> bool {
        self.ffd.iter().any(|known| known == version)
    }

    fn problem(&self) -> Option<&'static str> {
        const VERSIONS: [&str; 3] = ["1.05", "1.1", "1.2"];
        if self.name.trim().is_empty() {
            return Some("name is empty");
        }
        if self.length > 20 || (self.length > 0 && self.offset + self.prefix.len() > self.length) {
            return Some("length must be at most 20 and hold offset and prefix");
        }
        if self.prefixes.iter().any(|range| expand(range).is_err()) {
            return Some("prefixes must be digits, or ranges like \"0491-0497\"");
        }
        if self.ffd.is_empty() || !self.ffd.iter().all(|version| VERSIONS.contains(&version.as_str())) {
            return Some("ffd must list some of \"1.05\", \"1.1\", \"1.2\"");
        }
        None
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "updated", deserialize_with = "super::source::day")]
    _updated: Date,
    model: Vec<KktModel>,
}

/// All models, by folded name.
#[derive(Debug, Clone)]
pub(super) struct KktModels(BTreeMap<String, KktModel>);

impl KktModels {
    pub(super) fn check(file: File) -> Result<Self, WrongEntry> {
        let mut models = BTreeMap::new();
        for (at, model) in file.model.into_iter().enumerate() {
            let name = model.name.clone();
            let wrong = |problem| Err(WrongEntry::new("model", at, &name, problem));
            if let Some(problem) = model.problem() {
                return wrong(problem);
            }
            if models.insert(fold(&name), model).is_some() {
                return wrong("the model stands twice");
            }
        }
        Ok(Self(models))
    }

    pub(super) fn find(&self, name: &str) -> Option<&KktModel> {
        self.0.get(&fold(name))
    }
}

/// The form in which two spellings of one name are equal.
pub fn fold(name: &str) -> String {
    let bare: String = name.chars().filter(|c| !"\"«»“”'".contains(*c)).collect();
    bare.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
