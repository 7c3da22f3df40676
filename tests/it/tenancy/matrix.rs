//! Every method of the contract, asked by one partner for another one's things.

use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tonic::Code;

use super::fields::{Field, Thing, classified, methods, name};
use super::wire::{Seen, call, dynamic, with};
use super::worlds::World;
use crate::clients::inn;
use crate::kkt::shop;
use crate::support::app::{TestApp, on_both_apps_with};
use crate::support::fresh_id;

/// A token that nobody was given.
const MADE_UP: &str = "AXNvbWVib2R5IG1hZGUgdGhpcyB1cCBmb3IgYSB0ZXN0IGFuZCBub3RoaW5nIGVsc2U";

/// A request that the partner may make, in which every id is its own. What it asks for differs from call to call only
/// where a call can be made once.
async fn own(app: &TestApp, me: &World, method: &MethodDescriptor, fresh: &mut Fresh) -> DynamicMessage {
    let id = || me.kkt.id.clone();
    let automatic = || Some(pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {}));
    match name(method).as_str() {
        "ClientService/LookupTaxpayer" => dynamic(method, &cl::LookupTaxpayerRequest { inn: me.inn.clone() }),
        "ClientService/Register" => dynamic(method, &shop::register(&fresh.inn())),
        "ClientService/Get" => dynamic(method, &cl::GetRequest { client_id: me.client.clone() }),
        "ClientService/List" => dynamic(method, &cl::ListRequest { page_size: 1, ..Default::default() }),
        "KktService/QuickRegister" => {
            let n = fresh.register();
            dynamic(method, &me.order(n, &me.new_device(app, n).await))
        }
        "KktService/Fiscalize" => {
            dynamic(method, &pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id(), how: automatic() })
        }
        "KktService/Amend" => {
            let change = pb::amend_request::Change::DeviceId(me.device.clone());
            let kkt_id = me.ready.id.clone();
            dynamic(method, &pb::AmendRequest { request_id: fresh_id(), kkt_id, change: Some(change) })
        }
        "KktService/Cancel" => dynamic(method, &pb::CancelRequest { request_id: fresh_id(), kkt_id: id() }),
        "KktService/Get" => dynamic(method, &pb::GetRequest { kkt_id: id() }),
        "KktService/List" => dynamic(method, &pb::ListRequest { page_size: 1, ..Default::default() }),
        "KktService/Watch" => dynamic(method, &pb::WatchRequest { kkt_ids: vec![id()], ..Default::default() }),
        other => panic!("{other} is a new method: say how to call it"),
    }
}

/// What can be registered once.
struct Fresh {
    company: u32,
    register: u32,
}

impl Fresh {
    fn inn(&mut self) -> String {
        self.company += 1;
        inn(self.company).as_str().to_owned()
    }

    fn register(&mut self) -> u32 {
        self.register += 1;
        self.register
    }
}

/// Values of the stranger for a field, and one that nobody has.
fn values(method: &MethodDescriptor, path: &str, field: Field, stranger: &World) -> Option<(Vec<String>, String)> {
    let texts = |texts: &[&String]| texts.iter().map(|text| (*text).clone()).collect::<Vec<_>>();
    Some(match field {
        Field::Id(Thing::Client) => {
            (texts(&[&stranger.client, &stranger.ended_client, &stranger.erased_client]), fresh_id())
        }
        Field::Id(Thing::Kkt) => {
            let kkts = [&stranger.kkt.id, &stranger.ready.id, &stranger.ended_kkt, &stranger.erased_kkt];
            (texts(&kkts), fresh_id())
        }
        Field::Id(Thing::Device) => (texts(&[&stranger.device]), fresh_id()),
        Field::Token => {
            let token = match name(method).as_str() {
                "ClientService/List" => &stranger.client_page,
                "KktService/List" => &stranger.kkt_page,
                _ => &stranger.resume,
            };
            (texts(&[token]), MADE_UP.to_owned())
        }
        Field::Request => {
            let of_method = stranger.requests.iter().filter(|(rpc, _)| *rpc == method.name());
            (of_method.map(|(_, id)| id.clone()).collect(), fresh_id())
        }
        Field::Condition => condition(path, stranger),
        Field::Defined | Field::Data => return None,
    })
}

fn condition(path: &str, stranger: &World) -> (Vec<String>, String) {
    let (theirs, nobodys) = match path {
        "inn" => (stranger.inn.clone(), "7707083893".to_owned()),
        "text" => (format!("shop{}@", stranger.inn), "nobody@".to_owned()),
        "external_ref" => (stranger.canary.clone(), "nobody".to_owned()),
        "serial" => (shop::serial(stranger.first), "00106100999999".to_owned()),
        "fn_serial" => (format!("9999078902{:06}", stranger.first), "9999078902999999".to_owned()),
        "rnm" => (stranger.kkt.rnm.clone(), "0000000001055823".to_owned()),
        other => panic!("{other} is a new condition: say what to look for"),
    };
    (vec![theirs], nobodys)
}

/// Each field of `method` with the stranger's values, compared with a value that nobody has.
async fn ask(app: &TestApp, me: &World, stranger: &World, method: &MethodDescriptor, fresh: &mut Fresh) {
    for (path, field) in classified(method) {
        let Some((theirs, nobodys)) = values(method, &path, field, stranger) else { continue };
        let missing = with(&own(app, me, method, fresh).await, &path, &nobodys);
        let missing = call(app, &me.partner.token, method, &missing).await;
        for value in theirs {
            let request = with(&own(app, me, method, fresh).await, &path, &value);
            let seen = call(app, &me.partner.token, method, &request).await;
            let what = format!("{}.{path}", name(method));
            clean(&what, &seen, stranger);
            match field {
                // What was made twice has two ids.
                Field::Request if seen.code == Code::Ok => assert_eq!(seen.code, missing.code, "{what}"),
                _ => assert_eq!(seen, missing, "{what}: somebody else's looks like nobody's"),
            }
            expected(&what, field, &seen);
        }
    }
}

/// The stranger's value was really looked for: an id that is not ours is missing, a token of somebody else's is refused.
fn expected(what: &str, field: Field, seen: &Seen) {
    let code = match field {
        Field::Id(_) if what.starts_with("KktService/List") => Code::Ok,
        Field::Id(_) => Code::NotFound,
        Field::Token => Code::InvalidArgument,
        Field::Condition => Code::Ok,
        Field::Request | Field::Defined | Field::Data => return,
    };
    assert_eq!(seen.code, code, "{what}: {seen:?}");
}

fn clean(what: &str, seen: &Seen, stranger: &World) {
    let all = seen.everything();
    for secret in stranger.secrets() {
        assert!(!all.contains(&secret), "{what} tells {secret}: {all}");
    }
}

/// The same request with the partner's own things is answered otherwise, so the questions above were good ones.
async fn control(app: &TestApp, me: &World, method: &MethodDescriptor, fresh: &mut Fresh) {
    let seen = call(app, &me.partner.token, method, &own(app, me, method, fresh).await).await;
    assert!(!matches!(seen.code, Code::NotFound | Code::InvalidArgument), "{}: {seen:?}", name(method));
    for (path, field) in classified(method) {
        let Some((mine, nobodys)) = values(method, &path, field, me) else { continue };
        if field == Field::Request {
            continue;
        }
        let request = own(app, me, method, fresh).await;
        let found = call(app, &me.partner.token, method, &with(&request, &path, &mine[0])).await;
        let missing = call(app, &me.partner.token, method, &with(&request, &path, &nobodys)).await;
        assert_ne!(found, missing, "{}.{path} finds what is one's own", name(method));
    }
}

#[tokio::test]
async fn what_is_anothers_looks_like_what_is_not_there_in_every_field_of_every_method() {
    on_both_apps_with(
        |config| config.server.stream_ms = 300,
        async |app| {
            let me = World::new(app, "one", 1).await;
            let stranger = World::new(app, "two", 11).await;
            let mut fresh = Fresh { company: 773_605_100, register: 20 };
            for method in methods() {
                ask(app, &me, &stranger, &method, &mut fresh).await;
                control(app, &me, &method, &mut fresh).await;
            }
            everything_is_ones_own(app, &me, &stranger).await;
            no_stream_goes_on_from_anothers_token(app, &me, &stranger).await;
            exceptions(app, &me, &stranger).await;
        },
    )
    .await;
}

/// Lists without any condition, and a stream of whatever has changed since the partner was made: one that begins now would tell
/// something of one's own only on a machine that is quick enough.
async fn everything_is_ones_own(app: &TestApp, me: &World, stranger: &World) {
    for method in methods() {
        let seen = match name(&method).as_str() {
            "ClientService/List" => {
                let all = cl::ListRequest { page_size: 100, ..Default::default() };
                call(app, &me.partner.token, &method, &dynamic(&method, &all)).await
            }
            "KktService/List" => {
                let all = pb::ListRequest { page_size: 100, ..Default::default() };
                call(app, &me.partner.token, &method, &dynamic(&method, &all)).await
            }
            "KktService/Watch" => {
                let since = pb::WatchRequest { resume_token: me.resume_all.clone(), ..Default::default() };
                call(app, &me.partner.token, &method, &dynamic(&method, &since)).await
            }
            _ => continue,
        };
        assert_eq!(seen.code, Code::Ok);
        clean(&name(&method), &seen, stranger);
        assert!(seen.everything().contains(&me.canary), "{} tells one's own", name(&method));
    }
}

/// A token of a stream belongs to its registrations, so one of other registrations is refused whoever made it. Here the question
/// is the same, word for word, and the partner is all that differs.
async fn no_stream_goes_on_from_anothers_token(app: &TestApp, me: &World, stranger: &World) {
    let method = methods().into_iter().find(|method| name(method) == "KktService/Watch").unwrap();
    let watch = async |token: &str| {
        let request = pb::WatchRequest { resume_token: token.to_owned(), ..Default::default() };
        call(app, &me.partner.token, &method, &dynamic(&method, &request)).await
    };
    let (theirs, made_up) = (watch(&stranger.resume_all).await, watch(MADE_UP).await);
    assert_eq!(theirs, made_up, "somebody else's looks made up");
    expected("KktService/Watch.resume_token", Field::Token, &theirs);
    assert_eq!(watch(&me.resume_all).await.code, Code::Ok, "one's own is good");
}

/// What is defined to be told: that a tax number, a register or a drive is taken, and never by whom.
async fn exceptions(app: &TestApp, me: &World, stranger: &World) {
    let credentials = format!("Bearer {}", me.partner.token);
    let order = cl::RegisterRequest { inn: stranger.inn.clone(), ..shop::register("7708004767") };
    let known = app.clients_as(Some(&credentials)).register(order).await.unwrap_err();
    told(&known, "CLIENT_KNOWN_ELSEWHERE", stranger);
    let device = me.new_device(app, 90).await;
    let sale = |serial: String, fn_serial: String| {
        let sale = pb::SaleEquipment { model: "АТОЛ 30Ф".into(), serial, fn_serial, device_id: device.clone() };
        let equipment = Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) });
        pb::QuickRegisterRequest { equipment, ..me.order(90, &device) }
    };
    let of = |n: u32| (shop::serial(n), format!("9999078902{n:06}"));
    let (serial, drive) = (shop::serial(stranger.first), format!("9999078902{:06}", stranger.first));
    for order in [sale(serial, of(90).1), sale(of(90).0, drive)] {
        let taken = app.kkts_as(Some(&credentials)).quick_register(order).await.unwrap_err();
        told(&taken, "SERIAL_OR_FN_IN_USE", stranger);
    }
}

/// Nothing but what the caller named itself.
fn told(status: &tonic::Status, reason: &str, stranger: &World) {
    use tonic_types::StatusExt;
    assert_eq!(status.get_details_error_info().unwrap().reason, reason);
    let all = format!("{} {:?}", status.message(), status.get_error_details());
    for secret in stranger.secrets() {
        assert!(!all.contains(&secret), "{reason} tells {secret}");
    }
}
