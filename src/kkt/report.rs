//! Reports that a person read off the paper: do they fit the registration, and what the device says? Pure.

use super::deadlines;
use super::model::Kkt;
use super::state::Numbers;
use super::zone;
use crate::clock::to_ms;
use crate::failure::{Failure, Requirement};
use crate::gateways::device::FiscalReport;

/// How far the clock of a cash register may be ahead, milliseconds.
const AHEAD_MS: i64 = 24 * 3_600_000;
/// How far it may be behind: a report of the day of the RNM, with a clock that is a day late.
const BEHIND_MS: i64 = 48 * 3_600_000;

/// Whether a report can be one of this registration.
///
/// # Errors
/// `RequirementsNotMet` with everything that differs.
pub fn fits(kkt: &Kkt, numbers: &Numbers, report: &FiscalReport, now_ms: i64) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    if report.fn_serial != kkt.facts.register.fn_serial {
        wrong.push(requirement(
            "REPORT_FN_DIFFERS",
            "fn_serial",
            "the report is of another fiscal drive than the application",
            "Номер ФН в отчёте не совпадает с заявлением. Проверьте, тот ли отчёт вы вводите",
        ));
    }
    if report.rnm != numbers.rnm {
        wrong.push(requirement(
            "REPORT_RNM_DIFFERS",
            "rnm",
            "the report has another registration number than FNS assigned",
            "Регистрационный номер в отчёте не совпадает с присвоенным ФНС. Сверьте номер; если в кассу введён другой \
             номер, обратитесь в поддержку LiteBox",
        ));
    }
    if !possible(kkt, numbers, report, now_ms) {
        wrong.push(requirement(
            "REPORT_TIME_IMPOSSIBLE",
            "local_time",
            "the report was made before the number was assigned, or in the future",
            "Дата отчёта раньше присвоения регистрационного номера или ещё не наступила. Сверьте дату и время",
        ));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::RequirementsNotMet(wrong)) }
}

fn possible(kkt: &Kkt, numbers: &Numbers, report: &FiscalReport, now_ms: i64) -> bool {
    let Some(local) = deadlines::parse_local(&report.local_time) else { return false };
    let made_ms = to_ms(local.assume_offset(zone::offset_of(&kkt.facts.address)));
    (numbers.assigned_ms - BEHIND_MS..=now_ms + AHEAD_MS).contains(&made_ms)
}

/// Whether a person's report is the one that the device holds. Seconds are not compared: the paper shows none.
///
/// # Errors
/// `RequirementsNotMet` with everything that differs; the values of the device are not told.
pub fn same(made: &FiscalReport, told: &FiscalReport) -> Result<(), Failure> {
    let minute = |report: &FiscalReport| report.local_time.chars().take(16).collect::<String>();
    let differences = [
        (made.rnm != told.rnm, "rnm"),
        (made.fn_serial != told.fn_serial, "fn_serial"),
        (made.fd_number != told.fd_number, "fd_number"),
        (minute(made) != minute(told), "local_time"),
        (made.fiscal_sign != told.fiscal_sign, "fiscal_sign"),
    ];
    let wrong: Vec<_> = differences
        .into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, field)| {
            requirement(
                "REPORT_DIFFERS_FROM_DEVICE",
                field,
                "the device holds another value",
                "Значение не совпадает с записанным в кассе. Сверьте его с отпечатанным отчётом о регистрации",
            )
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::RequirementsNotMet(wrong)) }
}

/// The device answers, and its drive is unburnt.
pub fn not_made() -> Failure {
    Failure::RequirementsNotMet(vec![requirement(
        "REPORT_NOT_IN_DEVICE",
        "fn_serial",
        "the device answers, and its fiscal drive is not fiscalized",
        "Накопитель в кассе ещё не фискализирован. Сформируйте отчёт о регистрации на кассе и повторите",
    )])
}

/// The device answers, and its drive holds somebody else's registration.
pub fn others() -> Failure {
    Failure::RequirementsNotMet(vec![requirement(
        "FN_BURNT_BY_OTHERS",
        "fn_serial",
        "the fiscal drive in the device is fiscalized with other data",
        "Накопитель в кассе фискализирован с другими данными. Отмените регистрацию и замените накопитель",
    )])
}

fn requirement(code: &'static str, subject: &str, text: &str, russian: &str) -> Requirement {
    Requirement { code, subject: subject.to_owned(), text: text.to_owned(), russian: russian.to_owned() }
}
