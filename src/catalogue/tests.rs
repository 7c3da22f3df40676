use std::path::Path;

use time::macros::date;

use super::*;

fn embedded() -> Catalogue {
    Catalogue::embedded().unwrap()
}

fn fn_model(serial: &str) -> Option<FnModel> {
    embedded().fn_prefix(&FnSerial::parse(serial).unwrap()).cloned()
}

#[test]
fn a_model_is_found_however_it_is_spelt() {
    let catalogue = embedded();
    for name in ["АТОЛ 30Ф", " атол  30ф ", "АТОЛ «30Ф»"] {
        let model = catalogue.model(name).unwrap();
        assert_eq!((model.name.as_str(), model.driver), ("АТОЛ 30Ф", Driver::AtolV2));
    }
    assert_eq!(catalogue.model("Эвотор СТ2Ф").unwrap().driver, Driver::None);
    assert!(catalogue.model("АТОЛ 31Ф").is_none());
}

#[test]
fn a_serial_is_compared_with_length_prefix_and_offset() {
    let catalogue = embedded();
    let fits = |model: &str, serial: &str| {
        catalogue.model(model).unwrap().knows_serial(&crate::values::KktSerial::parse(serial).unwrap())
    };
    assert!(fits("АТОЛ 30Ф", "00106100000001"));
    assert!(!fits("АТОЛ 30Ф", "00106200000001"));
    assert!(!fits("АТОЛ 30Ф", "0010610000001"));
    assert!(fits("ШТРИХ-М-01Ф", "0000000006123456"));
    assert!(!fits("ШТРИХ-М-01Ф", "0600000000123456"));
    assert!(catalogue.model("Эвотор СТ52Ф").unwrap().takes_ffd("1.2"));
    assert!(!catalogue.model("Эвотор СТ52Ф").unwrap().takes_ffd("1.05"));
}

#[test]
fn a_fiscal_drive_is_told_by_its_first_digits() {
    let cases = [
        ("7381440800000001", Some(("ФН-1.2 исполнение Ин36-4", 36, Standing::Registered))),
        ("7380440900000001", Some(("ФН-1.2 исполнение Ин15-4", 15, Standing::Registered))),
        ("9960440300000001", Some(("ФН-1.1М исполнение Ин15-1", 15, Standing::Registered))),
        ("8712000100000001", Some(("ФН-1", 13, Standing::Removed))),
        ("9289000100000001", Some(("ФН-1.1", 13, Standing::Removed))),
        ("9999078900000961", Some(("МГМ ФН-1", 13, Standing::Test))),
        ("9999078902000001", Some(("МГМ ФН-1.1М", 15, Standing::Test))),
        ("7380441000000001", None),
        ("8717000000000001", None),
    ];
    for (serial, expected) in cases {
        let found = fn_model(serial);
        let told = found.as_ref().map(|model| (model.name.as_str(), model.months, model.standing));
        assert_eq!(told, expected, "{serial}");
    }
    assert_eq!(
        fn_model("7381440800000001").unwrap().registry_name,
        "Шифровальное (криптографическое) средство защиты фискальных данных фискальный накопитель \
         «ФН-1.2 исполнение Ин36-4»"
    );
}

#[test]
fn an_operator_is_permitted_until_its_permit_is_withdrawn() {
    let catalogue = embedded();
    let ofd = |inn: &str| catalogue.ofd(&Inn::parse(inn).unwrap()).unwrap();
    let first = ofd("7709364346");
    assert_eq!((first.name.as_str(), first.brand.as_deref()), ("АО «ЭСК»", Some("Первый ОФД")));
    assert_eq!(first.receipts, Some(Server { host: "k-server.1-ofd.ru".into(), port: 7777 }));
    assert_eq!(first.marking, Some(Server { host: "k-server.1-ofd.ru".into(), port: 7788 }));
    assert_eq!(ofd("7841465198").marking, Some(Server { host: "crpt.ofd.ru".into(), port: 7000 }));
    assert_eq!(ofd("7713076301").marking, None);
    assert!(first.permitted(date!(2026 - 11 - 23)));
    assert!(ofd("6686089392").permitted(date!(2025 - 10 - 26)));
    assert!(!ofd("6686089392").permitted(date!(2025 - 10 - 27)));
    assert!(!ofd("6663003127").permitted(date!(2020 - 01 - 01)), "replaced, day not known");
    assert!(catalogue.ofd(&Inn::parse("7707083893").unwrap()).is_none());
}

#[test]
fn weekends_and_holidays_are_stepped_over() {
    let cases = [
        (date!(2026 - 11 - 23), date!(2026 - 11 - 24)),
        (date!(2026 - 11 - 20), date!(2026 - 11 - 23)),
        (date!(2025 - 12 - 31), date!(2026 - 01 - 12)),
        (date!(2026 - 02 - 20), date!(2026 - 02 - 24)),
        (date!(2026 - 03 - 06), date!(2026 - 03 - 10)),
        (date!(2026 - 04 - 30), date!(2026 - 05 - 04)),
        (date!(2026 - 05 - 08), date!(2026 - 05 - 12)),
        (date!(2026 - 11 - 03), date!(2026 - 11 - 05)),
        (date!(2026 - 12 - 30), date!(2027 - 01 - 11)),
        (date!(2027 - 04 - 30), date!(2027 - 05 - 04)),
        (date!(2030 - 01 - 01), date!(2030 - 01 - 02)),
    ];
    for (from, expected) in cases {
        assert_eq!(embedded().next_working_day(from), expected, "{from}");
    }
    assert_eq!(embedded().next_working_day(Date::MAX), Date::MAX);
}

#[test]
fn every_region_has_a_manager() {
    let catalogue = embedded();
    assert_eq!(catalogue.manager("77").email, "moscow@example.ru");
    assert_eq!(catalogue.manager("66").email, "regional@example.ru");
    assert_eq!(catalogue.manager("").email, "regional@example.ru");
}

#[test]
fn every_file_tells_its_age() {
    let names: Vec<_> = embedded().updated().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["kkt_models.toml", "fn_models.toml", "ofds.toml", "calendar.toml", "regional_managers.toml"]);
}

fn load(file: &str, text: &str) -> Result<Catalogue, String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(file), text).unwrap();
    Catalogue::load(Some(dir.path())).map_err(|why| why.to_string())
}

#[test]
fn a_file_in_the_folder_replaces_that_one_only() {
    let text =
        "updated = \"2026-10-01\"\n[default]\nname = \"Дежурный\"\nphone = \"900-000-0001\"\nemail = \"a@b.ru\"\n";
    let catalogue = load("regional_managers.toml", text).unwrap();
    assert_eq!(catalogue.manager("77").email, "a@b.ru");
    assert!(catalogue.model("АТОЛ 30Ф").is_some());
    assert_eq!(catalogue.updated()[4], ("regional_managers.toml", date!(2026 - 10 - 01)));
}

#[test]
fn a_wrong_file_is_refused_by_file_and_entry() {
    const MODEL: &str = "[[model]]\nname = \"А\"\nffd = [\"1.2\"]\ndriver = \"none\"\n";
    const FN: &str = "[[fn]]\nname = \"Ф\"\nregistry_name = \"Ф\"\nstanding = \"registered\"\nffd_1_2 = \"full\"\n";
    let model = |more: &str| format!("{MODEL}{more}");
    let drive = |more: &str| format!("{FN}{more}");
    let cases = [
        ("kkt_models.toml", model("speed = 1"), "line 6"),
        ("kkt_models.toml", model("length = 21"), "model 1 (А): length must be at most 20"),
        ("kkt_models.toml", model(&MODEL.replace('А', "а")), "model 2 (а): the model stands twice"),
        ("kkt_models.toml", MODEL.replace("1.2", "2.0"), "model 1 (А): ffd must list"),
        ("kkt_models.toml", MODEL.replace("none", "usb"), "unknown variant"),
        ("fn_models.toml", drive("months = 12\nprefixes = [\"1\"]"), "fn 1 (Ф): months must be"),
        ("fn_models.toml", drive("months = 15\nprefixes = [\"1\", \"1\"]"), "prefix 1 stands twice"),
        ("fn_models.toml", drive("months = 15\nprefixes = [\"19-10\"]"), "must be digits, or a range"),
        ("fn_models.toml", drive("months = 15\nprefixes = [\"1-20\"]"), "must be digits, or a range"),
        ("fn_models.toml", drive("months = 15\nprefixes = [\"+1\"]"), "must be digits, or a range"),
        ("ofds.toml", "[[ofd]]\ninn = \"7709364347\"\nname = \"О\"".into(), "ofd 1 (О): the check digits"),
        ("ofds.toml", "[[ofd]]\ninn = \"7709364346\"\nname = \"О\"".into(), "host and port are required"),
        ("ofds.toml", "[[ofd]]\ninn = \"7709364346\"\nname = \"О\"\nhost = \"h\"".into(), "needs a host and a port"),
        ("ofds.toml", "[[ofd]]\ninn = \"7709364346\"\nname = \"О\"\nwithdrawn = \"x\"".into(), "withdrawn must be"),
        ("calendar.toml", "years = [2026]\n[[day_off]]\ndate = \"2027-01-01\"\nwhy = \"П\"".into(), "not in years"),
        ("calendar.toml", "years = [2026]\n[[day_off]]\ndate = \"01.01.2026\"\nwhy = \"П\"".into(), "\"2026-11-23\""),
        ("calendar.toml", "years = [2026]\n[[working_day]]\ndate = \"2026-11-23\"\nwhy = \"П\"".into(), "no Saturday"),
        ("regional_managers.toml", "[default]\nname = \"\"\nphone = \"\"\nemail = \"\"".into(), "must not be empty"),
        ("managers.toml", String::new(), "not a catalogue file; known are kkt_models.toml"),
    ];
    for (file, text, expected) in cases {
        let why = load(file, &format!("updated = \"2026-10-01\"\n{text}")).unwrap_err();
        assert!(why.contains(expected) && why.contains(file), "{file}: {why}");
    }
    assert!(load("ofds.toml", "ofd = []").unwrap_err().contains("updated"), "every file has a date");
    assert!(Catalogue::load(Some(Path::new("/nowhere"))).is_err());
}
