//! Requests in which every personal and secret field has a marked value of its own, right by the rules of the domain.

use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::checks;

use crate::kkt::shop;
use crate::support::fresh_id;

/// A marked word in Russian; another one for each number below 900.
pub fn ru(n: usize) -> String {
    let letters: Vec<char> = "абвгдежзиклмнопрстуфхцчшщъыьэю".chars().collect();
    format!("Канар{}{}о", letters[n / 30], letters[n % 30])
}

/// The same in Latin letters, below 676.
pub fn en(n: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    format!("kanar{}{}o", letter(n / 26), letter(n))
}

/// The tax number of a marked organization.
pub fn company(n: u32) -> String {
    let head = format!("7736591{n:02}");
    format!("{head}{}", checks::inn_tail(&head))
}

/// The tax number of a marked person.
pub fn person(n: u32) -> String {
    let head = format!("77365917{n:02}");
    format!("{head}{}", checks::inn_tail(&head))
}

/// An address whose words begin with number `n`.
pub fn address(n: usize) -> cl::Address {
    cl::Address {
        postal_code: format!("9103{n:02}"),
        region: format!("{} обл", ru(n)),
        city: format!("г {}", ru(n + 1)),
        settlement: format!("п {}", ru(n + 2)),
        street: format!("ул {}", ru(n + 3)),
        house: format!("д {}", ru(n + 4)),
        building: format!("к {}", ru(n + 5)),
        flat: format!("кв {}", ru(n + 6)),
    }
}

/// A call of Register; its words begin with number `n`, below 80.
pub fn register(inn: &str, n: usize) -> cl::RegisterRequest {
    cl::RegisterRequest {
        request_id: fresh_id(),
        client_type: cl::ClientType::Litebox.into(),
        inn: inn.into(),
        address: Some(address(n)),
        phone: format!("911-555-01{n:02}"),
        email: format!("{}@{}.ru", en(n), en(n + 1)),
        password: format!("A1!_{}", en(n + 2)),
        last_name: ru(n + 7),
        first_name: ru(n + 8),
        company: format!("ООО «{}»", ru(n + 9)),
        external_ref: format!("№ {}", ru(n + 10)),
        validate_only: false,
    }
}

/// A call of QuickRegister for the sandbox's register `n`, below 10000; its words begin with 100.
pub fn order(client_id: &str, device_id: &str, n: u32) -> pb::QuickRegisterRequest {
    let by = pb::Representative { authority_document: format!("доверенность {}", ru(100)) };
    pb::QuickRegisterRequest {
        signer: Some(pb::Signer {
            capacity: Some(pb::signer::Capacity::Representative(by)),
            last_name: ru(101),
            first_name: ru(102),
            middle_name: ru(103),
            position: ru(104),
            certificate_id: format!("cert-{}", en(100)),
        }),
        place: Some(pb::Place {
            name: format!("Магазин «{}»", ru(105)),
            location: Some(pb::place::Location::Address(address(90))),
            site_urls: vec![format!("https://{}.ru/", en(101))],
            ..Default::default()
        }),
        modes: Some(pb::Modes { internet: true, ..Default::default() }),
        ofd: Some(pb::Ofd { inn: "7709364346".into(), activation_code: format!("FD13MM71{n:04}") }),
        operator: Some(pb::Operator { name: ru(107), inn: person(77) }),
        sender_email: format!("{}@{}.ru", en(102), en(103)),
        external_ref: format!("№ {}", ru(108)),
        ..shop::order(client_id, device_id, n)
    }
}

/// The same in another place, which is named by its id.
pub fn order_at(client_id: &str, device_id: &str, n: u32) -> pb::QuickRegisterRequest {
    let mut order = order(client_id, device_id, n);
    let place = order.place.as_mut().unwrap();
    place.location = Some(pb::place::Location::FiasId("5c8b06f1-518e-496e-b683-7bf917e0d70b".into()));
    order
}
