//! The variables of the environment that are ours, and those that are nearly: a slip in a name leaves a default in force.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::layers::{file_variable, keys, variable};
use super::problem::{Problem, Source};

const PREFIX: &str = "LITEBOX_";
/// Read elsewhere: by the command line, and by `gateway check`.
const OTHERS: [&str; 3] = ["LITEBOX_CONFIG", "LITEBOX_ACTOR", "LITEBOX_CHECK_DADATA_KEY"];
/// So many signs wrong, and another name was hardly meant.
const NEAR: usize = 3;

/// All variables with our prefix by their names; a value is absent where it is no UTF-8.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, Option<String>>);

impl Env {
    /// Those of this process.
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// The value of a variable that is set; absent inside where it is no UTF-8.
    pub(super) fn get(&self, name: &str) -> Option<Option<&str>> {
        self.0.get(name).map(Option::as_deref)
    }

    /// Variables that set nothing, each with what may have been meant. Those that Kubernetes makes for a Service of our name
    /// are not ours.
    pub(super) fn strays(&self) -> Vec<Problem> {
        let known: Vec<String> =
            keys().iter().flat_map(|key| file_variable(key).into_iter().chain([variable(key)])).collect();
        let ours = |name: &&String| known.contains(name) || OTHERS.contains(&name.as_str()) || is_foreign(name);
        let strays = self.0.keys().filter(|name| !ours(name));
        let told = |name: &String| Problem {
            key: String::new(),
            source: Source::Variable(name.clone()),
            what: meant(name, &known),
        };
        strays.map(told).collect()
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(all: I) -> Self {
        let ours = all.into_iter().map(|(name, value)| (name.into(), value.into().into_string().ok()));
        Self(ours.filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }
}

/// `LITEBOX_PARTNER_SERVICE_HOST`, `LITEBOX_PARTNER_PORT_50051_TCP`; switches of test builds.
fn is_foreign(name: &str) -> bool {
    let injected = name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.ends_with("_PORT");
    let port = |(_, rest): (&str, &str)| rest.starts_with(|sign: char| sign.is_ascii_digit());
    let chaos = cfg!(feature = "chaos") && name.starts_with("LITEBOX_CHAOS_");
    injected || chaos || name.split_once("_PORT_").is_some_and(port)
}

fn meant(name: &str, known: &[String]) -> String {
    let near = known.iter().map(|one| (distance(name, one), one)).min().filter(|(far, _)| *far <= NEAR);
    let near = near.map_or_else(String::new, |(_, one)| format!(": is {one} meant?"));
    format!("is the variable of no setting and does nothing{near}")
}

/// How many signs must be changed, put in or left out to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, x) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in other.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}
