use time::macros::date;

use super::super::model::{AutomaticDevice, SoldRegister};
use super::super::tests::samples::{company, entrepreneur, person};
use super::*;
use crate::values::{FnSerial, KktSerial};

type Change = fn(&mut Spec, &mut Facts);
type Sample = fn() -> (Spec, Facts);

fn found(sample: Sample, world: World, change: Change) -> Findings {
    let (mut spec, mut facts) = sample();
    change(&mut spec, &mut facts);
    let catalogue = Catalogue::embedded().unwrap();
    let today = date!(2026 - 11 - 23);
    check(&Situation { spec: &spec, facts: &facts, catalogue: &catalogue, world, today })
}

fn codes(requirements: &[Requirement]) -> Vec<(&str, &str)> {
    requirements.iter().map(|r| (r.code, r.subject.as_str())).collect()
}

fn drive(facts: &mut Facts, serial: &str) {
    facts.register.fn_serial = FnSerial::parse(serial).unwrap();
}

fn serial(facts: &mut Facts, serial: &str) {
    facts.register.serial = KktSerial::parse(serial).unwrap();
}

#[test]
fn usual_registrations_pass_without_a_word() {
    assert_eq!(found(company, World::Live, |_, _| ()), Findings::default());
    assert_eq!(found(entrepreneur, World::Live, |_, _| ()), Findings::default());
    let test = |_: &mut Spec, facts: &mut Facts| drive(facts, "9999078900000961");
    assert_eq!(found(company, World::Test, test), Findings::default());
}

#[test]
fn each_certain_fact_blocks_alone() {
    use World::{Live, Test};
    let cases: &[(&str, &str, Sample, World, Change)] = &[
        ("TAXPAYER_NOT_ACTIVE", "client_id", company, Live, |_, f| f.taxpayer.status = TaxpayerStatus::Liquidated),
        ("TAXPAYER_NOT_ACTIVE", "client_id", company, Live, |_, f| f.taxpayer.status = TaxpayerStatus::Liquidating),
        ("TAXPAYER_NOT_ACTIVE", "client_id", company, Live, |_, f| f.taxpayer.status = TaxpayerStatus::Bankrupt),
        ("TAXPAYER_NOT_ACTIVE", "client_id", company, Live, |_, f| f.taxpayer.status = TaxpayerStatus::Reorganizing),
        ("KPP_REQUIRED", "place.kpp", company, Live, |_, f| {
            if let TaxpayerKind::Organization { kpp, .. } = &mut f.taxpayer.kind {
                *kpp = None;
            }
        }),
        ("KPP_OF_ENTREPRENEUR", "place.kpp", entrepreneur, Live, |s, _| s.place.kpp = "770143001".parse().ok()),
        ("PATENT_OF_ORGANIZATION", "tax_systems", company, Live, |s, _| s.tax_systems.push(TaxSystem::Patent)),
        ("TAX_OFFICE_REQUIRED", "place.tax_office", company, Live, |_, f| f.address.tax_office = None),
        ("ADDRESS_TOO_LONG", "place.fias_id", company, Live, |_, f| f.address.text = "д".repeat(257)),
        ("SITES_WITHOUT_INTERNET", "place.site_urls", company, Live, |s, _| s.place.site_urls.push("a.ru".into())),
        ("MODEL_CANNOT_BE_DRIVEN", "equipment.sale.model", company, Live, |_, f| {
            f.register.model = "Эвотор СТ2Ф".into();
            serial(f, "00307400001234");
        }),
        ("DEVICE_REQUIRED", "equipment.sale.device_id", company, Live, |_, f| f.register.device_id = None),
        ("TEST_FN", "equipment.sale.fn_serial", company, Live, |_, f| drive(f, "9999078900000961")),
        ("TEST_FN", "equipment.sale.fn_serial", company, Live, |_, f| drive(f, "9999078902000961")),
        ("REAL_FN_IN_TEST", "equipment.sale.fn_serial", company, Test, |_, _| ()),
        ("REAL_FN_IN_TEST", "equipment.sale.fn_serial", company, Test, |_, f| drive(f, "1234567890123456")),
        ("FN_NOT_IN_REGISTRY", "equipment.sale.fn_serial", company, Live, |s, f| {
            s.ffd = Ffd::V1_05;
            drive(f, "8712000000000001");
        }),
        ("OFD_REQUIRED", "ofd", company, Live, |s, _| s.ofd = None),
        ("OFD_IN_AUTONOMOUS_MODE", "ofd", company, Live, |s, _| s.modes.autonomous = true),
        ("OFD_UNKNOWN", "ofd.inn", company, Live, |s, _| s.ofd.as_mut().unwrap().inn = "7707083893".parse().unwrap()),
        ("OFD_PERMIT_WITHDRAWN", "ofd.inn", company, Live, |s, _| {
            s.ofd.as_mut().unwrap().inn = "6686089392".parse().unwrap();
        }),
        ("TAX_SYSTEM_REQUIRED", "tax_systems", entrepreneur, Live, |s, f| {
            s.tax_systems.clear();
            drive(f, "7381440800000001");
            s.modes = super::super::model::Modes { services: true, ..Default::default() };
            s.ofd = company().0.ofd;
        }),
        ("DEFAULT_TAX_SYSTEM", "default_tax_system", company, Live, |s, _| s.default_tax_system = TaxSystem::Esn),
        ("TWO_USN_OBJECTS", "tax_systems", entrepreneur, Live, |s, _| {
            s.tax_systems.push(TaxSystem::UsnIncomeOutcome);
        }),
        ("MARKING_NEEDS_FFD_1_2", "ffd_version", company, Live, |s, _| {
            s.modes.marking = true;
            s.ffd = Ffd::V1_05;
        }),
        ("AUTOMATIC_DEVICE_NUMBER", "automatic_device.numbers", company, Live, |s, _| {
            s.automatic_device = Some(AutomaticDevice { numbers: vec![], printer: false });
        }),
    ];
    for (code, subject, sample, world, change) in cases {
        let found = found(*sample, *world, *change);
        assert_eq!(codes(&found.blocking), [(*code, *subject)]);
        assert_eq!(codes(&found.warnings), [], "{code}");
    }
}

#[test]
fn each_secondary_fact_warns_alone() {
    let cases: &[(&str, &str, Sample, Change)] = &[
        ("SIGNER_IS_NOT_HEAD", "signer.last_name", company, |s, _| s.signer.name = person("Петров", "Анна", None)),
        ("INTERNET_WITHOUT_SITES", "place.site_urls", company, |s, _| s.modes.internet = true),
        ("MODEL_UNKNOWN", "equipment.sale.model", company, |s, f| {
            s.fiscalize_automatically = false;
            f.register.model = "КАССА 1".into();
        }),
        ("SERIAL_PATTERN", "equipment.sale.serial", company, |_, f| serial(f, "00106200000001")),
        ("SERIAL_PATTERN", "equipment.sale.serial", company, |_, f| serial(f, "1")),
        ("FFD_OF_MODEL", "ffd_version", company, |s, _| s.ffd = Ffd::V1_1),
        ("FN_PREFIX_UNKNOWN", "equipment.sale.fn_serial", company, |_, f| drive(f, "1234567890123456")),
        ("FN_TERM_TOO_LONG", "equipment.sale.fn_serial", company, |_, f| drive(f, "7381440800000001")),
        ("FN_TERM_TOO_LONG", "equipment.sale.fn_serial", entrepreneur, |_, f| drive(f, "7381440800000001")),
        ("FN_TERM_TOO_SHORT", "equipment.sale.fn_serial", company, |s, _| {
            s.tax_systems = vec![TaxSystem::UsnIncome];
            s.default_tax_system = TaxSystem::UsnIncome;
        }),
        ("MARKING_SERVER_UNKNOWN", "ofd.inn", company, |s, _| {
            s.modes.marking = true;
            s.ofd.as_mut().unwrap().inn = "7713076301".parse().unwrap();
        }),
        ("SERVICES_WITH_GOODS", "modes.services", company, |s, _| {
            s.modes.services = true;
            s.modes.excise = true;
        }),
        ("GOODS_WITH_GAMBLING", "modes.services", company, |s, _| s.modes.lottery = true),
        ("AGENTS_AND_MODES", "agents", company, |s, _| s.agents.push(Agent::PayingSubagent)),
        ("AGENTS_AND_MODES", "agents", company, |s, _| s.modes.bank_payment_agent = true),
    ];
    for (code, subject, sample, change) in cases {
        let found = found(*sample, World::Live, *change);
        assert_eq!(codes(&found.warnings), [(*code, *subject)]);
        assert_eq!(codes(&found.blocking), [], "{code}");
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let found = found(company, World::Live, |s, f| {
        s.ofd = None;
        s.tax_systems.clear();
        s.modes.marking = true;
        drive(f, "9251000000000001");
        serial(f, "2");
    });
    let expected = ["FN_NOT_IN_REGISTRY", "FN_WITHOUT_FFD_1_2", "OFD_REQUIRED", "TAX_SYSTEM_REQUIRED"];
    assert_eq!(found.blocking.iter().map(|r| r.code).collect::<Vec<_>>(), expected);
    assert_eq!(codes(&found.warnings), [("SERIAL_PATTERN", "equipment.sale.serial")]);
    assert_eq!(found.unacknowledged(&["SERIAL_PATTERN".into()]), []);
    assert_eq!(found.unacknowledged(&["OTHER".into()]), found.warnings);
}

#[test]
fn a_rental_names_the_field_that_chose_the_device() {
    let found = found(company, World::Live, |s, f| {
        s.equipment = Equipment::Rental { model: f.register.model.clone(), months: 12 };
        f.register = SoldRegister { fn_serial: FnSerial::parse("9999078900000961").unwrap(), ..f.register.clone() };
    });
    assert_eq!(codes(&found.blocking), [("TEST_FN", "equipment.rental.model")]);
}

#[test]
fn a_head_spelt_another_way_is_the_same_head() {
    let found = found(entrepreneur, World::Live, |s, _| s.signer.name = person(" ИВАНОВ", "Петр", Some("Ильич")));
    assert_eq!(codes(&found.warnings), []);
}
