//! The FNS contract: `proto/litebox/gateway/fns/v1`.

use tonic::transport::Channel;
use tonic::{Code, Response};

use super::rpc::{Wire, outcome, same, status};
use super::{Case, Checked, Finding, Inputs, Trouble, Unchecked, broken, cases, run};
use crate::clock::Ids;
use crate::gateways::pb::fns as pb;
use pb::RefusalReason as Reason;
use pb::report_or_void_response::Outcome as Told;
use pb::submit_application_response::Outcome as Submit;
use pb::submit_report_response::Outcome as Report;

/// An application that the sandbox takes, for the default inputs.
const DOCUMENT: &str = include_str!("application.xml");
/// The file id in it.
const FILE_ID: &str = "KO_ZVLREGKKT_7736_7736_7707083893773601001_20261123_conformance";

/// What the cases work with.
struct Bench<'a> {
    wire: Wire,
    inputs: &'a Inputs,
    file_id: String,
    document: Vec<u8>,
}

/// Tries the contract on the adapter at `url`.
pub(super) async fn check(url: &str, inputs: &Inputs, ids: &Ids) -> Result<Vec<Finding>, Unchecked> {
    let (file_id, document) = document(inputs).await?;
    let wire = Wire::new(url, ids)?;
    let hello = wire.ask(pb::HandshakeRequest { environment: wire.environment });
    let told = stub(&wire).handshake(hello).await.map(|told| Response::new(told.into_inner().environment));
    let bench = Bench { wire: wire.met(told)?, inputs, file_id, document };
    Ok(run(&all(), &bench, bench.wire.live()).await)
}

async fn document(inputs: &Inputs) -> Result<(String, Vec<u8>), Unchecked> {
    match (&inputs.document, &inputs.file_id) {
        (Some(path), Some(file_id)) => {
            let read = tokio::fs::read(path).await;
            let document = read.map_err(|e| Unchecked::Input(format!("{}: {e}", path.display())))?;
            Ok((file_id.clone(), document))
        }
        _ => Ok((FILE_ID.to_owned(), encoding_rs::WINDOWS_1251.encode(DOCUMENT).0.into_owned())),
    }
}

fn all<'a>() -> [Case<Bench<'a>>; 12] {
    cases! {
        Reads world "handshake" "the handshake tells the receiver's world"
        Reads unknown_application "unknown application" "GetApplication of an unknown id is NOT_FOUND"
        Changes missing_fields "missing fields" "a command with a missing or malformed field is INVALID_ARGUMENT"
        Changes filed_once "repeated command" "the same command again answers the same application, and files nothing"
        Changes standing "standing" "an application that was filed has a state"
        Changes other_content "other content" "the same effect_id with other content is refused with CONTENT_DIFFERS"
        Changes other_command "other command" "the effect_id of an application is refused to a report with CONTENT_DIFFERS"
        Changes voided_before "report or void before" "an unknown effect_id is voided; its late command is refused with VOIDED"
        Changes only_reported "report only" "with only_report an unknown effect_id is UNKNOWN and stays free; a known one is told"
        Changes reported_after "report or void after" "a command that was executed is reported, and not voided"
        Changes refusal_stays "refusal" "a malformed document is refused as an answer: it stays, and ReportOrVoid tells it"
        Changes unexpected_report "report out of place" "a report for an unknown application is refused, not an error"
    }
}

fn stub(wire: &Wire) -> pb::fns_service_client::FnsServiceClient<Channel> {
    pb::fns_service_client::FnsServiceClient::new(wire.channel())
}

impl Bench<'_> {
    fn order(&self, effect: &str) -> pb::SubmitApplicationRequest {
        pb::SubmitApplicationRequest {
            effect_id: effect.to_owned(),
            file_id: self.file_id.clone(),
            document: self.document.clone(),
            certificate_id: self.inputs.certificate_id.clone(),
        }
    }

    fn report(&self, effect: &str, application: &str) -> pb::SubmitReportRequest {
        pb::SubmitReportRequest {
            effect_id: effect.to_owned(),
            application_id: application.to_owned(),
            rnm: self.inputs.rnm.clone(),
            fn_serial: self.inputs.fn_serial.clone(),
            fd_number: 1,
            local_time: "2026-11-23T13:12:00".into(),
            fiscal_sign: "0024109209".into(),
            certificate_id: self.inputs.certificate_id.clone(),
        }
    }

    async fn submit(&self, order: pb::SubmitApplicationRequest) -> Result<Submit, Trouble> {
        outcome(stub(&self.wire).submit_application(self.wire.ask(order)).await?.into_inner().outcome)
    }

    async fn submit_report(&self, order: pb::SubmitReportRequest) -> Result<Report, Trouble> {
        outcome(stub(&self.wire).submit_report(self.wire.ask(order)).await?.into_inner().outcome)
    }

    async fn told(&self, effect: &str) -> Result<Told, Trouble> {
        self.tell(effect, false).await
    }

    async fn tell(&self, effect: &str, only_report: bool) -> Result<Told, Trouble> {
        let question = pb::ReportOrVoidRequest { effect_id: effect.to_owned(), only_report };
        outcome(stub(&self.wire).report_or_void(self.wire.ask(question)).await?.into_inner().outcome)
    }

    /// Files an application.
    async fn filed(&self) -> Result<(String, pb::ApplicationAccepted), Trouble> {
        let effect = self.wire.effect();
        match self.submit(self.order(&effect)).await? {
            Submit::Accepted(accepted) if !accepted.application_id.is_empty() => Ok((effect, accepted)),
            other => Err(broken(format!("the application was not filed: {other:?}"))),
        }
    }
}

fn refused(seen: &Submit, expected: Reason) -> Checked {
    let reason = if let Submit::Refused(why) = seen { Some(why.reason()) } else { None };
    same("refusal", &reason, &Some(expected))
}

fn report_refused(seen: &Report, expected: Reason) -> Checked {
    let reason = if let Report::Refused(why) = seen { Some(why.reason()) } else { None };
    same("refusal of the report", &reason, &Some(expected))
}

async fn world(bench: &Bench<'_>) -> Checked {
    bench.wire.world_told()
}

async fn unknown_application(bench: &Bench<'_>) -> Checked {
    let application_id = format!("none-{}", bench.wire.effect());
    let question = bench.wire.ask(pb::GetApplicationRequest { application_id });
    status("an unknown application", Code::NotFound, stub(&bench.wire).get_application(question).await)
}

async fn missing_fields(bench: &Bench<'_>) -> Checked {
    let (wire, effect) = (&bench.wire, bench.wire.effect());
    let whole = bench.order(&effect);
    for (what, order) in [
        ("no effect_id", pb::SubmitApplicationRequest { effect_id: String::new(), ..whole.clone() }),
        ("a malformed effect_id", pb::SubmitApplicationRequest { effect_id: "7".into(), ..whole.clone() }),
        ("no file_id", pb::SubmitApplicationRequest { file_id: String::new(), ..whole.clone() }),
        ("no document", pb::SubmitApplicationRequest { document: Vec::new(), ..whole.clone() }),
        ("no certificate", pb::SubmitApplicationRequest { certificate_id: String::new(), ..whole.clone() }),
    ] {
        status(what, Code::InvalidArgument, stub(wire).submit_application(wire.ask(order)).await)?;
    }
    let whole = bench.report(&effect, "none");
    for (what, order) in [
        ("no application", pb::SubmitReportRequest { application_id: String::new(), ..whole.clone() }),
        ("no RNM", pb::SubmitReportRequest { rnm: String::new(), ..whole.clone() }),
        ("no FN", pb::SubmitReportRequest { fn_serial: String::new(), ..whole.clone() }),
        ("no document number", pb::SubmitReportRequest { fd_number: 0, ..whole.clone() }),
        ("no time", pb::SubmitReportRequest { local_time: String::new(), ..whole.clone() }),
        ("no fiscal sign", pb::SubmitReportRequest { fiscal_sign: String::new(), ..whole.clone() }),
    ] {
        status(what, Code::InvalidArgument, stub(wire).submit_report(wire.ask(order)).await)?;
    }
    let question = wire.ask(pb::ReportOrVoidRequest { effect_id: "7".into(), only_report: false });
    status("a malformed ReportOrVoid", Code::InvalidArgument, stub(wire).report_or_void(question).await)
}

async fn filed_once(bench: &Bench<'_>) -> Checked {
    let (effect, accepted) = bench.filed().await?;
    same("the second answer", &bench.submit(bench.order(&effect)).await?, &Submit::Accepted(accepted))
}

async fn standing(bench: &Bench<'_>) -> Checked {
    let (_, accepted) = bench.filed().await?;
    let question = bench.wire.ask(pb::GetApplicationRequest { application_id: accepted.application_id });
    let told = stub(&bench.wire).get_application(question).await?.into_inner();
    super::expect(told.state() != pb::ApplicationState::Unspecified, || "the state is not told".into())
}

async fn other_content(bench: &Bench<'_>) -> Checked {
    let (effect, _) = bench.filed().await?;
    let other = pb::SubmitApplicationRequest { certificate_id: "cert-other".into(), ..bench.order(&effect) };
    refused(&bench.submit(other).await?, Reason::ContentDiffers)
}

async fn other_command(bench: &Bench<'_>) -> Checked {
    let (effect, accepted) = bench.filed().await?;
    let report = bench.report(&effect, &accepted.application_id);
    report_refused(&bench.submit_report(report).await?, Reason::ContentDiffers)
}

async fn voided_before(bench: &Bench<'_>) -> Checked {
    for late_report in [false, true] {
        let effect = bench.wire.effect();
        for _ in 0..2 {
            same("ReportOrVoid", &bench.told(&effect).await?, &Told::Voided(pb::Voided {}))?;
        }
        if late_report {
            report_refused(&bench.submit_report(bench.report(&effect, "none")).await?, Reason::Voided)?;
        } else {
            refused(&bench.submit(bench.order(&effect)).await?, Reason::Voided)?;
        }
    }
    Ok(())
}

async fn only_reported(bench: &Bench<'_>) -> Checked {
    let effect = bench.wire.effect();
    same("the first report", &bench.tell(&effect, true).await?, &Told::Unknown(pb::Unknown {}))?;
    let Submit::Accepted(accepted) = bench.submit(bench.order(&effect)).await? else {
        return Err(broken("the application was not filed after a report"));
    };
    same("the report after it", &bench.tell(&effect, true).await?, &Told::Application(accepted))?;
    let void = bench.wire.effect();
    bench.told(&void).await?;
    same("the report of a void one", &bench.tell(&void, true).await?, &Told::Voided(pb::Voided {}))
}

async fn reported_after(bench: &Bench<'_>) -> Checked {
    let (effect, accepted) = bench.filed().await?;
    same("ReportOrVoid", &bench.told(&effect).await?, &Told::Application(accepted.clone()))?;
    same("the command after it", &bench.submit(bench.order(&effect)).await?, &Submit::Accepted(accepted))
}

async fn refusal_stays(bench: &Bench<'_>) -> Checked {
    let effect = bench.wire.effect();
    let order = pb::SubmitApplicationRequest { document: b"<?xml?>".to_vec(), ..bench.order(&effect) };
    for _ in 0..2 {
        refused(&bench.submit(order.clone()).await?, Reason::MalformedDocument)?;
    }
    match bench.told(&effect).await? {
        Told::Refused(why) => same("ReportOrVoid", &why.reason(), &Reason::MalformedDocument),
        other => Err(broken(format!("ReportOrVoid told {other:?} after a refusal"))),
    }
}

async fn unexpected_report(bench: &Bench<'_>) -> Checked {
    let effect = bench.wire.effect();
    let report = bench.report(&effect, &format!("none-{effect}"));
    match bench.submit_report(report).await? {
        Report::Refused(why) => super::expect(why.reason() != Reason::Unspecified, || "no reason".into()),
        Report::Accepted(_) => Err(broken("a report for an unknown application was accepted")),
    }
}
