//! What QuickRegister and Fiscalize refuse, and that nothing is half done then.

use litebox_partner::partners::model::Theme;
use litebox_partner::pb::kkt as pb;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::shop::{COMPANY, ENTREPRENEUR, Shop};
use crate::support::app::on_both_apps;
use crate::support::fresh_id;

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

async fn refusal(shop: &Shop<'_>, order: pb::QuickRegisterRequest) -> (Code, String) {
    let status = shop.kkts.clone().quick_register(order).await.unwrap_err();
    assert!(status.get_details_localized_message().is_some_and(|m| !m.message.is_empty()), "{status:?}");
    (status.code(), reason(&status))
}

fn sale(order: &mut pb::QuickRegisterRequest) -> &mut pb::SaleEquipment {
    match order.equipment.as_mut().and_then(|e| e.kind.as_mut()) {
        Some(pb::equipment::Kind::Sale(sale)) => sale,
        _ => panic!("not a sale"),
    }
}

#[tokio::test]
async fn rules_that_are_certain_are_refused_before_anything_is_filed() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let good = shop.order(1).await;
        type Spoil = fn(&mut pb::QuickRegisterRequest);
        let cases: [(&str, Code, &str, Spoil); 8] = [
            ("withdrawn OFD permit", Code::FailedPrecondition, "KKT_REQUIREMENTS_NOT_MET", |o| {
                o.ofd.as_mut().unwrap().inn = "7703282175".into();
            }),
            ("no OFD and not autonomous", Code::FailedPrecondition, "KKT_REQUIREMENTS_NOT_MET", |o| o.ofd = None),
            ("no device to burn by itself", Code::FailedPrecondition, "KKT_REQUIREMENTS_NOT_MET", |o| {
                sale(o).device_id.clear();
            }),
            ("a real FN in test mode", Code::FailedPrecondition, "KKT_REQUIREMENTS_NOT_MET", |o| {
                sale(o).fn_serial = "7380440800000001".into();
            }),
            ("a model that cannot be driven", Code::FailedPrecondition, "AUTOMATIC_UNSUPPORTED", |o| {
                let sale = sale(o);
                sale.model = "ПТК MSPOS-K".into();
                sale.serial = "199036000123".into();
            }),
            ("warnings nobody has read", Code::FailedPrecondition, "WARNINGS_NOT_ACKNOWLEDGED", |o| {
                o.acknowledged_warnings.clear();
            }),
            ("a stranger's device", Code::NotFound, "RESOURCE_NOT_FOUND", |o| {
                sale(o).device_id = fresh_id();
            }),
            ("a stranger's client", Code::NotFound, "RESOURCE_NOT_FOUND", |o| o.client_id = fresh_id()),
        ];
        for (case, code, expected, spoil) in cases {
            let mut order = pb::QuickRegisterRequest { request_id: fresh_id(), ..good.clone() };
            spoil(&mut order);
            assert_eq!(refusal(&shop, order).await, (code, expected.to_owned()), "{case}");
        }
        let commands = app.sandbox.entries().into_iter().filter(|e| e.operation.starts_with("Submit")).count();
        assert_eq!(commands, 0, "nothing was filed");
        // A refused order does not burn its request id.
        let mut first = good.clone();
        first.acknowledged_warnings.clear();
        refusal(&shop, first).await;
        shop.quick_register(good).await;
    })
    .await;
}

#[tokio::test]
async fn all_bad_fields_are_named_at_once() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut order = shop.order(1).await;
        order.request_id = "x".into();
        sale(&mut order).fn_serial = "12".into();
        order.tax_systems.clear();
        let status = shop.kkts.clone().quick_register(order).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "VALIDATION_FAILED"));
        let mut fields: Vec<_> =
            status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
        fields.sort();
        assert_eq!(fields, ["equipment.sale.fn_serial", "request_id", "tax_systems"]);
    })
    .await;
}

#[tokio::test]
async fn a_register_is_taken_once_and_a_stranger_learns_nothing_more() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = shop.order(1).await;
        let id = shop.quick_register(order.clone()).await.id;
        let again = pb::QuickRegisterRequest { request_id: fresh_id(), ..order.clone() };
        let status = shop.kkts.clone().quick_register(again).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "KKT_ALREADY_REGISTERED"));
        assert_eq!(status.get_details_error_info().unwrap().metadata["kkt_id"], id);

        let stranger = app.other_partner("Чужой", Theme::LiteBox).await;
        let credentials = format!("Bearer {}", stranger.token);
        let client = app.clients_as(Some(&credentials)).register(super::shop::register(ENTREPRENEUR)).await.unwrap();
        let mut theirs = order;
        theirs.request_id = fresh_id();
        theirs.client_id = client.into_inner().client.unwrap().id;
        theirs.fiscalize_automatically = false;
        sale(&mut theirs).device_id.clear();
        let status = app.kkts_as(Some(&credentials)).quick_register(theirs).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "SERIAL_OR_FN_IN_USE"));
        assert!(!format!("{status:?}").contains(&id), "the stranger's id is not told");
    })
    .await;
}

#[tokio::test]
async fn validate_only_creates_nothing_and_an_empty_fleet_says_so() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = shop.order(1).await;
        let dry = pb::QuickRegisterRequest { validate_only: true, ..order.clone() };
        assert!(shop.kkts.clone().quick_register(dry).await.unwrap().into_inner().kkt.is_none());
        assert!(shop.kkts.clone().list(pb::ListRequest::default()).await.unwrap().into_inner().kkts.is_empty());
        let rental = pb::RentalEquipment { model: "АТОЛ 30Ф".into(), months: 6 };
        let equipment = Some(pb::Equipment { kind: Some(pb::equipment::Kind::Rental(rental)) });
        let rented = pb::QuickRegisterRequest { equipment, ..order };
        assert_eq!(refusal(&shop, rented).await, (Code::ResourceExhausted, "NO_RENTAL_DEVICE".into()));
    })
    .await;
}

#[tokio::test]
async fn fiscalize_too_early_names_the_state() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        // Register 9700 stays in review at FNS.
        let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(9700).await };
        let id = shop.quick_register(order).await.id;
        shop.state(&id, pb::KktState::AwaitingRnm).await;
        let burn = pb::FiscalizeRequest {
            request_id: fresh_id(),
            kkt_id: id,
            how: Some(pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {})),
        };
        let status = shop.kkts.clone().fiscalize(burn).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "WRONG_KKT_STATE"));
        assert_eq!(status.get_details_error_info().unwrap().metadata["state"], "AWAITING_RNM");
    })
    .await;
}
