//! Reads the text format of Prometheus, version 0.0.4, and is stricter than Prometheus itself: each family is whole, told
//! what it is, and stands once; no series stands twice; histograms add up.

use std::collections::{BTreeMap, BTreeSet};

pub type Labels = BTreeMap<String, String>;

/// One answer.
#[derive(Debug, Default)]
pub struct Exposition {
    pub families: BTreeMap<String, Family>,
}

/// One metric.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    /// By name, with the suffixes of histograms, and by labels.
    pub samples: BTreeMap<(String, Labels), f64>,
}

impl Exposition {
    /// Panics when it is not as it should be.
    pub fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is not whole");
        let (mut all, mut current) = (Self::default(), None::<String>);
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
                assert!(is_name(name) && !help.is_empty(), "{line}");
                assert!(all.families.insert(name.to_owned(), Family::default()).is_none(), "twice: {line}");
                current = Some(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(current.as_deref(), Some(name), "TYPE does not follow its HELP");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                all.families.get_mut(name).unwrap().kind = kind.to_owned();
            } else {
                let family = current.as_ref().and_then(|name| all.families.get_mut(name));
                family.unwrap_or_else(|| panic!("before any HELP: {line}")).sample(current.as_ref().unwrap(), line);
            }
        }
        all.families.iter().for_each(|(name, family)| family.check(name));
        all
    }

    /// The value of one series.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("there is no {name} {labels:?}"))
    }

    /// The value of one series, when it is there.
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let key = (name.to_owned(), labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        self.families.values().find_map(|family| family.samples.get(&key).copied())
    }

    /// The sum of a metric over its labels.
    pub fn sum(&self, name: &str) -> f64 {
        self.families[name].samples.values().sum()
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.families.values().map(|family| family.samples.len()).sum()
    }
}

impl Family {
    fn sample(&mut self, family: &str, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let (name, labels) = match series.split_once('{') {
            None => (series, Labels::new()),
            Some((name, rest)) => (name, labels(rest.strip_suffix('}').unwrap_or_else(|| panic!("open: {line}")))),
        };
        assert!(is_name(name) && !self.kind.is_empty(), "{line}");
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("not of {family}: {line}"));
        let allowed: &[&str] = if self.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(allowed.contains(&suffix), "{line}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(value.is_finite(), "{line}");
        assert!(self.samples.insert((name.to_owned(), labels), value).is_none(), "twice: {line}");
    }

    fn check(&self, name: &str) {
        assert!(!self.samples.is_empty(), "{name} has no series");
        assert_eq!(self.kind == "counter", name.ends_with("_total"), "{name} is a {}", self.kind);
        if self.kind != "gauge" {
            assert!(self.samples.values().all(|value| *value >= 0.0), "{name} falls");
        }
        if self.kind == "histogram" {
            self.adds_up(name);
        }
    }

    fn adds_up(&self, name: &str) {
        let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for ((sample, labels), value) in &self.samples {
            if *sample == format!("{name}_bucket") {
                let mut of = labels.clone();
                let bound: f64 = of.remove("le").unwrap().replace("+Inf", "inf").parse().unwrap();
                buckets.entry(of).or_default().push((bound, *value));
            }
        }
        for (labels, mut row) in buckets {
            row.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(row.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{name} {labels:?}: {row:?}");
            let (last, count) = (*row.last().unwrap(), self.samples[&(format!("{name}_count"), labels.clone())]);
            assert_eq!(last, (f64::INFINITY, count), "{name} {labels:?}");
            assert!(self.samples.contains_key(&(format!("{name}_sum"), labels)));
        }
    }

    /// Each label with the values that it has.
    pub fn labels(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (label, value) in self.samples.keys().flat_map(|(_, labels)| labels) {
            found.entry(label.clone()).or_default().insert(value.clone());
        }
        found
    }
}

/// Values here hold neither quotes nor backslashes: a test of their own would be needed otherwise.
fn labels(text: &str) -> Labels {
    let mut found = Labels::new();
    for pair in text.split("\",") {
        let (name, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("no label: {text}"));
        let value = value.strip_suffix('"').unwrap_or(value);
        assert!(is_name(name) && !value.contains(['"', '\\', ',']), "{text}");
        assert!(found.insert(name.to_owned(), value.to_owned()).is_none(), "twice: {text}");
    }
    assert!(text.ends_with('"'), "{text}");
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[test]
fn what_is_not_the_format_is_refused() {
    let good = "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"c\",d=\"e\"} 1\na_total{b=\"f\",d=\"e\"} 2\n";
    assert_eq!(Exposition::parse(good).get("a_total", &[("b", "f"), ("d", "e")]), 2.0);
    let histogram =
        "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n";
    assert_eq!(Exposition::parse(histogram).series(), 4);
    for bad in [
        good.trim_end().to_owned(),
        format!("{good}{good}"),
        format!("{good}a_total{{b=\"c\",d=\"e\"}} 1\n"),
        format!("{good}a_total{{b=\"c\",b=\"e\"}} 1\n"),
        format!("{good}b 1\n"),
        format!("{good}a_total{{b=\"z\"}} -1\n"),
        good.replace("a_total", "a"),
        good.replace("counter", "summary"),
        good.replace("} 1", "} one"),
        good.replace("# TYPE a_total counter\n", ""),
        histogram.replace("h_count 2", "h_count 3"),
        histogram.replace("le=\"1\"} 1", "le=\"1\"} 3"),
    ] {
        assert!(std::panic::catch_unwind(|| Exposition::parse(&bad)).is_err(), "{bad}");
    }
}
