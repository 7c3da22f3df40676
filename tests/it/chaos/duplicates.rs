//! The same call many times at once at both replicas: one effect, one answer. Other content under the same id is refused,
//! also when it races.

use std::collections::BTreeSet;
use std::time::Duration;

use litebox_partner::pb::kkt as pb;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use super::amounts::{amount, report};
use super::checker::{Evidence, assert_clean};
use super::fleet::{Fleet, Profile, possible};
use super::load::Load;
use super::load::caller::{Caller, Came};
use crate::clients::inn;
use crate::kkt::shop;
use crate::model::dice::Dice;
use crate::support::fresh_id;

/// Request ids at the same time.
const WIDTH: usize = 6;
const HANGS: Duration = Duration::from_secs(120);

/// A call that can be sent again, and with other content under its id.
#[derive(Clone)]
enum Call {
    Register(Box<litebox_partner::pb::client::RegisterRequest>),
    QuickRegister(Box<pb::QuickRegisterRequest>),
    Fiscalize(pb::FiscalizeRequest),
    Cancel(pb::CancelRequest),
}

impl Call {
    async fn send(self, caller: Caller) -> Came<Uuid> {
        match self {
            Self::Register(request) => caller.register(*request).await,
            Self::QuickRegister(request) => caller.quick_register(*request).await,
            Self::Fiscalize(request) => caller.fiscalize(request).await,
            Self::Cancel(request) => caller.cancel(request).await,
        }
    }

    /// The same id with other content; `other` is another registration in the same state.
    fn altered(&self, other: Uuid) -> Self {
        match self.clone() {
            Self::Register(mut request) => {
                request.external_ref = "other".into();
                Self::Register(request)
            }
            Self::QuickRegister(mut request) => {
                request.external_ref = "other".into();
                Self::QuickRegister(request)
            }
            Self::Fiscalize(request) => Self::Fiscalize(pb::FiscalizeRequest { kkt_id: other.to_string(), ..request }),
            Self::Cancel(request) => Self::Cancel(pb::CancelRequest { kkt_id: other.to_string(), ..request }),
        }
    }
}

/// One request id.
struct Case {
    call: Call,
    altered: Call,
    /// 2 to 50.
    copies: u64,
    /// Of these so many with other content.
    others: u64,
}

#[derive(Default)]
struct Tally {
    ids: u64,
    calls: u64,
    refused: u64,
}

async fn case(load: &Load, client: &str, partner: usize, n: u64, dice: &mut Dice) -> Case {
    let copies = if dice.percent(5) { 50 } else { 2 + dice.roll(9) };
    // Half of the ids are tried with other content too.
    let others = if dice.percent(50) { 1 + dice.roll(copies - 1) } else { 0 };
    let call = call(load, client, partner, n).await;
    let other = match call {
        Call::Fiscalize(_) | Call::Cancel(_) if others > 0 => waiting(load, client, partner, n % 4 == 2).await,
        _ => Uuid::nil(),
    };
    Case { altered: call.altered(other), call, copies, others }
}

async fn call(load: &Load, client: &str, partner: usize, n: u64) -> Call {
    match n % 4 {
        0 => Call::Register(Box::new(shop::register(inn(790_000_000 + load.number()).as_str()))),
        1 => Call::QuickRegister(Box::new(load.order(partner, client).await)),
        2 => {
            let kkt_id = waiting(load, client, partner, true).await.to_string();
            let how = Some(pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {}));
            Call::Fiscalize(pb::FiscalizeRequest { request_id: fresh_id(), kkt_id, how })
        }
        _ => {
            let kkt_id = waiting(load, client, partner, false).await.to_string();
            Call::Cancel(pb::CancelRequest { request_id: fresh_id(), kkt_id })
        }
    }
}

/// A registration that burns only when it is asked to; `ready`: it can be burnt now.
async fn waiting(load: &Load, client: &str, partner: usize, ready: bool) -> Uuid {
    let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..load.order(partner, client).await };
    let caller = load.caller(partner);
    let id = caller.quick_register(order).await.unwrap();
    if ready {
        load.reach(&caller, id, |kkt| kkt.state() == pb::KktState::ReadyToFiscalize).await;
    }
    id
}

/// All copies at once; the answers, and those of the other content.
async fn race(load: &Load, partner: usize, case: Case) -> Tally {
    let mut running = JoinSet::new();
    for copy in 0..case.copies {
        let other = copy < case.others;
        let call = if other { case.altered.clone() } else { case.call.clone() };
        // Every second copy begins at the other replica.
        let caller = Caller { first: usize::try_from(copy % 2).unwrap(), ..load.caller(partner) };
        running.spawn(async move { (other, call.send(caller).await) });
    }
    let mut came: [BTreeSet<Came<Uuid>>; 2] = Default::default();
    let mut tally = Tally { ids: 1, calls: case.copies, refused: 0 };
    while let Some(one) = running.join_next().await {
        let (other, answer) = one.unwrap();
        tally.refused += u64::from(answer.is_err());
        came[usize::from(other)].insert(answer);
    }
    judge(came, case.others > 0);
    tally
}

/// One content wins and every copy of it is answered alike; every copy of the other one is refused for its content.
fn judge([ours, others]: [BTreeSet<Came<Uuid>>; 2], contested: bool) {
    let reused = BTreeSet::from([Err("IDEMPOTENCY_KEY_REUSED".to_owned())]);
    let answered = |set: &BTreeSet<Came<Uuid>>| set.len() == 1 && set.iter().all(Result::is_ok);
    let good = match contested {
        false => answered(&ours),
        true => (answered(&ours) && others == reused) || (answered(&others) && ours == reused),
    };
    assert!(good, "{ours:?}, and with other content {others:?}");
}

#[test]
#[should_panic(expected = "with other content")]
fn two_answers_under_one_id_are_noticed() {
    judge([BTreeSet::from([Ok(Uuid::from_u128(1)), Ok(Uuid::from_u128(2))]), BTreeSet::new()], false);
}

#[test]
#[should_panic(expected = "with other content")]
fn two_contents_that_are_both_accepted_are_noticed() {
    let one = || BTreeSet::from([Ok(Uuid::from_u128(1))]);
    judge([one(), one()], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_many_times_at_once_at_two_replicas_has_one_effect_and_one_answer() {
    if !possible() {
        return;
    }
    let (ids, seed) = (amount("DUPLICATES", 60, 2_000), amount("SEED", 1, 1));
    println!("DUPLICATES={ids} SEED={seed}");
    let load = Load::new(Fleet::start(Profile::pair(2, &[])).await);
    let clients = [load.client(0).await, load.client(1).await];
    let (mut dice, mut running, mut all) = (Dice::new(seed), JoinSet::new(), Tally::default());
    for n in 0..ids {
        let partner = usize::try_from(n % 2).unwrap();
        let (load, client, mut dice) = (load.clone(), clients[partner].clone(), Dice::new(dice.roll(u64::MAX)));
        running.spawn(async move {
            let one = async { race(&load, partner, case(&load, &client, partner, n, &mut dice).await).await };
            timeout(HANGS, one).await.unwrap_or_else(|_| panic!("id {n} hangs"))
        });
        if running.len() == WIDTH {
            all.add(running.join_next().await.unwrap().unwrap());
        }
    }
    while let Some(one) = running.join_next().await {
        all.add(one.unwrap());
    }
    assert_clean(&Evidence::gather(&load).await);
    let outcome = format!("{} calls, {} refused for their content, 0 violations", all.calls, all.refused);
    report("request ids sent 2 to 50 times at once", all.ids, &outcome);
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.ids += other.ids;
        self.calls += other.calls;
        self.refused += other.refused;
    }
}
