use std::time::Duration;

use litebox_partner::clock::Clock;
use litebox_partner::gateways::fns::{
    Application, Fns, FnsClient, FnsRefusal, FnsRefusalReason, ReportToFile, SignedDocument,
};
use litebox_partner::gateways::{Outcome, Told};
use litebox_partner::sandbox::engine::Delays;
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::values::{FiscalSign, FnSerial, Inn, KktSerial, Rnm};

use super::{TEST, count, effect, rpc, sandbox};

const SERIAL: &str = "00106100000001";
const FN: &str = "9999078902000001";
const FILE: &str = "KO_ZVLREGKKT_7736_7736_7707083893773601001_20261123_1";

fn client(sandbox: &Sandbox) -> FnsClient {
    FnsClient::new(&rpc(sandbox), TEST).unwrap()
}

fn xml(serial: &str, fn_serial: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="windows-1251"?>
<Файл ВерсПрог="litebox-partner" ВерсФорм="5.06" ИдФайл="{FILE}">
 <Документ КНД="1110061" ДатаДок="23.11.2026" КодНО="7736">
  <СвНП><НПЮЛ НаимОрг="ПАО СБЕРБАНК" ИННЮЛ="7707083893" КПП="773601001" ОГРН="1027700132195"/></СвНП>
  <Подписант ПрПодп="1"><ФИО Фамилия="Греф" Имя="Герман" Отчество="Оскарович"/></Подписант>
  <ЗаявРегККТ ВидДок="1" КодНОМУст="7736">
   <СведРегККТ МоделККТ="АТОЛ 30Ф" ЗаводНомерККТ="{serial}" МоделФН="ФН-1.2" ЗаводНомерФН="{fn_serial}" ПрАвтоном="2"
     ПрЛотерея="2" ПрАзарт="2" ПрБанкПлат="2" ПрПлатАгент="2" ПрАвтоматУстр="2" ПрИнтернет="2" ПрРазвозРазнос="2">
    <СведОФД ИННЮЛ="7709364346" НаимОрг="АО «ЭСК»"/>
    <СведАдрМУст НаимМУст="Магазин"><АдрМУстККТ>
      <АдрФИАС ИдНом="29251dcf-00a1-4e34-98d4-5c47484a36d4" Индекс="117312"><Регион>77</Регион></АдрФИАС>
    </АдрМУстККТ></СведАдрМУст>
   </СведРегККТ>
  </ЗаявРегККТ>
 </Документ>
</Файл>"#
    )
}

fn signed(xml: &str, certificate: &str) -> SignedDocument {
    let xml = encoding_rs::WINDOWS_1251.encode(xml).0.into_owned();
    SignedDocument { file_id: FILE.into(), xml, certificate_id: certificate.into() }
}

fn document(serial: &str, fn_serial: &str) -> SignedDocument {
    signed(&xml(serial, fn_serial), "cert-1")
}

fn report(application: &str, rnm: &Rnm, fn_serial: &str) -> ReportToFile {
    ReportToFile {
        application_id: application.into(),
        rnm: rnm.clone(),
        fn_serial: FnSerial::parse(fn_serial).unwrap(),
        fd_number: 1,
        local_time: "2026-11-23T13:12:00".into(),
        fiscal_sign: FiscalSign::parse("0024109209").unwrap(),
        certificate_id: "cert-1".into(),
    }
}

fn reason<T: std::fmt::Debug>(outcome: Outcome<T, FnsRefusal>) -> FnsRefusalReason {
    match outcome {
        Outcome::Refused(refusal) => refusal.reason,
        other => panic!("not refused: {other:?}"),
    }
}

async fn file(client: &FnsClient, number: u32, document: &SignedDocument) -> String {
    match client.submit(effect(number), document).await {
        Outcome::Done(filed) => filed.application_id,
        other => panic!("not filed: {other:?}"),
    }
}

async fn rnm(client: &FnsClient, id: &str) -> Rnm {
    match client.application(id).await.unwrap() {
        Some(Application::RnmAssigned { rnm, .. }) => rnm,
        other => panic!("no number: {other:?}"),
    }
}

#[tokio::test]
async fn an_application_goes_all_the_way_to_the_card() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let id = file(&client, 1, &document(SERIAL, FN)).await;
    assert_eq!(file(&client, 1, &document(SERIAL, FN)).await, id);
    let rnm = rnm(&client, &id).await;
    assert!(rnm.fits(&Inn::parse("7707083893").unwrap(), &KktSerial::parse(SERIAL).unwrap()));
    let wrong = client.submit_report(effect(2), &report(&id, &rnm, "9999078902000002")).await;
    assert_eq!(reason(wrong), FnsRefusalReason::ReportMismatch);
    let filed = client.submit_report(effect(3), &report(&id, &rnm, FN)).await;
    assert!(matches!(filed, Outcome::Done(_)), "{filed:?}");
    assert!(matches!(client.application(&id).await.unwrap(), Some(Application::Registered { .. })));
    assert!(matches!(client.report_or_void(effect(3)).await.unwrap(), Told::Done(_)));
    assert_eq!(client.application("app-999999").await.unwrap(), None);
    assert_eq!(count(&sandbox.entries(), Kind::Effect, "fns.SubmitApplication"), 1);
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_reason() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let edits = [
        ("КНД=\"1110061\"", "КНД=\"1110062\"", FnsRefusalReason::MalformedDocument),
        ("ИННЮЛ=\"7707083893\"", "ИННЮЛ=\"7707083894\"", FnsRefusalReason::MalformedDocument),
        ("ПрЛотерея=\"2\"", "ПрЛотерея=\"0\"", FnsRefusalReason::MalformedDocument),
        ("ПрАвтоном=\"2\"", "ПрАвтоном=\"1\"", FnsRefusalReason::MalformedDocument),
        ("ВидДок=\"1\"", "ВидДок=\"1\" Цвет=\"1\"", FnsRefusalReason::MalformedDocument),
        ("НаимОрг=\"ПАО СБЕРБАНК\"", "НаимОрг=\"Ромашка\"", FnsRefusalReason::Other),
        ("ИННЮЛ=\"7709364346\"", "ИННЮЛ=\"7703282175\"", FnsRefusalReason::OfdNotPermitted),
        ("29251dcf-00a1-4e34-98d4-5c47484a36d4", "нет", FnsRefusalReason::AddressUnknown),
        ("<Регион>77", "<Регион>78", FnsRefusalReason::TaxOfficeWrong),
        (FN, "8710000100000001", FnsRefusalReason::FnExcluded),
        (SERIAL, "00106100009805", FnsRefusalReason::KktModelUnknown),
    ];
    for (number, (from, to, expected)) in (1..).zip(edits) {
        let edited = xml(SERIAL, FN).replace(from, to);
        assert_eq!(reason(client.submit(effect(number), &signed(&edited, "cert-1")).await), expected, "{to}");
    }
    let unsigned = client.submit(effect(20), &signed(&xml(SERIAL, FN), "cert-bad")).await;
    assert_eq!(reason(unsigned), FnsRefusalReason::SignatureInvalid);
    let repeated = client.submit(effect(20), &signed(&xml(SERIAL, FN), "cert-1")).await;
    assert_eq!(reason(repeated), FnsRefusalReason::ContentDiffers);
    assert!(matches!(client.application_or_void(effect(20)).await.unwrap(), Told::Refused(_)));
    assert_eq!(client.application_or_void(effect(21)).await.unwrap(), Told::Void);
    assert_eq!(reason(client.submit(effect(21), &document(SERIAL, FN)).await), FnsRefusalReason::Voided);
}

#[tokio::test]
async fn registers_and_drives_that_are_taken_are_refused() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let id = file(&client, 1, &document(SERIAL, FN)).await;
    let rnm = rnm(&client, &id).await;
    // The same taxpayer may file again as long as nothing was reported.
    let id = file(&client, 2, &document(SERIAL, FN)).await;
    let second = super::fns::rnm(&client, &id).await;
    assert_ne!(rnm, second);
    client.submit_report(effect(3), &report(&id, &second, FN)).await;
    let taken = client.submit(effect(4), &document(SERIAL, "9999078902000009")).await;
    assert_eq!(reason(taken), FnsRefusalReason::KktAlreadyRegistered);
    let taken = client.submit(effect(5), &document("00106100000009", FN)).await;
    assert_eq!(reason(taken), FnsRefusalReason::FnInUse);
}

#[tokio::test]
async fn time_moves_an_application_and_so_does_the_control_interface() {
    let clock = Clock::fixed(1_795_000_000_000);
    let delays = Delays { rnm: Duration::from_secs(60), card: Duration::from_secs(60), ..Delays::default() };
    let options = Options { argon2: false, clock: clock.clone(), delays, ..Options::default() };
    let sandbox = start(options).await.unwrap();
    let client = client(&sandbox);
    let id = file(&client, 1, &document(SERIAL, FN)).await;
    assert_eq!(client.application(&id).await.unwrap(), Some(Application::InReview));
    clock.advance(60_000);
    let rnm = rnm(&client, &id).await;
    sandbox.add_fault("fns.GetApplication:stale,times=1").unwrap();
    assert_eq!(client.application(&id).await.unwrap(), Some(Application::InReview));
    client.submit_report(effect(2), &report(&id, &rnm, FN)).await;
    assert_eq!(client.application(&id).await.unwrap(), Some(Application::ReportInReview));
    let url = format!("{}/sandbox/applications/{id}", sandbox.http_url());
    reqwest::Client::new().patch(url).json("card").send().await.unwrap();
    assert!(matches!(client.application(&id).await.unwrap(), Some(Application::Registered { .. })));
}

#[tokio::test]
async fn magic_serials_and_certificates_do_what_they_say() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let id = file(&client, 1, &document("00106100009907", "9999078902000007")).await;
    let refused = client.application(&id).await.unwrap();
    assert!(matches!(refused, Some(Application::Refused(why)) if why.reason == FnsRefusalReason::KktAlreadyRegistered));

    let id = file(&client, 2, &document("00106100009917", "9999078902000017")).await;
    let rnm = rnm(&client, &id).await;
    client.submit_report(effect(3), &report(&id, &rnm, "9999078902000017")).await;
    assert!(matches!(client.application(&id).await.unwrap(), Some(Application::ReportRefused(_))));
    client.submit_report(effect(4), &report(&id, &rnm, "9999078902000017")).await;
    assert!(matches!(client.application(&id).await.unwrap(), Some(Application::Registered { .. })));

    let id = file(&client, 5, &signed(&xml(SERIAL, FN), "cert-wait")).await;
    assert_eq!(client.application(&id).await.unwrap(), Some(Application::AwaitingSignature));

    let id = file(&client, 6, &document("00106100009703", "9999078902000003")).await;
    let misfit = super::fns::rnm(&client, &id).await;
    assert!(!misfit.fits(&Inn::parse("7707083893").unwrap(), &KktSerial::parse("00106100009703").unwrap()));
}

async fn patch(sandbox: &Sandbox, id: &str, step: &str) {
    let url = format!("{}/sandbox/applications/{id}", sandbox.http_url());
    assert!(reqwest::Client::new().patch(url).json(step).send().await.unwrap().status().is_success());
}

/// The reasons of the contract by their numbers, without 17, which is about reports.
const REASONS: [(u32, FnsRefusalReason); 17] = [
    (1, FnsRefusalReason::Other),
    (2, FnsRefusalReason::Voided),
    (3, FnsRefusalReason::ContentDiffers),
    (4, FnsRefusalReason::MalformedDocument),
    (5, FnsRefusalReason::KktModelUnknown),
    (6, FnsRefusalReason::KktSerialUnknown),
    (7, FnsRefusalReason::KktAlreadyRegistered),
    (8, FnsRefusalReason::FnUnknown),
    (9, FnsRefusalReason::FnInUse),
    (10, FnsRefusalReason::FnExcluded),
    (11, FnsRefusalReason::FnNotPermitted),
    (12, FnsRefusalReason::OfdNotPermitted),
    (13, FnsRefusalReason::SignatureInvalid),
    (14, FnsRefusalReason::TaxpayerNotActive),
    (15, FnsRefusalReason::AddressUnknown),
    (16, FnsRefusalReason::TaxOfficeWrong),
    (18, FnsRefusalReason::WrongState),
];

#[tokio::test]
async fn every_reason_of_the_contract_can_be_had_at_once_and_after_review() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let serial = |kind: u32, number: u32| format!("0010610000{kind}{number:02}");
    let drive = |kind: u32, number: u32| format!("999907890200{kind}{number:02}");
    for (number, expected) in REASONS {
        let refused = client.submit(effect(number), &document(&serial(98, number), &drive(98, number))).await;
        assert_eq!(reason(refused), expected);
        let id = file(&client, 100 + number, &document(&serial(99, number), &drive(99, number))).await;
        let standing = client.application(&id).await.unwrap();
        assert!(matches!(&standing, Some(Application::Refused(why)) if why.reason == expected), "{standing:?}");
    }
    for (number, expected) in REASONS.into_iter().chain([(17, FnsRefusalReason::ReportMismatch)]) {
        let id = file(&client, 200 + number, &document(&serial(95, number), &drive(95, number))).await;
        let told = report(&id, &rnm(&client, &id).await, &drive(95, number));
        assert_eq!(reason(client.submit_report(effect(300 + number), &told).await), expected);
        assert!(matches!(client.submit_report(effect(400 + number), &told).await, Outcome::Done(_)), "{expected:?}");

        let id = file(&client, 500 + number, &document(&serial(96, number), &drive(96, number))).await;
        let told = report(&id, &rnm(&client, &id).await, &drive(96, number));
        assert!(matches!(client.submit_report(effect(600 + number), &told).await, Outcome::Done(_)));
        let standing = client.application(&id).await.unwrap();
        assert!(matches!(&standing, Some(Application::ReportRefused(why)) if why.reason == expected), "{standing:?}");
    }
}

#[tokio::test]
async fn a_report_may_need_a_signature_too() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let (serial, fn_serial) = ("00106100009704", "9999078902000704");
    let id = file(&client, 1, &document(serial, fn_serial)).await;
    let told = report(&id, &rnm(&client, &id).await, fn_serial);
    assert!(matches!(client.submit_report(effect(2), &told).await, Outcome::Done(_)));
    assert_eq!(client.application(&id).await.unwrap(), Some(Application::AwaitingSignature));
    patch(&sandbox, &id, "sign").await;
    assert!(matches!(client.application(&id).await.unwrap(), Some(Application::Registered { .. })));
}

#[tokio::test]
async fn an_office_may_answer_every_other_time_what_was_true_before() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let (serial, fn_serial) = ("00106100009705", "9999078902000705");
    let id = file(&client, 1, &document(serial, fn_serial)).await;
    assert_eq!(client.application(&id).await.unwrap(), Some(Application::InReview));
    let told = report(&id, &rnm(&client, &id).await, fn_serial);
    assert!(matches!(client.submit_report(effect(2), &told).await, Outcome::Done(_)));
    assert_eq!(client.application(&id).await.unwrap(), Some(Application::ReportInReview));
    assert!(matches!(client.application(&id).await.unwrap(), Some(Application::Registered { .. })));
}

#[tokio::test]
async fn a_taxpayer_that_is_gone_meanwhile_gets_no_number() {
    let sandbox = sandbox().await;
    sandbox.change_taxpayer("7707083893", "LIQUIDATED").unwrap();
    let refused = client(&sandbox).submit(effect(1), &document(SERIAL, FN)).await;
    assert_eq!(reason(refused), FnsRefusalReason::TaxpayerNotActive);
}
