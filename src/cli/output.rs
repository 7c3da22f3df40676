//! Lines and tables for people, JSON for programs.

use std::io::Write;

use serde::Serialize;

use super::CliError;

/// Where results go. What is only said to a person goes to standard error, so that results can be piped.
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line that only says that it was done.
    pub(super) fn line(&self, text: &str) -> Result<(), CliError> {
        if self.json { put(&serde_json::json!({ "result": text }).to_string()) } else { put(text) }
    }

    /// Whether programs read it.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// A text of several lines; a JSON array of them.
    pub(super) fn lines(&self, lines: &[String]) -> Result<(), CliError> {
        if self.json { put(&json(&lines)?) } else { lines.iter().try_for_each(|line| put(line)) }
    }

    /// A value for programs.
    pub(super) fn value(&self, value: &serde_json::Value) -> Result<(), CliError> {
        put(&json(value)?)
    }

    /// One thing: `plain` alone on standard output and a remark beside it, or the whole as JSON.
    pub(super) fn one<T: Serialize>(&self, value: &T, plain: &str, remark: &str) -> Result<(), CliError> {
        if self.json {
            return put(&json(value)?);
        }
        put(plain)?;
        eprintln!("{remark}");
        Ok(())
    }

    /// What is wrong with the input: a line each for people, on standard error; a JSON array for programs.
    pub(super) fn problems<T: Serialize>(&self, problems: &[T], line: impl Fn(&T) -> String) {
        if self.json {
            let _ = json(&problems).and_then(|text| put(&text));
        } else {
            problems.iter().for_each(|one| eprintln!("{}", line(one)));
        }
    }

    /// Many things: a table with a head line, or a JSON array.
    pub(super) fn many<T: Serialize, const N: usize>(
        &self,
        values: &[T],
        head: [&str; N],
        row: impl Fn(&T) -> [String; N],
    ) -> Result<(), CliError> {
        if self.json {
            return put(&json(&values)?);
        }
        let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(values.iter().map(row)).collect();
        let widths: Vec<usize> = (0..N).map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0)).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            put(cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn json<T: Serialize>(value: &T) -> Result<String, CliError> {
    serde_json::to_string_pretty(value).map_err(|e| CliError::Io(e.into()))
}

fn put(text: &str) -> Result<(), CliError> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// An instant for people: `2026-11-23 09:30:00Z`.
pub(super) fn instant(ms: i64) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    crate::clock::from_ms(ms).format(format).unwrap_or_default()
}

/// An instant that may be absent.
pub(super) fn instant_or(ms: Option<i64>, absent: &str) -> String {
    ms.map_or_else(|| absent.to_owned(), instant)
}
