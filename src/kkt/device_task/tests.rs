use super::super::model::{AutomaticDevice, Modes, Operator};
use super::super::tests::samples::{company, entrepreneur, person};
use super::*;

type Change = fn(&mut Modes);

fn task(spec: &Spec, facts: &Facts) -> Value {
    let rnm = Rnm::compose(1, &facts.taxpayer.inn, &facts.register.serial).unwrap();
    registration(spec, facts, &rnm, &Catalogue::embedded().unwrap()).unwrap()
}

fn golden(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_company_gets_the_expected_task() {
    let (spec, facts) = company();
    assert_eq!(task(&spec, &facts), golden(include_str!("../../../tests/data/device_task_organization.json")));
}

#[test]
fn an_autonomous_entrepreneur_gets_the_expected_task() {
    let (spec, facts) = entrepreneur();
    assert_eq!(task(&spec, &facts), golden(include_str!("../../../tests/data/device_task_entrepreneur.json")));
}

#[test]
fn every_mode_of_the_device_has_its_field() {
    let cases: [(Change, &str); 14] = [
        (|m| m.autonomous = true, "offlineMode"),
        (|m| m.encryption = true, "encryption"),
        (|m| m.bso = true, "bso"),
        (|m| m.internet = true, "internet"),
        (|m| m.services = true, "service"),
        (|m| m.excise = true, "excise"),
        (|m| m.gambling = true, "gambling"),
        (|m| m.lottery = true, "lottery"),
        (|m| m.marking = true, "marking"),
        (|m| m.pawnshop = true, "pawnShop"),
        (|m| m.insurance = true, "insurance"),
        (|m| m.catering = true, "catering"),
        (|m| m.wholesale = true, "wholesale"),
        (|m| m.vending = true, "vending"),
    ];
    for (set, field) in cases {
        let (mut spec, facts) = company();
        set(&mut spec.modes);
        let task = task(&spec, &facts);
        let on =
            task["device"].as_object().unwrap().iter().filter(|(_, v)| **v == json!(true)).map(|(k, _)| k.as_str());
        assert_eq!(on.collect::<Vec<_>>(), [field]);
    }
}

#[test]
fn marked_goods_bring_the_server_for_codes() {
    let (mut spec, facts) = company();
    spec.modes.marking = true;
    assert_eq!(task(&spec, &facts)["ism"], json!({"host": "k-server.1-ofd.ru", "port": 7788}));
    spec.ofd.as_mut().unwrap().inn = "7713076301".parse().unwrap();
    assert_eq!(task(&spec, &facts).get("ism"), None, "its server is not known");
}

#[test]
fn an_automatic_device_is_numbered() {
    let (mut spec, facts) = company();
    spec.automatic_device = Some(AutomaticDevice { numbers: vec!["000042".into(), "000043".into()], printer: true });
    let device = &task(&spec, &facts)["device"];
    assert_eq!(device["autoMode"], json!(true));
    assert_eq!(device["machineInstallation"], json!(true));
    assert_eq!(device["machineNumber"], json!("000042,000043"));
}

#[test]
fn tax_systems_and_agents_have_the_drivers_names() {
    use super::super::model::{Agent as A, TaxSystem as T};
    let (mut spec, facts) = company();
    spec.tax_systems = vec![T::Osn, T::UsnIncome, T::UsnIncomeOutcome, T::Esn, T::Patent];
    spec.ffd = Ffd::V1_1;
    spec.agents = vec![
        A::BankPayingAgent,
        A::BankPayingSubagent,
        A::PayingAgent,
        A::PayingSubagent,
        A::Attorney,
        A::CommissionAgent,
        A::Another,
    ];
    let organization = &task(&spec, &facts)["organization"];
    assert_eq!(organization["taxationTypes"], json!(["osn", "usnIncome", "usnIncomeOutcome", "esn", "patent"]));
    assert_eq!(
        organization["agents"],
        json!([
            "bankPayingAgent",
            "bankPayingSubagent",
            "payingAgent",
            "payingSubagent",
            "attorney",
            "commissionAgent",
            "another"
        ])
    );
}

#[test]
fn the_operator_is_the_one_named_else_the_signer() {
    let (mut spec, facts) = entrepreneur();
    let inn = "500100732259".parse().ok();
    spec.operator = Some(Operator { name: "Сидорова О.О.".into(), inn });
    assert_eq!(task(&spec, &facts)["operator"], json!({"name": "Сидорова О.О.", "vatin": "500100732259"}));
    spec.operator = None;
    assert_eq!(task(&spec, &facts)["operator"], json!({"name": "Иванов П.", "vatin": "500100732259"}));
    spec.signer.capacity = Capacity::Representative { document: "Доверенность".into() };
    spec.signer.name = person("Сидоров", "Олег", Some("Ильич"));
    assert_eq!(task(&spec, &facts)["operator"], json!({"name": "Сидоров О.И."}));
    spec.signer.name.last = "Ж".repeat(100);
    let name = format!("{} О.И.", "Ж".repeat(59));
    assert_eq!(task(&spec, &facts)["operator"], json!({"name": name}), "64 characters fit");
}

#[test]
fn a_name_that_does_not_fit_gives_way_to_the_short_one() {
    let (spec, mut facts) = company();
    if let TaxpayerKind::Organization { full_name, .. } = &mut facts.taxpayer.kind {
        *full_name = "Д".repeat(257);
    }
    assert_eq!(task(&spec, &facts)["organization"]["name"], json!("ООО \"РОМАШКА\""));
}

#[test]
fn nothing_is_burnt_without_the_operators_server() {
    let (mut spec, facts) = company();
    let catalogue = Catalogue::embedded().unwrap();
    let rnm = Rnm::parse("0000000001055823").unwrap();
    for inn in ["7707083893", "7703282175"] {
        spec.ofd.as_mut().unwrap().inn = inn.parse().unwrap();
        assert_eq!(registration(&spec, &facts, &rnm, &catalogue), Err(Incomplete::Ofd));
    }
}
