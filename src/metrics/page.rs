//! Writes metrics that are read when they are asked for.

use std::fmt::{Error, Result};

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// The answer to a scrape, as far as it is not counted.
pub(super) struct Page<'a>(pub DescriptorEncoder<'a>);

impl Page<'_> {
    /// One number that may rise and fall.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) -> Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// The same for each value of a label.
    pub fn gauges<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = ([(&'static str, &'static str); N], f64)>,
    ) -> Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        rows.into_iter().try_for_each(|(labels, value)| of(&mut metric, &labels)?.encode_gauge(&value))
    }

    /// Numbers that only rise; their name ends with `_total` where it is shown.
    pub fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = ([(&'static str, &'static str); N], u64)>,
    ) -> Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        rows.into_iter().try_for_each(|(labels, value)| {
            of(&mut metric, &labels)?.encode_counter::<NoLabelSet, u64, f64>(&value, None)
        })
    }
}

fn of<'s, const N: usize>(
    metric: &'s mut MetricEncoder<'_>,
    labels: &'s [(&'static str, &'static str); N],
) -> std::result::Result<MetricEncoder<'s>, Error> {
    metric.encode_family(labels)
}
