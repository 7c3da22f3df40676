//! The CSV file of a fleet: read line by line, all that is wrong told at once. Pure.

use csv::{ReaderBuilder, StringRecord};
use serde::Serialize;

use super::model::Register;
use crate::catalogue::Catalogue;
use crate::values::{DeviceId, FnSerial, Invalid, KktSerial, line};

/// Most lines of a file.
const LINES_MAX: usize = 10_000;
/// Names of the columns; the first three must be there.
const COLUMNS: [&str; 5] = ["model", "serial", "fn", "device_id", "state"];
const REQUIRED: usize = 3;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: u64,
    /// Column, or `file` or `line` for the whole.
    pub field: &'static str,
    /// What is wrong and what to do.
    pub reason: String,
}

/// A good line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: u64,
    /// The register.
    pub register: Register,
    /// The state it is to have.
    pub wanted: Wanted,
}

/// The state that a file asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// In service: free unless it is with a client.
    Free,
    /// With a client, which only a registration can bring about.
    Taken,
    /// Not to be hired out.
    Out,
}

impl Line {
    /// A problem of this line.
    pub fn problem(&self, field: &'static str, reason: impl Into<String>) -> Problem {
        Problem { line: self.number, field, reason: reason.into() }
    }

    /// What tells the register apart from all others.
    pub fn key(&self) -> (String, String) {
        self.register.key()
    }
}

/// Reads a file: UTF-8 with or without a mark at its head, `,` or `;` between columns, a line of names first.
///
/// # Errors
/// All problems. A model that the catalogue does not have is one unless `allow_unknown`.
pub fn read(file: &[u8], catalogue: &Catalogue, allow_unknown: bool) -> (Vec<Line>, Vec<Problem>) {
    let whole = |line, reason: String| (Vec::new(), vec![Problem { line, field: "file", reason }]);
    let text = match std::str::from_utf8(file) {
        // The reader counts CR LF as two lines.
        Ok(text) => text.trim_start_matches('\u{feff}').replace("\r\n", "\n"),
        Err(error) => {
            let before = file.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
            return whole(line, "is not UTF-8: save the file as UTF-8".to_owned());
        }
    };
    let head = text.lines().next().unwrap_or_default();
    let separator = if head.contains(';') { b';' } else { b',' };
    let columns = match Columns::of(head, char::from(separator)) {
        Ok(columns) => columns,
        Err(reason) => return whole(1, reason),
    };
    let mut reader = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for record in reader.records() {
        match record {
            Ok(record) if record.iter().all(|cell| cell.trim().is_empty()) => {}
            Ok(record) => {
                let number = record.position().map_or(0, csv::Position::line);
                let mut row = Row { columns: &columns, record, number, problems: &mut problems };
                lines.extend(row.line(catalogue, allow_unknown));
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                problems.push(Problem { line, field: "line", reason: "cannot be read as CSV".to_owned() });
            }
        }
    }
    if lines.len() > LINES_MAX {
        return whole(1, format!("has more than {LINES_MAX} lines: split it"));
    }
    if lines.is_empty() && problems.is_empty() {
        return whole(1, "has no lines below its head".to_owned());
    }
    (lines, problems)
}

/// Where each column stands.
struct Columns {
    at: [Option<usize>; 5],
    count: usize,
}

impl Columns {
    fn of(head: &str, separator: char) -> Result<Self, String> {
        let names: Vec<_> = head.split(separator).map(|n| n.trim().trim_matches('"').to_lowercase()).collect();
        let at = COLUMNS.map(|column| names.iter().position(|name| name == column));
        let strange = names
            .iter()
            .enumerate()
            .find(|(i, name)| !COLUMNS.contains(&name.as_str()) || names.iter().take(*i).any(|other| other == *name));
        let missing = COLUMNS.iter().zip(at).take(REQUIRED).find(|(_, at)| at.is_none());
        match (strange, missing) {
            (Some((_, name)), _) => Err(format!("has a column {name:?}: the columns are {}", COLUMNS.join(","))),
            (_, Some((name, _))) => Err(format!("has no column {name}: its first line must name the columns")),
            (None, None) => Ok(Self { at, count: names.len() }),
        }
    }
}

/// A line while it is read.
struct Row<'a> {
    columns: &'a Columns,
    record: StringRecord,
    number: u64,
    problems: &'a mut Vec<Problem>,
}

impl Row<'_> {
    fn line(&mut self, catalogue: &Catalogue, allow_unknown: bool) -> Option<Line> {
        if self.record.len() != self.columns.count {
            let reason = format!("has {} cells instead of {}", self.record.len(), self.columns.count);
            return self.wrong("line", reason);
        }
        let model = self.model(catalogue, allow_unknown);
        let serial = self.parse(1, KktSerial::parse);
        let fn_serial = self.parse(2, FnSerial::parse);
        let device_id = if self.cell(3).is_empty() { Some(None) } else { self.parse(3, DeviceId::parse).map(Some) };
        let wanted = match self.cell(4).to_uppercase().as_str() {
            "" | "FREE" => Some(Wanted::Free),
            "TAKEN" => Some(Wanted::Taken),
            "OUT" => Some(Wanted::Out),
            _ => self.wrong("state", "must be FREE or OUT; empty means FREE"),
        };
        let (model, serial, fn_serial) = (model?, serial?, fn_serial?);
        let register = Register { model, serial, fn_serial, device_id: device_id? };
        Some(Line { number: self.number, register, wanted: wanted? })
    }

    fn model(&mut self, catalogue: &Catalogue, allow_unknown: bool) -> Option<String> {
        let given = self.parse(0, |text| line(text, 100))?;
        match catalogue.model(&given) {
            Some(model) => Some(model.name.clone()),
            None if allow_unknown => Some(given),
            None => self.wrong("model", "is not in the catalogue: correct it, or give --allow-unknown"),
        }
    }

    fn cell(&self, column: usize) -> &str {
        let at = self.columns.at.get(column).copied().flatten();
        at.and_then(|at| self.record.get(at)).unwrap_or_default().trim()
    }

    fn parse<T>(&mut self, column: usize, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Option<T> {
        match parse(self.cell(column)) {
            Ok(value) => Some(value),
            Err(why) => self.wrong(COLUMNS.get(column).copied().unwrap_or("line"), why.text),
        }
    }

    fn wrong<T>(&mut self, field: &'static str, reason: impl Into<String>) -> Option<T> {
        self.problems.push(Problem { line: self.number, field, reason: reason.into() });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Vec<Line>, Vec<Problem>) {
        read(text.as_bytes(), &Catalogue::embedded().unwrap(), false)
    }

    fn places(problems: &[Problem]) -> Vec<(u64, &'static str)> {
        problems.iter().map(|p| (p.line, p.field)).collect()
    }

    #[test]
    fn separators_marks_line_ends_and_the_order_of_columns_do_not_matter() {
        let plain = of("model,serial,fn,device_id,state\nАТОЛ 30Ф,00106100000001,9999078902000001,,FREE\n");
        assert_eq!((plain.0.len(), plain.1.len()), (1, 0), "{:?}", plain.1);
        for other in [
            "\u{feff}model;serial;fn;device_id;state\r\nАТОЛ 30Ф;00106100000001;9999078902000001;;FREE\r\n",
            "\"fn\",\"Serial\",\"MODEL\"\n9999078902000001,00106100000001,\"атол  30ф\"\n\n",
            "state;model;serial;fn\n;АТОЛ 30Ф;00106100000001;9999078902000001",
        ] {
            assert_eq!(of(other), plain, "{other}");
        }
    }

    #[test]
    fn every_bad_line_is_named_with_line_column_and_reason() {
        let (good, bad) = of("model,serial,fn,device_id,state\n\
             АТОЛ 30Ф,00106100000001,9999078902000001,,FREE\n\
             Нечто,*,12,x,GONE\n\
             АТОЛ 30Ф,00106100000002\n\
             ,00106100000003,9999078902000003,,OUT\n");
        assert_eq!(good.len(), 1);
        let third = ["model", "serial", "fn", "device_id", "state"].map(|field| (3, field));
        assert_eq!(places(&bad), [&third[..], &[(4, "line"), (5, "model")]].concat());
        assert!(bad.iter().all(|problem| !problem.reason.is_empty()));
    }

    #[test]
    fn a_file_that_cannot_be_read_says_why() {
        for (text, line) in [("", 1), ("model,serial\n", 1), ("model,serial,fn,price\n", 1), ("model,serial,fn\n", 1)] {
            assert_eq!(places(&of(text).1), [(line, "file")], "{text:?}");
        }
        let koi = read(b"model,serial,fn\nx,1,\xc1\n", &Catalogue::embedded().unwrap(), true);
        assert_eq!(places(&koi.1), [(2, "file")]);
    }

    #[test]
    fn an_unknown_model_is_taken_only_when_that_is_said() {
        let text = "model,serial,fn\nНечто,1,9999078902000001\n";
        assert_eq!(places(&of(text).1), [(2, "model")]);
        let (lines, problems) = read(text.as_bytes(), &Catalogue::embedded().unwrap(), true);
        assert_eq!((lines.len(), problems.len()), (1, 0));
    }
}
