//! Requests of `litebox.kkt.v1` about registrations that there are already.

use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::kkt_request::at_most;
use super::{Fields, page_size, required, unknown, words};
use crate::failure::Failure;
use crate::gateways::device::FiscalReport;
use crate::kkt::model::{Amend, Amendment, Cancel, Filter, Fiscalize, ListQuery, Method, WaitingFor};
use crate::kkt::state::Name;
use crate::pb::kkt as pb;
use crate::values::{
    ActivationCode, ClientId, DeviceId, FiscalSign, FnSerial, Inn, Invalid, KktId, KktSerial, RequestId, Rnm,
};

/// Parses an order to fiscalize.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn fiscalize(request: pb::FiscalizeRequest) -> Result<Fiscalize, Failure> {
    Fields::of(|f| {
        let request_id = f.text("request_id", &request.request_id, RequestId::parse);
        let kkt_id = f.text("kkt_id", &request.kkt_id, KktId::parse);
        let method = f.present("how", request.how).and_then(|how| match how {
            pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {}) => Some(Method::Automatic),
            pb::fiscalize_request::How::Manual(manual) => report(f, "manual", &manual).map(Method::Manual),
        });
        Some(Fiscalize { request_id: request_id?, kkt_id: kkt_id?, method: method? })
    })
}

/// Parses a correction.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn amend(request: pb::AmendRequest) -> Result<Amend, Failure> {
    Fields::of(|f| {
        let request_id = f.text("request_id", &request.request_id, RequestId::parse);
        let kkt_id = f.text("kkt_id", &request.kkt_id, KktId::parse);
        let amendment = f.present("change", request.change).and_then(|change| match change {
            pb::amend_request::Change::ActivationCode(code) => {
                f.text("activation_code", &code, ActivationCode::parse).map(Amendment::Code)
            }
            pb::amend_request::Change::DeviceId(id) => f.text("device_id", &id, DeviceId::parse).map(Amendment::Device),
            pb::amend_request::Change::Report(told) => report(f, "report", &told).map(Amendment::Report),
        });
        Some(Amend { request_id: request_id?, kkt_id: kkt_id?, amendment: amendment? })
    })
}

/// Parses a cancellation.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn cancel(request: &pb::CancelRequest) -> Result<Cancel, Failure> {
    Fields::of(|f| {
        let request_id = f.text("request_id", &request.request_id, RequestId::parse);
        let kkt_id = f.text("kkt_id", &request.kkt_id, KktId::parse);
        Some(Cancel { request_id: request_id?, kkt_id: kkt_id? })
    })
}

fn report(f: &mut Fields, at: &str, report: &pb::ManualReport) -> Option<FiscalReport> {
    let rnm = f.text(&format!("{at}.rnm"), &report.rnm, Rnm::parse);
    let fn_serial = f.text(&format!("{at}.fn_serial"), &report.fn_serial, FnSerial::parse);
    let fd_number = f.take(format!("{at}.fd_number"), fd_number(report.fd_number));
    let local_time = f.text(&format!("{at}.local_time"), &report.local_time, local_time);
    let fiscal_sign = f.text(&format!("{at}.fiscal_sign"), &report.fiscal_sign, FiscalSign::parse);
    let (rnm, fn_serial) = (rnm?, fn_serial?);
    Some(FiscalReport { rnm, fn_serial, fd_number: fd_number?, local_time: local_time?, fiscal_sign: fiscal_sign? })
}

fn fd_number(number: i64) -> Result<u32, Invalid> {
    let wrong =
        || Invalid::new("FD_NUMBER_RANGE", "must be at least 1", "Укажите номер фискального документа с отчёта");
    u32::try_from(number).ok().filter(|n| *n > 0).ok_or_else(wrong)
}

/// Date and time without a zone, to the second: as printed, seconds may be missing.
fn local_time(text: &str) -> Result<String, Invalid> {
    const SECONDS: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    const MINUTES: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]");
    let parsed = PrimitiveDateTime::parse(text, SECONDS).or_else(|_| PrimitiveDateTime::parse(text, MINUTES));
    parsed.ok().and_then(|at| at.format(SECONDS).ok()).ok_or_else(|| {
        Invalid::new(
            "LOCAL_TIME_FORMAT",
            "must be a date and time like 2026-11-23T13:12",
            "Укажите дату и время с отчёта в виде 2026-11-23T13:12",
        )
    })
}

/// Parses a question for a page of registrations.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn list(request: &pb::ListRequest) -> Result<ListQuery, Failure> {
    Fields::of(|f| {
        let page_size = page_size(f, request.page_size);
        let filter = filter(f, request);
        let page_token = Some(request.page_token.clone()).filter(|token| !token.is_empty());
        Some(ListQuery { filter: filter?, page_size: page_size?, page_token })
    })
}

/// Parses what to watch and from where.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn watch(request: pb::WatchRequest) -> Result<(Vec<KktId>, Option<String>), Failure> {
    Fields::of(|f| {
        let ids = f.each("kkt_ids", &request.kkt_ids, |id| KktId::parse(id));
        let ids = at_most(f, "kkt_ids", ids?, 100);
        Some((ids?, Some(request.resume_token).filter(|token| !token.is_empty())))
    })
}

pub(super) fn filter(f: &mut Fields, request: &pb::ListRequest) -> Option<Filter> {
    let client_id = f.optional("client_id", &request.client_id, ClientId::parse);
    let states = f.each("states", request.states.iter().copied(), state);
    let serial = f.optional("serial", &request.serial, KktSerial::parse);
    let fn_serial = f.optional("fn_serial", &request.fn_serial, FnSerial::parse);
    let rnm = f.optional("rnm", &request.rnm, Rnm::parse);
    let inn = f.optional("inn", &request.inn, Inn::parse);
    let waiting_for = f.take("waiting_for", waiting_for(request.waiting_for));
    let external_ref = f.optional("external_ref", &request.external_ref, words(128));
    Some(Filter {
        client_id: client_id?,
        states: states?,
        serial: serial?,
        fn_serial: fn_serial?,
        rnm: rnm?,
        inn: inn?,
        waiting_for: waiting_for?,
        external_ref: external_ref?,
        overdue: request.overdue,
    })
}

fn state(number: i32) -> Result<Name, Invalid> {
    let state = pb::KktState::try_from(number).map_err(|_| unknown())?;
    Name::parse(state.as_str_name().trim_start_matches("KKT_STATE_")).ok_or_else(required)
}

fn waiting_for(number: i32) -> Result<Option<WaitingFor>, Invalid> {
    Ok(match pb::WaitingFor::try_from(number).map_err(|_| unknown())? {
        pb::WaitingFor::Unspecified => None,
        pb::WaitingFor::Fns => Some(WaitingFor::Fns),
        pb::WaitingFor::Ofd => Some(WaitingFor::Ofd),
        pb::WaitingFor::Device => Some(WaitingFor::Device),
        pb::WaitingFor::Partner => Some(WaitingFor::Partner),
        pb::WaitingFor::Signer => Some(WaitingFor::Signer),
        pb::WaitingFor::Operator => Some(WaitingFor::Operator),
    })
}
