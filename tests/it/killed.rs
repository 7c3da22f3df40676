//! The server is killed (-9) before, during and after each outer step, and started again on the same database: the
//! registration ends REGISTERED, the client ACTIVE, and the sandbox's ledger shows each effect once.

use std::collections::BTreeSet;
use std::time::Duration;

use litebox_partner::pb::client as cl;
use litebox_partner::sandbox::ledger::{Entry, Facts, Kind};
use litebox_partner::storage::Backend;
use tokio::time::timeout;
use tonic::Code;

use crate::clients::inn;
use crate::kkt::shop::{register, serial};
use crate::support::app::until;
use crate::support::database::backends;
use crate::support::process::Server;
use crate::support::stage::Stage;

/// A one-way step: the command that asks for it, and the effect.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    command: &'static str,
    effect: &'static str,
}

const fn step(name: &'static str) -> Step {
    Step { command: name, effect: name }
}

const RESERVE: Step = step("ofd.ReserveCode");
const SUBMIT: Step = step("fns.SubmitApplication");
const CONNECT: Step = step("ofd.Connect");
const BURN: Step = Step { command: "device.post", effect: "device.registration" };
const REPORT: Step = step("fns.SubmitReport");
/// The steps of a registration.
pub const REGISTRATION: [Step; 5] = [RESERVE, SUBMIT, CONNECT, BURN, REPORT];
/// The account of a client.
pub const ACCOUNT: Step = step("accounts.EnsureAccount");
const PASSWORD: Step = step("accounts.SetInitialPassword");

/// When the server dies, seen from the outer system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Its command is on the way and never arrives.
    Before,
    /// Its command has arrived; the effect comes while it is dead.
    During,
    /// Its command has arrived; the effect comes when it is back and asks already.
    Late,
    /// The effect has happened; nobody sees the answer.
    After,
}

impl Moment {
    const fn point(self) -> &'static str {
        match self {
            Self::Before => "before_receipt",
            Self::During | Self::Late => "before_effect",
            Self::After => "after_effect",
        }
    }

    /// Commands and effects in the ledger when the server is dead.
    const fn recorded(self) -> (usize, usize) {
        match self {
            Self::Before => (0, 0),
            Self::During | Self::Late => (1, 0),
            Self::After => (1, 1),
        }
    }
}

/// What of a ledger is about one registration or account.
pub struct Record(pub Vec<Entry>);

impl Record {
    /// The entries with one of these facts.
    pub fn about(entries: Vec<Entry>, keys: &[String]) -> Self {
        let about = |entry: &Entry| entry.facts.values().any(|value| keys.contains(value));
        Self(entries.into_iter().filter(about).collect())
    }

    /// The commands of a step. A hub's queue takes questions too; they burn nothing.
    fn commands(&self, step: Step) -> impl Iterator<Item = &Entry> {
        let asks = move |e: &&Entry| step.command != BURN.command || e.facts["type"] == "registration";
        self.0.iter().filter(move |e| e.is(Kind::Command, step.command)).filter(asks)
    }

    fn effects(&self, step: Step) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(move |e| e.is(Kind::Effect, step.effect))
    }

    fn recorded(&self, step: Step) -> (usize, usize) {
        (self.commands(step).count(), self.effects(step).count())
    }

    /// What is not as promised: an effect that did not happen once, a command under more than one effect id.
    pub fn breaches(&self, steps: &[Step]) -> Vec<String> {
        let mut found = Vec::new();
        for step in steps {
            let effects = self.effects(*step).count();
            if effects != 1 {
                found.push(format!("{} happened {effects} times", step.effect));
            }
            let ids = self.commands(*step).filter_map(|e| e.effect_id.as_deref()).collect::<BTreeSet<_>>().len();
            if ids != 1 {
                found.push(format!("{} was asked for under {ids} effect ids", step.effect));
            }
        }
        found
    }
}

impl Stage {
    fn record(&self, keys: &[String]) -> Record {
        Record::about(self.sandbox.entries(), keys)
    }

    /// Kills the server when the outer system holds its call, and sees that it died at the moment it was meant to. The
    /// effect id of the call.
    async fn kill(&self, server: Server, case: Case) -> String {
        self.holds(&format!("{case:?}"), 1).await;
        let id = self.sandbox.holds().remove(0).effect_id.unwrap();
        server.kill();
        if case.moment == Moment::Before {
            self.holds("the call is gone with its caller", 0).await;
        }
        let (commands, effects) = self.record(std::slice::from_ref(&id)).recorded(case.step);
        let (arrived, happened) = case.moment.recorded();
        assert_eq!(commands, arrived, "{case:?}");
        // A hub's queue goes on by itself: while a posting is held after its effect, the register may burn or not.
        let posted = case.operation == BURN.command && case.moment == Moment::After;
        assert!(effects == happened || posted, "{case:?}: {effects} effects");
        if matches!(case.moment, Moment::During | Moment::After) {
            assert_eq!(self.sandbox.release_holds(), 1);
        }
        self.sandbox.clear_faults();
        id
    }

    async fn holds(&self, what: &str, count: usize) {
        let held = self.sandbox.wait_for_holds(|holds| holds.len() == count);
        timeout(Duration::from_secs(20), held).await.unwrap_or_else(|_| panic!("not within 20 s: {what}"));
    }

    /// One registration whose server dies.
    async fn interrupt(&self, client: &str, server: Server, n: u32, case: Case) -> Server {
        let about = [serial(n), format!("9999078902{n:06}")];
        // A hub's queue takes questions too.
        let only = if case.operation == BURN.command { ",type=registration" } else { "" };
        self.sandbox.add_fault(&format!("{},serial={}{only}", case.hold(), about[0])).unwrap();
        let registration = self.sell(&server, client, n).await;
        let id = self.kill(server, case).await;
        let before = self.mentions(&id);
        let server = self.server().await;
        if case.moment == Moment::Late {
            until("the server asks again", async || self.mentions(&id) > before).await;
            assert_eq!(self.sandbox.release_holds(), 1);
        }
        self.registered(&server, &registration).await;
        assert_eq!(self.record(&about).breaches(&REGISTRATION), [""; 0], "{case:?}");
        server
    }

    fn mentions(&self, effect_id: &str) -> usize {
        self.record(&[effect_id.to_owned()]).0.len()
    }

    /// One account whose server dies; its partner repeats the call.
    async fn interrupt_account(&self, server: Server, n: u32, case: Case) -> Server {
        let request = register(inn(770_000_000 + n).as_str());
        self.sandbox.add_fault(&case.hold()).unwrap();
        let (mut clients, first) = (server.clients(&self.partner.token), request.clone());
        let call = tokio::spawn(async move { clients.register(first).await });
        self.kill(server, case).await;
        assert!(call.await.unwrap().is_err(), "{case:?}: nobody answers for a dead server");
        let server = self.server().await;
        let client = self.repeat(&server, &request).await;
        assert_eq!(client.state(), cl::ClientState::Active);
        self.assert_one_account(&request, &format!("{case:?}")).await;
        server
    }

    /// Repeats the call under its request id until it is answered.
    async fn repeat(&self, server: &Server, request: &cl::RegisterRequest) -> cl::Client {
        let (mut clients, mut client) = (server.clients(&self.partner.token), None);
        until("the call is answered", async || match clients.register(request.clone()).await {
            Ok(answer) => {
                client = answer.into_inner().client;
                true
            }
            Err(status) if status.code() == Code::Unavailable => false,
            Err(status) => panic!("{status:?}"),
        })
        .await;
        client.unwrap()
    }

    async fn assert_one_account(&self, request: &cl::RegisterRequest, case: &str) {
        let record = self.record(std::slice::from_ref(&request.inn));
        assert_eq!(record.breaches(&[ACCOUNT]), [""; 0], "{case}");
        // Each attempt sets the password anew, under the next version: each version once, all of the one account.
        let id = record.effects(ACCOUNT).next().unwrap().effect_id.clone();
        let password = self.record(&[id.unwrap()]);
        let versions: Vec<&str> = password.effects(PASSWORD).map(|e| e.facts["version"].as_str()).collect();
        assert!(!versions.is_empty(), "{case}");
        assert_eq!(versions.iter().collect::<BTreeSet<_>>().len(), versions.len(), "{case}: {versions:?}");
        assert_eq!(self.sign_in(&request.email, "another1").await, 401, "{case}");
        assert_eq!(self.sign_in(&request.email, &request.password).await, 200, "{case}");
    }

    async fn sign_in(&self, login: &str, password: &str) -> u16 {
        let body = serde_json::json!({"login": login, "password": password});
        let url = format!("{}/sandbox/sign-in", self.sandbox.http_url());
        reqwest::Client::new().post(url).json(&body).send().await.unwrap().status().as_u16()
    }
}

/// Where a server dies.
#[derive(Debug, Clone, Copy)]
struct Case {
    step: Step,
    /// The call that is held.
    operation: &'static str,
    moment: Moment,
}

impl Case {
    /// The rule that holds the call once.
    fn hold(self) -> String {
        format!("{}:hold={},times=1", self.operation, self.moment.point())
    }
}

/// Every step at every moment. A burn has two calls: the posting, and the task when the register works on it.
fn cases() -> Vec<Case> {
    let all = [Moment::Before, Moment::During, Moment::Late, Moment::After];
    let commanded = REGISTRATION.iter().flat_map(|step| all.map(|m| (*step, step.command, m)));
    let carried_out = all[1..].iter().map(|m| (BURN, BURN.effect, *m));
    commanded.chain(carried_out).map(|(step, operation, moment)| Case { step, operation, moment }).collect()
}

async fn registrations(backend: Backend) {
    let stage = Stage::new(backend).await;
    let mut server = stage.server().await;
    let client = stage.client(&server).await;
    for (case, n) in cases().into_iter().zip(100..) {
        println!("{backend:?} {case:?}");
        server = stage.interrupt(&client, server, n, case).await;
    }
}

async fn accounts(backend: Backend) {
    let stage = Stage::new(backend).await;
    let mut server = stage.server().await;
    let moments = [Moment::Before, Moment::During, Moment::After];
    let cases = [ACCOUNT, PASSWORD].into_iter().flat_map(|step| moments.map(|moment| (step, moment)));
    for ((step, moment), n) in cases.zip(1..) {
        let case = Case { step, operation: step.command, moment };
        println!("{backend:?} {case:?}");
        server = stage.interrupt_account(server, n, case).await;
    }
}

#[tokio::test]
async fn a_server_killed_at_any_step_of_a_registration_goes_on_and_does_nothing_twice_on_sqlite() {
    registrations(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_server_killed_at_any_step_of_a_registration_goes_on_and_does_nothing_twice_on_postgres() {
    if backends().contains(&Backend::Postgres) {
        registrations(Backend::Postgres).await;
    }
}

#[tokio::test]
async fn a_server_killed_at_any_step_of_an_account_leaves_one_account_with_the_password_given() {
    for backend in backends() {
        accounts(backend).await;
    }
}

fn line(kind: Kind, step: &str, id: &str, facts: &[(&str, &str)]) -> Entry {
    let (protocol, operation) = step.split_once('.').unwrap();
    let facts: Facts = facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let (protocol, operation) = (protocol.to_owned(), operation.to_owned());
    Entry { seq: 1, time_ms: 1, kind, protocol, operation, effect_id: Some(id.to_owned()), facts, event: None }
}

/// The checks above can fail: each made-up ledger is found out.
#[test]
fn a_double_effect_a_second_id_and_a_missing_effect_are_noticed() {
    let about = |serial: &'static str| [("serial", serial), ("type", "registration")];
    let good = [
        line(Kind::Command, "device.post", "a", &about("1")),
        line(Kind::Command, "device.post", "a", &about("1")),
        line(Kind::Command, "device.post", "q", &[("serial", "1"), ("type", "getFnInfo")]),
        line(Kind::Effect, "device.registration", "a", &about("1")),
        line(Kind::Effect, "device.registration", "b", &about("2")),
    ];
    let breaches = |more: Option<Entry>, less: usize| {
        let entries = good.iter().cloned().chain(more).skip(less).collect();
        Record::about(entries, &["1".to_owned()]).breaches(&[BURN])
    };
    assert_eq!(breaches(None, 0), [""; 0]);
    let twice = line(Kind::Effect, "device.registration", "a", &about("1"));
    assert_eq!(breaches(Some(twice), 0), ["device.registration happened 2 times"]);
    let other = line(Kind::Command, "device.post", "b", &about("1"));
    assert_eq!(breaches(Some(other), 0), ["device.registration was asked for under 2 effect ids"]);
    let never = ["device.registration happened 0 times", "device.registration was asked for under 0 effect ids"];
    assert_eq!(breaches(None, 4), never);
}

/// And on a real ledger: two registrations taken for one.
#[tokio::test]
async fn two_registrations_taken_for_one_are_noticed() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = stage.server().await;
    let client = stage.client(&server).await;
    for n in [1, 2] {
        let id = stage.sell(&server, &client, n).await;
        stage.registered(&server, &id).await;
    }
    let both = [serial(1), serial(2), "9999078902000001".into(), "9999078902000002".into()];
    let breaches = stage.record(&both).breaches(&REGISTRATION);
    assert_eq!(breaches.len(), 2 * REGISTRATION.len(), "{breaches:?}");
    assert_eq!(stage.record(&both[..1]).breaches(&REGISTRATION[..3]), [""; 0]);
}
