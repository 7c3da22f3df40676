//! The partner's people: they order, do what the scenario has them do, and repeat each call under its request id until it
//! is answered. They keep every answer.

use std::sync::{Arc, Mutex};

use litebox_partner::failure::Failure;
use litebox_partner::gateways::device::FiscalReport;
use litebox_partner::grpc::convert::kkt_request;
use litebox_partner::kkt::model::{Amend, Amendment, Cancel, Fiscalize, Kkt, Method, QuickRegister};
use litebox_partner::kkt::ordering::Registered;
use litebox_partner::kkt::service::Service;
use litebox_partner::pb::kkt as pb;
use litebox_partner::values::{ActivationCode, DeviceId, FiscalSign, FnSerial, KktSerial, PartnerScope, RequestId};
use uuid::Uuid;

use super::scenario::{Act, Cue, Order, Scenario};
use crate::documents::orders;
use crate::model::run::{Work, driven};
use crate::model::stage::Stage;
use crate::model::world::World;

/// People try again what did not help, but not for ever.
const TRIES: u32 = 3;

/// What is called.
#[derive(Clone)]
enum What {
    Order(Box<QuickRegister>),
    Fiscalize(Fiscalize),
    Amend(Amend),
    Cancel(Cancel),
}

/// What came back.
pub type Answer = Result<Kkt, Failure>;

/// A call and every answer to it.
#[derive(Clone)]
pub struct Call {
    what: What,
    answers: Arc<Mutex<Vec<Answer>>>,
}

/// The people.
pub struct People {
    cues: Vec<(Cue, u32)>,
    pub calls: Vec<Call>,
    device: DeviceId,
    next_request: u128,
    codes: u64,
}

impl Call {
    fn new(what: What) -> Self {
        Self { what, answers: Arc::default() }
    }

    pub const fn what(&self) -> &'static str {
        match self.what {
            What::Order(_) => "QuickRegister",
            What::Fiscalize(_) => "Fiscalize",
            What::Amend(_) => "Amend",
            What::Cancel(_) => "Cancel",
        }
    }

    pub fn request_id(&self) -> RequestId {
        match &self.what {
            What::Order(call) => call.request_id,
            What::Fiscalize(call) => call.request_id,
            What::Amend(call) => call.request_id,
            What::Cancel(call) => call.request_id,
        }
    }

    /// The line of the history that it leaves.
    pub const fn line(&self) -> &'static str {
        match &self.what {
            What::Order(_) => "ACCEPTED",
            What::Fiscalize(Fiscalize { method: Method::Automatic, .. }) => "FISCALIZE_ASKED",
            What::Fiscalize(_) => "REPORTED_BY_HAND",
            What::Amend(Amend { amendment: Amendment::Code(_), .. }) => "CODE_AMENDED",
            What::Amend(Amend { amendment: Amendment::Device(_), .. }) => "DEVICE_AMENDED",
            What::Amend(_) => "REPORT_AMENDED",
            What::Cancel(_) => "CANCELLED",
        }
    }

    /// The call on its way; its answer is kept, however late it comes.
    pub fn send(&self, service: Service, scope: PartnerScope) -> Work {
        let call = self.clone();
        Box::pin(async move {
            let answer = match call.what {
                What::Order(order) => service.quick_register(scope, *order).await.map(accepted),
                What::Fiscalize(order) => service.fiscalize(scope, order).await,
                What::Amend(order) => service.amend(scope, order).await,
                What::Cancel(order) => service.cancel(scope, order).await,
            };
            call.answers.lock().unwrap().push(answer);
        })
    }

    /// What was acknowledged, as it stood then.
    pub fn acknowledged(&self) -> Vec<Kkt> {
        self.answers.lock().unwrap().iter().filter_map(|answer| answer.as_ref().ok().cloned()).collect()
    }

    pub fn answers(&self) -> Vec<Answer> {
        self.answers.lock().unwrap().clone()
    }

    /// Nothing is gained by repeating it.
    fn is_answered(&self) -> bool {
        let again = |answer: &Answer| {
            let failure = answer.as_ref().err();
            failure.is_some_and(|failure| {
                matches!(failure, Failure::GatewayUnavailable { .. } | Failure::Conflict | Failure::StorageUnavailable)
            })
        };
        self.answers.lock().unwrap().iter().any(|answer| !again(answer))
    }
}

fn accepted(registered: Registered) -> Kkt {
    match registered {
        Registered::Accepted(kkt) => *kkt,
        Registered::Valid(_) => unreachable!("it was not asked whether it is valid"),
    }
}

impl People {
    /// They order first of all.
    pub async fn new(stage: &Stage, scenario: &Scenario, serial: &KktSerial, fn_serial: &FnSerial) -> Self {
        let number = u128::from(stage.number()) << 64;
        let request_id = Uuid::from_u128(number).to_string();
        if scenario.order == Order::Rental {
            stage.hire_out(serial, fn_serial).await;
        }
        let request = order(scenario.order, stage, request_id, serial, fn_serial);
        let call = kkt_request::quick_register(request).unwrap();
        Self {
            cues: scenario.cues.iter().map(|cue| (*cue, 0)).collect(),
            calls: vec![Call::new(What::Order(Box::new(call)))],
            device: stage.devices[1],
            next_request: number + 1,
            codes: 0,
        }
    }

    /// What they do now. Calls that are not answered yet are repeated.
    pub fn act(&mut self, kkt: Option<&Kkt>, world: &World) -> Vec<Call> {
        if let Some(kkt) = kkt {
            for at in 0..self.cues.len() {
                let (cue, done) = self.cues[at];
                if done < TRIES && fits(&cue, kkt) && self.all_answered() {
                    self.cues[at].1 += 1;
                    let new = self.doing(cue.act, kkt, world).map(Call::new);
                    self.calls.extend(new);
                }
            }
        }
        self.calls.iter().filter(|call| !call.is_answered()).cloned().collect()
    }

    /// Names the order, and with it the registration.
    pub fn order(&self) -> RequestId {
        self.calls[0].request_id()
    }

    pub fn all_answered(&self) -> bool {
        self.calls.iter().all(Call::is_answered)
    }

    fn doing(&mut self, act: Act, kkt: &Kkt, world: &World) -> Option<What> {
        let request_id = RequestId::new(Uuid::from_u128(self.next_request));
        self.next_request += 1;
        let kkt_id = kkt.id;
        let amend = |amendment| Some(What::Amend(Amend { request_id, kkt_id, amendment }));
        let fiscalize = |method| Some(What::Fiscalize(Fiscalize { request_id, kkt_id, method }));
        match act {
            Act::Fiscalize => fiscalize(Method::Automatic),
            Act::ReportByHand => fiscalize(Method::Manual(made(kkt, world)?)),
            Act::MisreadReport => fiscalize(Method::Manual(misread(made(kkt, world)?))),
            Act::CorrectReport => amend(Amendment::Report(made(kkt, world)?)),
            Act::AmendCode => {
                self.codes += 1;
                let code = format!("FD15M-{}-{}", kkt.facts.register.fn_serial.as_str(), self.codes);
                amend(Amendment::Code(ActivationCode::parse(&code).unwrap()))
            }
            Act::AmendDevice => amend(Amendment::Device(self.device)),
            Act::Cancel => Some(What::Cancel(Cancel { request_id, kkt_id })),
            Act::Mend => {
                let mut world = world.lock();
                world.arranged.clear();
                world.hubs.values_mut().for_each(|hub| hub.trouble = None);
                None
            }
        }
    }
}

fn fits(cue: &Cue, kkt: &Kkt) -> bool {
    let reason = kkt.block.as_ref().map_or("", |block| block.reason.as_str());
    cue.state == kkt.state.name() && cue.block.is_none_or(|expected| expected == reason)
}

/// The report in the drive; a person makes it when nobody has.
fn made(kkt: &Kkt, world: &World) -> Option<FiscalReport> {
    let mut world = world.lock();
    let hub = world.hubs.get_mut("left").unwrap();
    let burnt = hub.burnt_report(kkt.facts.register.fn_serial.as_str()).cloned();
    burnt.or_else(|| hub.burn_by_hand(kkt.rnm()?.clone(), kkt.inn.clone()))
}

fn misread(report: FiscalReport) -> FiscalReport {
    FiscalReport { fiscal_sign: FiscalSign::parse("7").unwrap(), ..report }
}

fn order(
    order: Order,
    stage: &Stage,
    request_id: String,
    serial: &KktSerial,
    fn_serial: &FnSerial,
) -> pb::QuickRegisterRequest {
    let sale = orders::sale("АТОЛ 30Ф", serial.as_str(), fn_serial.as_str()).map(|sale| driven(sale, stage.devices[0]));
    let hired = pb::RentalEquipment { model: "атол 30ф".into(), months: 6 };
    let hired = pb::Equipment { kind: Some(pb::equipment::Kind::Rental(hired)) };
    let code = format!("FD13M-{}", fn_serial.as_str());
    let with_operator = pb::QuickRegisterRequest {
        request_id,
        client_id: stage.client.to_string(),
        equipment: if order == Order::Rental { Some(hired) } else { sale },
        ofd: Some(pb::Ofd { activation_code: code, ..orders::company().ofd.unwrap() }),
        fiscalize_automatically: order != Order::Sale,
        ..orders::company()
    };
    match order {
        Order::Autonomous => pb::QuickRegisterRequest {
            modes: Some(pb::Modes { autonomous: true, ..pb::Modes::default() }),
            ofd: None,
            ..with_operator
        },
        _ => with_operator,
    }
}
