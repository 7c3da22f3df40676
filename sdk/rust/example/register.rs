//! Brings a shop from its tax number to a registered cash register. It can be run again: it goes on with what is there.

use std::env;
use std::ops::ControlFlow;

use litebox_partner::pb::client::{Address, ClientType, RegisterRequest};
use litebox_partner::pb::kkt::{
    Equipment, FfdVersion, Head, Ofd, Place, QuickRegisterRequest, SaleEquipment, Signer, TaxSystem, equipment, place,
    signer,
};
use litebox_partner::sdk::{Error, ErrorReason, Options, Partner, WaitOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let partner = Partner::new(Options {
        address: env::var("ADDR")?,
        token: Some(env::var("TOKEN")?),
        plaintext: true,
        allow_token_in_plaintext: true, // the demo listens on loopback, without TLS
        ..Options::default()
    })?;

    // Who is the shop?
    let taxpayer = partner.clients().lookup_taxpayer("7700000070").await?;
    println!("taxpayer: {}", taxpayer.company);

    // A client and its account in LiteBox.
    let address = Address {
        postal_code: "115035".into(),
        region: "г Москва".into(),
        city: "г Москва".into(),
        street: "ул Садовническая".into(),
        house: "1".into(),
        ..Address::default()
    };
    let registered = partner.clients().register(RegisterRequest {
        client_type: ClientType::Litebox.into(),
        inn: taxpayer.inn.clone(),
        address: Some(address.clone()),
        phone: "911-111-1111".into(),
        email: "readme@example.ru".into(),
        password: "aB1!_-2026".into(),
        ..RegisterRequest::default()
    });
    let client_id = match registered.await {
        Ok(registered) => registered.client.unwrap_or_default().id,
        Err(error) => known(error, ErrorReason::ClientAlreadyRegistered, "client_id")?,
    };
    println!("client: {client_id}");

    // A cash register for the client. The order is answered at once; the work goes on by itself.
    let register = SaleEquipment {
        model: "АТОЛ 30Ф".into(),
        serial: "00106100000002".into(),
        fn_serial: "9999078902000002".into(),
        device_id: env::var("DEVICE_ID")?,
    };
    let ordered = partner.kkts().quick_register(QuickRegisterRequest {
        client_id,
        equipment: Some(Equipment { kind: Some(equipment::Kind::Sale(register)) }),
        signer: Some(Signer {
            capacity: Some(signer::Capacity::Head(Head {})),
            certificate_id: "cert-1".into(),
            last_name: taxpayer.last_name,
            first_name: taxpayer.first_name,
            middle_name: taxpayer.middle_name,
            ..Signer::default()
        }),
        place: Some(Place {
            name: "Магазин «Ромашка»".into(),
            location: Some(place::Location::Address(address)),
            ..Place::default()
        }),
        tax_systems: vec![TaxSystem::Osn.into()],
        ffd_version: FfdVersion::FfdVersion12.into(),
        ofd: Some(Ofd { inn: "7709364346".into(), activation_code: "FD13MM202611".into() }),
        fiscalize_automatically: true,
        ..QuickRegisterRequest::default()
    });
    let kkt_id = match ordered.await {
        Ok(ordered) => ordered.kkt.unwrap_or_default().id,
        Err(error) => known(error, ErrorReason::KktAlreadyRegistered, "kkt_id")?,
    };

    // Follow it to the card, over lost connections and restarts of the service.
    let options = WaitOptions {
        on_change: Some(Box::new(|kkt| {
            println!("state: {} {}", kkt.state().as_str_name(), kkt.status_text);
            ControlFlow::Continue(())
        })),
        on_blocked: Some(Box::new(|kkt| {
            println!("blocked: {}", kkt.blocked.clone().unwrap_or_default().advice);
            ControlFlow::Continue(())
        })),
        timeout: None,
    };
    let kkt = partner.kkts().wait_until_registered(&kkt_id, options).await?;
    println!("registered: {} card {}", kkt.rnm, kkt.card.unwrap_or_default().number);
    Ok(())
}

/// The id that an error names when there is what was to be made.
fn known(error: Error, reason: ErrorReason, name: &str) -> Result<String, Error> {
    match error.metadata().remove(name) {
        Some(id) if error.is(reason) => Ok(id),
        _ => Err(error),
    }
}
