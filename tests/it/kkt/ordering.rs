//! What QuickRegister finds out before it creates anything: the place, the preview, everything wrong at once.

use litebox_partner::partners::model::Theme;
use litebox_partner::pb::{client as cl, kkt as pb};
use litebox_partner::storage::Backend;
use tonic::{Code, Status};
use tonic_types::{PreconditionViolation, StatusExt};

use super::shop::{COMPANY, Shop, address, serial};
use crate::support::app::{TestApp, on_both_apps};
use crate::support::database::backends;
use crate::support::fresh_id;

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

fn violations(status: &Status) -> Vec<PreconditionViolation> {
    status.get_details_precondition_failure().map(|failure| failure.violations).unwrap_or_default()
}

fn at(location: pb::place::Location, order: &pb::QuickRegisterRequest) -> pb::QuickRegisterRequest {
    let place = pb::Place { name: "Магазин".into(), location: Some(location), ..Default::default() };
    pb::QuickRegisterRequest { request_id: fresh_id(), place: Some(place), ..order.clone() }
}

fn street(name: &str) -> pb::place::Location {
    pb::place::Location::Address(cl::Address { street: name.into(), ..address() })
}

fn by_id(id: &str) -> pb::place::Location {
    pb::place::Location::FiasId(id.into())
}

/// An order that creates nothing.
async fn dry(shop: &Shop<'_>) -> pb::QuickRegisterRequest {
    pb::QuickRegisterRequest { validate_only: true, ..shop.order(1).await }
}

async fn asked(shop: &Shop<'_>, order: pb::QuickRegisterRequest) -> Result<pb::Preview, Status> {
    let answer = shop.kkts.clone().quick_register(order).await?.into_inner();
    assert!(answer.kkt.is_none());
    Ok(answer.preview.unwrap())
}

#[tokio::test]
async fn a_place_that_is_not_one_house_brings_candidates_to_order_with() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = dry(&shop).await;
        for (name, count) in [("ул Нигде", 0), ("ул Двойная", 2), ("ул Многодомная", 5), ("ул Бездомная", 1)]
        {
            let status = asked(&shop, at(street(name), &order)).await.unwrap_err();
            assert_eq!(reason(&status), (Code::FailedPrecondition, "ADDRESS_NOT_RESOLVED".into()), "{name}");
            let candidates = violations(&status);
            assert_eq!(candidates.len(), count, "{name}");
            for candidate in candidates {
                assert!(candidate.description.contains(&name[5..]) && candidate.subject.len() == 36, "{candidate:?}");
            }
        }
        for id in ["00000000-0000-4000-8000-000000000001", "00000099-0000-4000-8000-000000000001"] {
            let status = asked(&shop, at(by_id(id), &order)).await.unwrap_err();
            assert_eq!(reason(&status).1, "ADDRESS_NOT_RESOLVED", "unknown, or a street: {id}");
        }
        let status = asked(&shop, at(street("ул Двойная"), &order)).await.unwrap_err();
        let chosen = violations(&status).remove(0).subject;
        let preview = asked(&shop, at(by_id(&chosen), &order)).await.unwrap();
        assert_eq!(preview.address.unwrap().fias_id, chosen);
    })
    .await;
}

#[tokio::test]
async fn among_neighbours_the_house_that_was_given_is_meant() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let third = cl::Address { street: "ул Многодомная".into(), house: "д. 3".into(), ..address() };
        let order = at(pb::place::Location::Address(third), &dry(&shop).await);
        let preview = asked(&shop, order).await.unwrap();
        assert!(preview.address.unwrap().text.ends_with("ул Многодомная, д 3"));
    })
    .await;
}

#[tokio::test]
async fn validate_only_shows_what_would_be_filed_and_burnt() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = dry(&shop).await;
        let preview = asked(&shop, order.clone()).await.unwrap();
        let (place, taxpayer) = (preview.address.unwrap(), preview.taxpayer.unwrap());
        assert_eq!((place.tax_office.as_str(), place.time_zone.as_str()), ("7736", "+03:00:00"));
        assert_eq!(place.parts.unwrap().house, "19");
        assert_eq!((taxpayer.inn.as_str(), taxpayer.kpp.len()), (COMPANY, 9));
        assert!(!taxpayer.filed_name.is_empty() && !taxpayer.burnt_name.is_empty());
        let register = preview.register.unwrap();
        assert_eq!((register.serial.as_str(), register.fn_months > 0), (serial(1).as_str(), true));
        assert!(!preview.rental_fits && preview.summary.contains(&serial(1)) && preview.summary.contains("7736"));
        assert!(preview.warnings.iter().all(|warning| order.acknowledged_warnings.contains(&warning.code)));
        assert!(shop.kkts.clone().list(pb::ListRequest::default()).await.unwrap().into_inner().kkts.is_empty());
        let office = pb::Place { tax_office: "5001".into(), ..order.place.clone().unwrap() };
        let preview = asked(&shop, pb::QuickRegisterRequest { place: Some(office), ..order.clone() }).await.unwrap();
        assert_eq!(preview.address.unwrap().tax_office, "5001", "the partner's word counts");
        let real = pb::QuickRegisterRequest { validate_only: false, ..order };
        assert!(shop.kkts.clone().quick_register(real).await.unwrap().into_inner().preview.is_none());
    })
    .await;
}

#[tokio::test]
async fn what_blocks_and_what_warns_is_told_at_once() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut order = dry(&shop).await;
        order.acknowledged_warnings.clear();
        order.ofd = None;
        order.tax_systems = vec![pb::TaxSystem::Patent.into()];
        order.default_tax_system = pb::TaxSystem::Patent.into();
        let status = asked(&shop, order).await.unwrap_err();
        assert_eq!(reason(&status), (Code::FailedPrecondition, "KKT_REQUIREMENTS_NOT_MET".into()));
        let metadata = status.get_details_error_info().unwrap().metadata;
        let warnings: Vec<_> = metadata["warnings"].split(',').collect();
        let codes: Vec<_> = violations(&status).into_iter().map(|violation| violation.r#type).collect();
        for code in ["OFD_REQUIRED", "PATENT_OF_ORGANIZATION"] {
            assert!(codes.iter().any(|c| c == code) && !warnings.contains(&code), "{codes:?}");
        }
        assert!(warnings.contains(&"SIGNER_IS_NOT_HEAD") && warnings.iter().all(|w| codes.iter().any(|c| c == w)));
        assert_eq!(metadata["violations"], (codes.len() - warnings.len()).to_string());
    })
    .await;
}

#[tokio::test]
async fn a_model_that_cannot_be_driven_says_so_before_it_asks_for_a_device() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut order = dry(&shop).await;
        let sale = pb::SaleEquipment {
            model: "ПТК MSPOS-K".into(),
            serial: "199036000123".into(),
            fn_serial: "9999078902000123".into(),
            device_id: String::new(),
        };
        order.equipment = Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) });
        let status = asked(&shop, order.clone()).await.unwrap_err();
        assert_eq!(reason(&status), (Code::FailedPrecondition, "AUTOMATIC_UNSUPPORTED".into()));
        let hired = pb::RentalEquipment { model: "ПТК MSPOS-K".into(), months: 6 };
        order.equipment = Some(pb::Equipment { kind: Some(pb::equipment::Kind::Rental(hired)) });
        assert_eq!(reason(&asked(&shop, order).await.unwrap_err()).1, "AUTOMATIC_UNSUPPORTED");
    })
    .await;
}

#[tokio::test]
async fn registrations_are_found_by_the_partners_own_number() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut ids = Vec::new();
        for (n, own) in [(1, "ORDER-17"), (2, ""), (3, "ORDER-18")] {
            let order = pb::QuickRegisterRequest {
                external_ref: own.into(),
                fiscalize_automatically: false,
                ..shop.order(n).await
            };
            ids.push(shop.quick_register(order).await.id);
        }
        let found = async |own: &str| {
            let request = pb::ListRequest { external_ref: own.into(), ..Default::default() };
            let page = shop.kkts.clone().list(request).await.unwrap().into_inner();
            page.kkts.into_iter().map(|kkt| kkt.id).collect::<Vec<_>>()
        };
        assert_eq!(found("ORDER-17").await, [ids[0].clone()]);
        assert!(found("ORDER-1").await.is_empty(), "exactly");
        assert_eq!(found("").await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn look_ups_of_taxpayers_are_limited_for_each_partner() {
    for backend in backends() {
        let app = TestApp::start_with(backend, |config| config.limits.lookups_per_hour = 2).await;
        let look_up = cl::LookupTaxpayerRequest { inn: COMPANY.into() };
        app.clients().lookup_taxpayer(look_up.clone()).await.unwrap();
        // One count for all replicas, where there may be several.
        let replica = match backend {
            Backend::Postgres => app.replica(|config| config.limits.lookups_per_hour = 2).await,
            Backend::Sqlite => app.itself(),
        };
        replica.clients().lookup_taxpayer(look_up.clone()).await.unwrap();
        let limited = |status: Status| {
            assert_eq!(reason(&status), (Code::ResourceExhausted, "RATE_LIMITED".into()));
            let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
            assert!(delay.as_secs() > 1700 && delay.as_secs() <= 1800, "half an hour for each: {delay:?}");
            assert!(status.get_details_localized_message().is_some());
        };
        limited(app.clients().lookup_taxpayer(look_up.clone()).await.unwrap_err());
        // Register tells whether an INN is known elsewhere, which is a look-up as well.
        limited(app.clients().register(super::shop::register(COMPANY)).await.unwrap_err());
        let other = app.other_partner("Другой", Theme::LiteBox).await;
        let credentials = format!("Bearer {}", other.token);
        app.clients_as(Some(&credentials)).lookup_taxpayer(look_up).await.unwrap();
    }
}

/// Whose a client is, a partner or LiteBox itself, is told for a question as well.
#[tokio::test]
async fn what_register_tells_of_clients_of_others_is_limited_too() {
    for backend in backends() {
        let app = TestApp::start_with(backend, |config| config.limits.lookups_per_hour = 2).await;
        let other = app.other_partner("Другой", Theme::LiteBox).await;
        let mut theirs = app.clients_as(Some(&format!("Bearer {}", other.token)));
        theirs.register(super::shop::register(COMPANY)).await.unwrap();
        // 7799000076: the sandbox's inventory system knows it.
        let told =
            [(COMPANY, "CLIENT_KNOWN_ELSEWHERE"), ("7799000076", "CLIENT_KNOWN_ELSEWHERE"), (COMPANY, "RATE_LIMITED")];
        for (inn, expected) in told {
            let refused = app.clients().register(super::shop::register(inn)).await.unwrap_err();
            assert_eq!(reason(&refused).1, expected);
        }
    }
}
