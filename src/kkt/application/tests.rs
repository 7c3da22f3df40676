use encoding_rs::WINDOWS_1251;

use super::super::model::{AutomaticDevice, Capacity, Modes};
use super::super::tests::samples::{company, entrepreneur, person};
use super::*;

type Change = fn(&mut Modes);

fn effect() -> EffectId {
    "0198f2a0-7c1e-8e6b-8f00-000000000001".parse().unwrap()
}

fn built(spec: &Spec, facts: &Facts) -> Application {
    build(spec, facts, &Catalogue::embedded().unwrap(), effect(), &Format::default()).unwrap()
}

/// The document as text; checks that its bytes are windows-1251 and nothing else.
fn text(application: &Application) -> String {
    let (text, _, broken) = WINDOWS_1251.decode(&application.xml);
    assert!(!broken && std::str::from_utf8(&application.xml).is_err());
    text.into_owned()
}

#[test]
fn a_company_files_the_expected_document() {
    let (spec, facts) = company();
    let application = built(&spec, &facts);
    assert_eq!(text(&application), include_str!("../../../tests/data/application_organization.xml"));
    assert!(text(&application).contains(&format!("ИдФайл=\"{}\"", application.file_id)));
}

#[test]
fn an_entrepreneur_files_the_expected_document() {
    let (spec, facts) = entrepreneur();
    assert_eq!(text(&built(&spec, &facts)), include_str!("../../../tests/data/application_entrepreneur.xml"));
}

#[test]
fn the_same_registration_gives_the_same_bytes() {
    let (spec, facts) = company();
    assert_eq!(built(&spec, &facts), built(&spec, &facts));
}

#[test]
fn the_date_is_that_of_the_place() {
    let (spec, mut facts) = company();
    facts.accepted_ms = 1_795_464_000_000; // 23 November 2026, 20:00 UTC
    facts.address.time_zone = Some("UTC+12".into());
    assert!(text(&built(&spec, &facts)).contains("ДатаДок=\"24.11.2026\""));
    facts.address.time_zone = Some("UTC+2".into());
    assert!(text(&built(&spec, &facts)).contains("ДатаДок=\"23.11.2026\""));
}

#[test]
fn a_representative_shows_the_document_and_signs_with_the_own_name() {
    let (mut spec, facts) = company();
    spec.signer.capacity =
        Capacity::Representative { document: "Доверенность № 5 от 01.11.2026".into() };
    spec.signer.name = person("Сидоров", "Олег", None);
    let text = text(&built(&spec, &facts));
    assert!(text.contains("<Подписант ПрПодп=\"2\">\n      <ФИО Фамилия=\"Сидоров\" Имя=\"Олег\"/>"), "{text}");
    assert!(text.contains("<СвПред НаимДок=\"Доверенность № 5 от 01.11.2026\"/>"), "{text}");
}

#[test]
fn the_head_is_named_as_the_register_names_him() {
    let (mut spec, facts) = company();
    spec.signer.name = person("Петрова-Водкина", "Анюта", None);
    let text = text(&built(&spec, &facts));
    assert!(text.contains("<ФИО Фамилия=\"Петрова\" Имя=\"Анна\" Отчество=\"Сергеевна\"/>"));
}

#[test]
fn a_branch_files_with_its_own_kpp_and_office() {
    let (mut spec, facts) = company();
    spec.place.kpp = Some("770143001".parse().unwrap());
    spec.place.tax_office = Some("7701".into());
    let format = Format { version: "5.07".into(), receiver: Some("9965".into()) };
    let catalogue = Catalogue::embedded().unwrap();
    let application = build(&spec, &facts, &catalogue, effect(), &format).unwrap();
    let text = text(&application);
    assert!(application.file_id.starts_with("KO_ZVLREGKKT_9965_9965_7707083893770143001_20261123_"));
    for expected in ["ВерсФорм=\"5.07\"", "КодНО=\"9965\"", "КодНОМУст=\"7701\"", "КПП=\"770143001\""]
    {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

#[test]
fn every_mode_of_the_form_has_its_flag() {
    let cases: [(Change, &str); 10] = [
        (|m| m.autonomous = true, "ПрАвтоном"),
        (|m| m.lottery = true, "ПрЛотерея"),
        (|m| m.gambling = true, "ПрАзарт"),
        (|m| m.casino = true, "ПрИгорЗавед"),
        (|m| m.bank_payment_agent = true, "ПрБанкПлат"),
        (|m| m.payment_agent = true, "ПрПлатАгент"),
        (|m| m.internet = true, "ПрИнтернет"),
        (|m| m.delivery = true, "ПрРазвозРазнос"),
        (|m| m.excise = true, "ПрАкцизТовар"),
        (|m| m.marking = true, "ПрРасчМарк"),
    ];
    for (set, flag) in cases {
        let (mut spec, facts) = company();
        set(&mut spec.modes);
        let text = text(&built(&spec, &facts));
        assert!(text.contains(&format!(" {flag}=\"1\"")), "{flag}");
        assert_eq!(text.matches("=\"1\"").count(), 3, "signer, kind of document and {flag} alone");
    }
    let (mut spec, facts) = company();
    spec.automatic_device = Some(AutomaticDevice { numbers: vec!["000042".into()], printer: true });
    assert!(text(&built(&spec, &facts)).contains(" ПрАвтоматУстр=\"1\""));
}

#[test]
fn sites_follow_the_name_of_the_place() {
    let (mut spec, facts) = company();
    spec.modes.internet = true;
    spec.place.site_urls = vec!["https://shop.example.ru".into()];
    assert!(text(&built(&spec, &facts)).contains("НаимМУст=\"Магазин «Ромашка», https://shop.example.ru\""));
}

#[test]
fn what_is_missing_is_named() {
    let catalogue = Catalogue::embedded().unwrap();
    let (mut spec, mut facts) = company();
    facts.address.tax_office = None;
    assert_eq!(build(&spec, &facts, &catalogue, effect(), &Format::default()), Err(Incomplete::TaxOffice));
    spec.place.tax_office = Some("7701".into());
    spec.ofd.as_mut().unwrap().inn = "7707083893".parse().unwrap();
    assert_eq!(build(&spec, &facts, &catalogue, effect(), &Format::default()), Err(Incomplete::Ofd));
}
