//! The OFD contract: `proto/litebox/gateway/ofd/v1`.

use tonic::transport::Channel;
use tonic::{Code, Response};

use super::rpc::{Wire, outcome, same, status};
use super::{Case, Checked, Finding, Inputs, Trouble, Unchecked, broken, cases, run};
use crate::clock::Ids;
use crate::gateways::pb::ofd as pb;
use pb::RefusalReason as Reason;
use pb::connect_response::Outcome as Connect;
use pb::release_code_response::Outcome as Release;
use pb::report_or_void_response::Outcome as Told;
use pb::reserve_code_response::Outcome as Reserve;

/// What the cases work with.
struct Bench<'a> {
    wire: Wire,
    inputs: &'a Inputs,
}

/// Tries the contract on the adapter at `url`.
pub(super) async fn check(url: &str, inputs: &Inputs, ids: &Ids) -> Result<Vec<Finding>, Unchecked> {
    let wire = Wire::new(url, ids)?;
    let hello = wire.ask(pb::HandshakeRequest { environment: wire.environment });
    let told = stub(&wire).handshake(hello).await.map(|told| Response::new(told.into_inner().environment));
    let bench = Bench { wire: wire.met(told)?, inputs };
    Ok(run(&all(), &bench, bench.wire.live()).await)
}

fn all<'a>() -> [Case<Bench<'a>>; 15] {
    cases! {
        Reads world "handshake" "the handshake tells the receiver's world"
        Reads unknown_code "unknown code" "GetCode of a code that the operator does not know is NOT_FOUND"
        Reads free_code "free code" "GetCode of a code that nobody holds is FREE, without an effect"
        Reads malformed_question "malformed question" "GetCode with a missing field is INVALID_ARGUMENT"
        Changes missing_fields "missing fields" "a command with a missing or malformed field is INVALID_ARGUMENT"
        Changes reserved_once "repeated command" "the same command again answers the same, and holds the code once"
        Changes other_content "other content" "the same effect_id with other content is refused with CONTENT_DIFFERS"
        Changes held_code "held code" "a code that is held is refused to another effect with CODE_USED"
        Changes voided_before "report or void before" "an unknown effect_id is voided; its late command is refused with VOIDED"
        Changes only_reported "report only" "with only_report an unknown effect_id is UNKNOWN and stays free; a known one is told"
        Changes reported_after "report or void after" "a command that was executed is reported, and not voided"
        Changes refusal_stays "refusal" "a refusal is an answer: it stays, and ReportOrVoid tells it"
        Changes released "release" "releasing frees the code, may be repeated, and voids the reservation"
        Changes unreserved "connection without reservation" "Connect without its reservation is refused with NOT_RESERVED"
        Changes connected "connection" "Connect uses the code up, once; a used code is not released"
    }
}

fn stub(wire: &Wire) -> pb::ofd_service_client::OfdServiceClient<Channel> {
    pb::ofd_service_client::OfdServiceClient::new(wire.channel())
}

impl Bench<'_> {
    fn order(&self, effect: &str, code: &str) -> pb::ReserveCodeRequest {
        pb::ReserveCodeRequest {
            effect_id: effect.to_owned(),
            ofd_inn: self.inputs.ofd_inn.clone(),
            activation_code: code.to_owned(),
            inn: self.inputs.inn.clone(),
            kkt_model: self.inputs.kkt_model.clone(),
            kkt_serial: self.inputs.kkt_serial.clone(),
        }
    }

    fn connection(&self, effect: &str, reservation: &str, code: &str) -> pb::ConnectRequest {
        pb::ConnectRequest {
            effect_id: effect.to_owned(),
            reservation_effect_id: reservation.to_owned(),
            ofd_inn: self.inputs.ofd_inn.clone(),
            activation_code: code.to_owned(),
            inn: self.inputs.inn.clone(),
            rnm: self.inputs.rnm.clone(),
            kkt_serial: self.inputs.kkt_serial.clone(),
            fn_serial: self.inputs.fn_serial.clone(),
        }
    }

    async fn reserve(&self, order: pb::ReserveCodeRequest) -> Result<Reserve, Trouble> {
        outcome(stub(&self.wire).reserve_code(self.wire.ask(order)).await?.into_inner().outcome)
    }

    async fn connect(&self, order: pb::ConnectRequest) -> Result<Connect, Trouble> {
        outcome(stub(&self.wire).connect(self.wire.ask(order)).await?.into_inner().outcome)
    }

    async fn release(&self, effect: &str) -> Result<Release, Trouble> {
        let order = pb::ReleaseCodeRequest { effect_id: effect.to_owned() };
        outcome(stub(&self.wire).release_code(self.wire.ask(order)).await?.into_inner().outcome)
    }

    async fn told(&self, effect: &str) -> Result<Told, Trouble> {
        self.tell(effect, false).await
    }

    async fn tell(&self, effect: &str, only_report: bool) -> Result<Told, Trouble> {
        let question = pb::ReportOrVoidRequest { effect_id: effect.to_owned(), only_report };
        outcome(stub(&self.wire).report_or_void(self.wire.ask(question)).await?.into_inner().outcome)
    }

    async fn code(&self, code: &str) -> Result<(pb::CodeState, String), Trouble> {
        let question = pb::GetCodeRequest { ofd_inn: self.inputs.ofd_inn.clone(), activation_code: code.to_owned() };
        let told = stub(&self.wire).get_code(self.wire.ask(question)).await?.into_inner();
        Ok((told.state(), told.effect_id))
    }

    /// Holds the free code; whoever calls this releases it.
    async fn held(&self) -> Result<String, Trouble> {
        let effect = self.wire.effect();
        match self.reserve(self.order(&effect, &self.inputs.free_code)).await? {
            Reserve::Reserved(_) => Ok(effect),
            other => Err(broken(format!("the free code was not held: {other:?}"))),
        }
    }

    async fn freed(&self, effect: &str) -> Checked {
        same("release", &self.release(effect).await?, &Release::Released(pb::CodeReleased {}))
    }
}

fn refused(seen: Option<Reason>, expected: Reason) -> Checked {
    same("refusal", &seen, &Some(expected))
}

fn of_reserve(seen: &Reserve) -> Option<Reason> {
    if let Reserve::Refused(why) = seen { Some(why.reason()) } else { None }
}

fn of_connect(seen: &Connect) -> Option<Reason> {
    if let Connect::Refused(why) = seen { Some(why.reason()) } else { None }
}

async fn world(bench: &Bench<'_>) -> Checked {
    bench.wire.world_told()
}

async fn unknown_code(bench: &Bench<'_>) -> Checked {
    let (ofd_inn, activation_code) = (bench.inputs.ofd_inn.clone(), bench.inputs.unknown_code.clone());
    let question = bench.wire.ask(pb::GetCodeRequest { ofd_inn, activation_code });
    status("an unknown code", Code::NotFound, stub(&bench.wire).get_code(question).await)
}

async fn free_code(bench: &Bench<'_>) -> Checked {
    same("code", &bench.code(&bench.inputs.free_code).await?, &(pb::CodeState::Free, String::new()))
}

async fn malformed_question(bench: &Bench<'_>) -> Checked {
    for (what, ofd_inn, code) in
        [("no operator", "", &*bench.inputs.free_code), ("no code", &*bench.inputs.ofd_inn, "")]
    {
        let question = pb::GetCodeRequest { ofd_inn: ofd_inn.to_owned(), activation_code: code.to_owned() };
        status(what, Code::InvalidArgument, stub(&bench.wire).get_code(bench.wire.ask(question)).await)?;
    }
    Ok(())
}

async fn missing_fields(bench: &Bench<'_>) -> Checked {
    let (wire, effect) = (&bench.wire, bench.wire.effect());
    let whole = bench.order(&effect, &bench.inputs.free_code);
    for (what, order) in [
        ("no effect_id", pb::ReserveCodeRequest { effect_id: String::new(), ..whole.clone() }),
        ("a malformed effect_id", pb::ReserveCodeRequest { effect_id: "7".into(), ..whole.clone() }),
        ("no operator", pb::ReserveCodeRequest { ofd_inn: String::new(), ..whole.clone() }),
        ("no code", pb::ReserveCodeRequest { activation_code: String::new(), ..whole.clone() }),
        ("no INN", pb::ReserveCodeRequest { inn: String::new(), ..whole.clone() }),
        ("no serial number", pb::ReserveCodeRequest { kkt_serial: String::new(), ..whole.clone() }),
    ] {
        status(what, Code::InvalidArgument, stub(wire).reserve_code(wire.ask(order)).await)?;
    }
    let whole = bench.connection(&effect, &wire.effect(), &bench.inputs.free_code);
    for (what, order) in [
        ("no reservation", pb::ConnectRequest { reservation_effect_id: String::new(), ..whole.clone() }),
        ("no RNM", pb::ConnectRequest { rnm: String::new(), ..whole.clone() }),
        ("no FN", pb::ConnectRequest { fn_serial: String::new(), ..whole.clone() }),
    ] {
        status(what, Code::InvalidArgument, stub(wire).connect(wire.ask(order)).await)?;
    }
    let (release, question) = (
        pb::ReleaseCodeRequest { effect_id: "7".into() },
        pb::ReportOrVoidRequest { effect_id: "7".into(), only_report: false },
    );
    status("a malformed release", Code::InvalidArgument, stub(wire).release_code(wire.ask(release)).await)?;
    status("a malformed ReportOrVoid", Code::InvalidArgument, stub(wire).report_or_void(wire.ask(question)).await)
}

async fn reserved_once(bench: &Bench<'_>) -> Checked {
    let effect = bench.wire.effect();
    let order = bench.order(&effect, &bench.inputs.free_code);
    let first = bench.reserve(order.clone()).await?;
    same("the first answer", &of_reserve(&first), &None)?;
    same("the second answer", &bench.reserve(order).await?, &first)?;
    same("code", &bench.code(&bench.inputs.free_code).await?, &(pb::CodeState::Reserved, effect.clone()))?;
    bench.freed(&effect).await
}

async fn other_content(bench: &Bench<'_>) -> Checked {
    let effect = bench.held().await?;
    let other = pb::ReserveCodeRequest { kkt_serial: "1".into(), ..bench.order(&effect, &bench.inputs.free_code) };
    let seen = bench.reserve(other).await;
    bench.freed(&effect).await?;
    refused(of_reserve(&seen?), Reason::ContentDiffers)
}

async fn held_code(bench: &Bench<'_>) -> Checked {
    let effect = bench.held().await?;
    let seen = bench.reserve(bench.order(&bench.wire.effect(), &bench.inputs.free_code)).await;
    bench.freed(&effect).await?;
    refused(of_reserve(&seen?), Reason::CodeUsed)
}

async fn voided_before(bench: &Bench<'_>) -> Checked {
    for late_connect in [false, true] {
        let effect = bench.wire.effect();
        for _ in 0..2 {
            same("ReportOrVoid", &bench.told(&effect).await?, &Told::Voided(pb::Voided {}))?;
        }
        let seen = if late_connect {
            let late = bench.connection(&effect, &bench.wire.effect(), &bench.inputs.free_code);
            of_connect(&bench.connect(late).await?)
        } else {
            of_reserve(&bench.reserve(bench.order(&effect, &bench.inputs.free_code)).await?)
        };
        refused(seen, Reason::Voided)?;
    }
    Ok(())
}

async fn only_reported(bench: &Bench<'_>) -> Checked {
    let effect = bench.wire.effect();
    same("the first report", &bench.tell(&effect, true).await?, &Told::Unknown(pb::Unknown {}))?;
    let held = bench.held().await?;
    let told = bench.tell(&held, true).await;
    bench.freed(&held).await?;
    super::expect(matches!(told, Ok(Told::Reserved(_))), || "an executed reservation was not reported".into())?;
    bench.told(&effect).await?;
    same("the report of a void one", &bench.tell(&effect, true).await?, &Told::Voided(pb::Voided {}))
}

async fn reported_after(bench: &Bench<'_>) -> Checked {
    let effect = bench.held().await?;
    let told = bench.told(&effect).await;
    let standing = bench.code(&bench.inputs.free_code).await;
    bench.freed(&effect).await?;
    super::expect(matches!(told, Ok(Told::Reserved(_))), || "an executed reservation was not reported".into())?;
    same("code", &standing?, &(pb::CodeState::Reserved, effect))
}

async fn refusal_stays(bench: &Bench<'_>) -> Checked {
    let effect = bench.wire.effect();
    for _ in 0..2 {
        let seen = bench.reserve(bench.order(&effect, &bench.inputs.used_code)).await?;
        refused(of_reserve(&seen), Reason::CodeUsed)?;
    }
    match bench.told(&effect).await? {
        Told::Refused(why) => refused(Some(why.reason()), Reason::CodeUsed),
        other => Err(broken(format!("ReportOrVoid told {other:?} after a refusal"))),
    }
}

async fn released(bench: &Bench<'_>) -> Checked {
    let held = bench.held().await?;
    for effect in [held, bench.wire.effect()] {
        bench.freed(&effect).await?;
        bench.freed(&effect).await?;
        same("code", &bench.code(&bench.inputs.free_code).await?.0, &pb::CodeState::Free)?;
        let late = bench.reserve(bench.order(&effect, &bench.inputs.free_code)).await?;
        refused(of_reserve(&late), Reason::Voided)?;
    }
    Ok(())
}

async fn unreserved(bench: &Bench<'_>) -> Checked {
    let order = bench.connection(&bench.wire.effect(), &bench.wire.effect(), &bench.inputs.free_code);
    refused(of_connect(&bench.connect(order).await?), Reason::NotReserved)
}

async fn connected(bench: &Bench<'_>) -> Checked {
    let code = &bench.inputs.spend_code;
    if bench.code(code).await?.0 == pb::CodeState::Used {
        return Err(Trouble::Skipped("--spend-code is used up: name another".into()));
    }
    let (reservation, effect) = (bench.wire.effect(), bench.wire.effect());
    same("reservation", &of_reserve(&bench.reserve(bench.order(&reservation, code)).await?), &None)?;
    let order = bench.connection(&effect, &reservation, code);
    let first = bench.connect(order.clone()).await?;
    let Connect::Connected(made) = &first else { return Err(broken(format!("not connected: {first:?}"))) };
    super::expect(!made.contract_number.is_empty(), || "a connection without a contract number".into())?;
    same("the second answer", &bench.connect(order.clone()).await?, &first)?;
    let other = pb::ConnectRequest { fn_serial: "0".repeat(16), ..order };
    refused(of_connect(&bench.connect(other).await?), Reason::ContentDiffers)?;
    same("ReportOrVoid", &bench.told(&effect).await?, &Told::Connected(made.clone()))?;
    same("code", &bench.code(code).await?, &(pb::CodeState::Used, effect))?;
    match bench.release(&reservation).await? {
        Release::Refused(why) => refused(Some(why.reason()), Reason::CodeUsed),
        Release::Released(_) => Err(broken("a used code was released")),
    }
}
