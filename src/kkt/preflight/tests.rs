use std::collections::BTreeSet;
use std::path::Path;

use time::macros::date;

use super::super::model::{AutomaticDevice, Ffd, Modes, SoldRegister};
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

/// A case: what is found, about which field, and the change that brings it about. Without the change nothing is found.
type Case = (&'static str, &'static str, Sample, World, Change);

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

use World::{Live, Test};

#[rustfmt::skip]
const BLOCKS: &[Case] = &[
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
        s.modes = Modes { services: true, ..Default::default() };
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
    ("TAXPAYER_NOT_ACTIVE", "client_id", entrepreneur, Live, |_, f| f.taxpayer.status = TaxpayerStatus::Liquidated),
    ("MODEL_CANNOT_BE_DRIVEN", "equipment.sale.model", company, Live, |_, f| {
        f.register.model = "ПТК MSPOS-K".into();
        serial(f, "199036000123");
    }),
    ("MODEL_CANNOT_BE_DRIVEN", "equipment.sale.model", company, Live, |_, f| {
        f.register.model = "MSPOS-T-Ф".into();
        serial(f, "177043000123");
    }),
    ("FN_NOT_IN_REGISTRY", "equipment.sale.fn_serial", company, Live, |s, f| {
        s.ffd = Ffd::V1_05;
        drive(f, "9289000000000001");
    }),
];

#[rustfmt::skip]
const WARNS: &[Case] = &[
    ("SIGNER_IS_NOT_HEAD", "signer.last_name", company, Live, |s, _| s.signer.name = person("Петров", "Анна", None)),
    ("INTERNET_WITHOUT_SITES", "place.site_urls", company, Live, |s, _| s.modes.internet = true),
    ("MODEL_UNKNOWN", "equipment.sale.model", company, Live, |s, f| {
        s.fiscalize_automatically = false;
        f.register.model = "КАССА 1".into();
    }),
    ("SERIAL_PATTERN", "equipment.sale.serial", company, Live, |_, f| serial(f, "00106200000001")),
    ("SERIAL_PATTERN", "equipment.sale.serial", company, Live, |_, f| serial(f, "1")),
    ("FFD_OF_MODEL", "ffd_version", company, Live, |s, _| s.ffd = Ffd::V1_1),
    ("FN_PREFIX_UNKNOWN", "equipment.sale.fn_serial", company, Live, |_, f| drive(f, "1234567890123456")),
    ("FN_TERM_TOO_LONG", "equipment.sale.fn_serial", company, Live, |_, f| drive(f, "7381440800000001")),
    ("FN_TERM_TOO_LONG", "equipment.sale.fn_serial", entrepreneur, Live, |_, f| drive(f, "7381440800000001")),
    ("FN_TERM_TOO_SHORT", "equipment.sale.fn_serial", company, Live, |s, _| {
        s.tax_systems = vec![TaxSystem::UsnIncome];
        s.default_tax_system = TaxSystem::UsnIncome;
    }),
    ("MARKING_SERVER_UNKNOWN", "ofd.inn", company, Live, |s, _| {
        s.modes.marking = true;
        s.ofd.as_mut().unwrap().inn = "7713076301".parse().unwrap();
    }),
    ("SERVICES_WITH_GOODS", "modes.services", company, Live, |s, _| {
        s.modes.services = true;
        s.modes.excise = true;
    }),
    ("GOODS_WITH_GAMBLING", "modes.services", company, Live, |s, _| s.modes.lottery = true),
    ("AGENTS_AND_MODES", "agents", company, Live, |s, _| s.agents.push(Agent::PayingSubagent)),
    ("AGENTS_AND_MODES", "agents", company, Live, |s, _| s.modes.bank_payment_agent = true),
    ("FFD_OF_MODEL", "ffd_version", company, Live, |s, f| {
        s.fiscalize_automatically = false;
        s.ffd = Ffd::V1_05;
        f.register.model = "Эвотор СТ52Ф".into();
        serial(f, "00301000001234");
    }),
    ("FN_TERM_NOT_ALLOWED", "equipment.sale.fn_serial", company, Live, |_, f| drive(f, "9961440300000001")),
    ("MODES_NEED_FFD_1_2", "ffd_version", company, Live, |s, _| {
        s.ffd = Ffd::V1_05;
        s.modes.catering = true;
    }),
    ("MODES_NEED_FFD_1_2", "ffd_version", company, Live, |s, _| {
        s.ffd = Ffd::V1_05;
        s.modes.wholesale = true;
    }),
    ("SERVICES_WITH_GOODS", "modes.services", company, Live, |s, _| {
        s.modes.services = true;
        s.modes.marking = true;
    }),
    ("GOODS_WITH_GAMBLING", "modes.services", company, Live, |s, _| s.modes.gambling = true),
    ("AUTOMATIC_NUMBERS_TOO_LONG", "automatic_device.numbers", company, Live, |s, _| {
        s.automatic_device = Some(AutomaticDevice { numbers: vec!["0000000042".into(); 2], printer: false });
    }),
];

#[test]
fn each_certain_fact_blocks_alone() {
    for (code, subject, sample, world, change) in BLOCKS {
        let found = found(*sample, *world, *change);
        assert_eq!(codes(&found.blocking), [(*code, *subject)]);
        assert_eq!(codes(&found.warnings), [], "{code}");
        sentence(&found.blocking[0]);
    }
}

#[test]
fn each_secondary_fact_warns_alone() {
    for (code, subject, sample, world, change) in WARNS {
        let found = found(*sample, *world, *change);
        assert_eq!(codes(&found.warnings), [(*code, *subject)]);
        assert_eq!(codes(&found.blocking), [], "{code}");
        sentence(&found.warnings[0]);
    }
}

/// A Russian sentence that a person can act upon, beside the English one.
fn sentence(found: &Requirement) {
    let (text, russian) = (&found.text, &found.russian);
    let cyrillic = russian.chars().filter(|c| matches!(c, 'а'..='я' | 'А'..='Я' | 'ё')).count();
    assert!(cyrillic > 15 && russian.starts_with(char::is_uppercase), "{}: {russian}", found.code);
    assert!(text.is_ascii() && text.len() > 15, "{}: {text}", found.code);
    const ASKED: [&str; 12] = [
        "укажите",
        "уберите",
        "выберите",
        "проверьте",
        "сверьте",
        "поставьте",
        "установите",
        "снимите",
        "отметьте",
        "оставьте",
        "отключите",
        "задайте",
    ];
    let said = russian.to_lowercase();
    assert!(ASKED.iter().any(|word| said.contains(word)), "{} does not say what to do: {russian}", found.code);
}

#[test]
fn every_rule_has_a_case_and_stands_in_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::fs::read_dir(root.join("src/kkt/preflight")).unwrap().map(|entry| entry.unwrap().path());
    let files = folder.chain([root.join("src/kkt/preflight.rs")]).filter(|path| path.is_file());
    let sources: String =
        files.filter(|p| !p.ends_with("tests.rs")).map(|p| std::fs::read_to_string(p).unwrap()).collect();
    let code = regex::Regex::new("\"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\"").unwrap();
    let written: BTreeSet<_> = code.captures_iter(&sources).map(|found| found[1].to_owned()).collect();
    let tried = BLOCKS.iter().chain(WARNS).map(|case| case.0).chain(["FN_WITHOUT_FFD_1_2"]);
    let tried: BTreeSet<_> = tried.map(str::to_owned).collect();
    assert_eq!(written, tried);
    let documentation = std::fs::read_to_string(root.join("docs/refusals.md")).unwrap();
    let words: BTreeSet<_> = documentation.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let missing: Vec<_> = written.iter().filter(|code| !words.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?} are not in docs/refusals.md");
}

/// Only drives out of the registry are so, in the embedded data, and they are refused anyway.
#[test]
fn a_drive_without_ffd_1_2_warns() {
    let folder = tempfile::tempdir().unwrap();
    let text = "updated = \"2026-10-01\"\n[[fn]]\nprefixes = [\"73804408\"]\nname = \"ФН\"\nregistry_name = \"ФН\"\n\
                standing = \"registered\"\nmonths = 15\nffd_1_2 = \"none\"\n";
    std::fs::write(folder.path().join("fn_models.toml"), text).unwrap();
    let catalogue = Catalogue::load(Some(folder.path())).unwrap();
    let (spec, facts) = company();
    let today = date!(2026 - 11 - 23);
    let found = |spec: &Spec| check(&Situation { spec, facts: &facts, catalogue: &catalogue, world: Live, today });
    let warned = found(&spec).warnings;
    assert_eq!(codes(&warned), [("FN_WITHOUT_FFD_1_2", "equipment.sale.fn_serial")]);
    sentence(&warned[0]);
    assert_eq!(found(&Spec { ffd: Ffd::V1_05, ..spec.clone() }), Findings::default());
}

#[test]
fn what_a_drive_will_do_is_known_for_drives_of_the_registry_only() {
    let days = |serial: &str, world| {
        let (spec, mut facts) = company();
        drive(&mut facts, serial);
        let catalogue = Catalogue::embedded().unwrap();
        drive_days(&Situation {
            spec: &spec,
            facts: &facts,
            catalogue: &catalogue,
            world,
            today: date!(2026 - 11 - 23),
        })
    };
    assert_eq!(days("7380440800000001", World::Live), Some(470));
    assert_eq!(days("7381440800000001", World::Live), Some(560));
    assert_eq!(days("9999078900000961", World::Test), None, "a dummy");
    assert_eq!(days("8712000000000001", World::Live), None, "removed");
    assert_eq!(days("1234567890123456", World::Live), None, "unknown");
}

/// In test mode dummies stand for real drives, so rules about the models of real ones do not show; all others do.
#[test]
fn test_mode_checks_everything_but_the_model_of_the_drive() {
    let found = found(company, World::Test, |s, f| {
        drive(f, "9999078902000961");
        s.ofd = None;
        s.tax_systems = vec![TaxSystem::UsnIncome];
        s.default_tax_system = TaxSystem::UsnIncome;
        serial(f, "2");
    });
    assert_eq!(codes(&found.blocking), [("OFD_REQUIRED", "ofd")]);
    assert_eq!(codes(&found.warnings), [("SERIAL_PATTERN", "equipment.sale.serial")]);
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
    let expected = ["OFD_REQUIRED", "TAX_SYSTEM_REQUIRED", "FN_NOT_IN_REGISTRY"];
    assert_eq!(found.blocking.iter().map(|r| r.code).collect::<Vec<_>>(), expected);
    let warned = [("SERIAL_PATTERN", "equipment.sale.serial"), ("FN_WITHOUT_FFD_1_2", "equipment.sale.fn_serial")];
    assert_eq!(codes(&found.warnings), warned);
    assert_eq!(found.unacknowledged(&["SERIAL_PATTERN".into(), "FN_WITHOUT_FFD_1_2".into()]), []);
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
