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
        ("kkt_models.toml", model(&MODEL.replace('А', "а")), "line 6: model 2 (а): the model stands twice"),
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
        (
            "calendar.toml",
            "card_working_days = 5\nyears = [2026]\n[[day_off]]\ndate = \"2027-01-01\"\nwhy = \"П\"".into(),
            "not in years",
        ),
        (
            "calendar.toml",
            "card_working_days = 5\nyears = [2026]\n[[day_off]]\ndate = \"01.01.2026\"\nwhy = \"П\"".into(),
            "\"2026-11-23\"",
        ),
        ("calendar.toml", "card_working_days = 0\nyears = [2026]".into(), "it must be 1 to 60"),
        ("calendar.toml", "card_working_days = 5\nyears = [2026, 2028]".into(), "years without a gap"),
        ("calendar.toml", "card_working_days = 5\nyears = []".into(), "years without a gap"),
        ("kkt_models.toml", model("prefixes = [\"9-1\"]"), "line 2: model 1 (А): prefixes must be"),
        ("ofds.toml", "\n\n[[ofd]]\ninn = \"7709364347\"\nname = \"О\"".into(), ": line 4: ofd 1 (О)"),
        (
            "calendar.toml",
            "card_working_days = 5\nyears = [2026]\n[[working_day]]\ndate = \"2026-11-23\"\nwhy = \"П\"".into(),
            "no Saturday",
        ),
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

/// All rows of the tables that the facts list; a file that loses one fails here.
#[test]
fn every_fiscal_drive_of_the_table_is_there() {
    use Standing::{Registered, Removed, Test};
    let table = [
        ("99604403 99604405", "ФН-1.1М исполнение Ин15-1", 15, Registered),
        ("99614403", "ФН-1.1М исполнение Ин36-1", 36, Registered),
        ("72824405 72824407", "ФН-1.2 исполнение Эв15-3", 15, Registered),
        ("72814405 72814407", "ФН-1.2 исполнение Ин15-3", 15, Registered),
        ("72804405 72804407", "ФН-1.2 исполнение Ин36-3", 36, Registered),
        ("72844405 72844407", "ФН-1.2 исполнение Ав15-3", 15, Registered),
        ("72854405", "ФН-1.2 исполнение Ав36-3", 36, Registered),
        ("73804407 73804408 73804409", "ФН-1.2 исполнение Ин15-4", 15, Registered),
        ("73814407 73814408 73814409", "ФН-1.2 исполнение Ин36-4", 36, Registered),
        ("73874407", "ФН-1.2 исполнение Из15-4", 15, Registered),
        ("73824407 73824408 73824409", "ФН-1.2 исполнение Эв15-4", 15, Registered),
        ("73834408", "ФН-1.2 исполнение Эв36-4", 36, Registered),
        ("73864407 73864408", "ФН-1.2 исполнение Пр15-4", 15, Registered),
        ("73844407 73844408 73844409", "ФН-1.2 исполнение Ав15-4", 15, Registered),
        ("73854408 73854409", "ФН-1.2 исполнение Ав36-4", 36, Registered),
        ("8710 8711 8712 8713 8714 8715 8716", "ФН-1", 13, Removed),
        ("9251 9270 9289", "ФН-1.1", 13, Removed),
        ("9999078900", "МГМ ФН-1", 13, Test),
        ("9999078902", "МГМ ФН-1.1М", 15, Test),
    ];
    for (prefixes, name, months, standing) in table {
        for prefix in prefixes.split(' ') {
            let model = fn_model(&format!("{prefix:0<16}")).unwrap();
            assert_eq!((model.name.as_str(), model.months, model.standing), (name, months, standing), "{prefix}");
        }
    }
    assert_eq!(entries(include_str!("../../data/fn_models.toml"), "fn"), table.len());
    for gap in ["99604404", "72824406", "73834407", "73864409", "73854407", "8709", "9250", "9290"] {
        assert_eq!(fn_model(&format!("{gap:0<16}")), None, "{gap}");
    }
}

fn entries(file: &str, kind: &str) -> usize {
    toml::from_str::<toml::Table>(file).unwrap()[kind].as_array().unwrap().len()
}

#[test]
fn every_cash_register_of_the_table_knows_its_serials() {
    let table = [
        ("АТОЛ 30Ф", "00106100000001"),
        ("АТОЛ 55Ф", "00106200000001"),
        ("АТОЛ FPrint-22ПТК", "00106300000001"),
        ("АТОЛ 11Ф", "00106700000001"),
        ("АТОЛ 77Ф", "00106900000001"),
        ("АТОЛ 42ФА", "00107000000001"),
        ("АТОЛ 42ФС", "00107700000001"),
        ("АТОЛ 20Ф", "00108100000001"),
        ("АТОЛ 91Ф", "00108200000001"),
        ("АТОЛ 92Ф", "00108400000001"),
        ("АТОЛ Sigma 10", "00108600000001"),
        ("АТОЛ 27Ф", "00108700000001"),
        ("АТОЛ Sigma 7Ф", "00109000000001"),
        ("АТОЛ Sigma 8Ф", "00109100000001"),
        ("АТОЛ 1Ф", "00109300000001"),
        ("Эвотор СТ2Ф", "00307400000001"),
        ("Эвотор СТ3Ф", "00307900000001"),
        ("Эвотор СТ5Ф", "00308300000001"),
        ("Эвотор СТ51Ф", "00309600000001"),
        ("Эвотор СТ52Ф", "00301000000001"),
        ("Эвотор Power", "00300100000001"),
        ("ПТК MSPOS-K", "199036000001"),
        ("MSPOS-E-Ф", "177044000001"),
        ("MSPOS-D-Ф", "199045000001"),
        ("MSPOS-T-Ф", "177043000001"),
        ("MSPOS-E-РФ", "199047000001"),
        ("ШТРИХ-М-01Ф", "0000000006000001"),
        ("ШТРИХ-ЛАЙТ-01Ф", "0000000007000001"),
        ("РР-01Ф", "0000000003000001"),
        ("РИТЕЙЛ-01ФМ", "0000000012000001"),
        ("Меркурий-115Ф", "00000001"),
        ("Меркурий-185Ф", "04000001"),
        ("Меркурий-180Ф", "08000001"),
        ("Viki Print 57Ф", "0491000001"),
        ("Viki Print 57 Плюс Ф", "0494000001"),
        ("Viki Print 80 Плюс Ф", "0497000001"),
        ("Дримкас-Ф", "0126000001"),
        ("Пирит 1Ф", "0129000001"),
        ("Пирит 2Ф", "0128000001"),
        ("aQsi 5-Ф", "1000000000000001"),
        ("aQsi 6-Ф", "1010000000000001"),
        ("Азур-01Ф", "0001000000000001"),
    ];
    let catalogue = embedded();
    for (name, serial) in table {
        let model = catalogue.model(name).unwrap();
        let knows = |serial: &str| model.knows_serial(&crate::values::KktSerial::parse(serial).unwrap());
        assert!(knows(serial), "{name} {serial}");
        assert!(!knows(&serial[1..]) && !knows(&"9".repeat(serial.len())), "{name}");
        let driven = name.starts_with("АТОЛ");
        assert_eq!(model.driver == Driver::AtolV2, driven, "{name}");
        assert_eq!(model.ofd_channel.name(), "proto");
    }
    assert!(
        !catalogue.model("Пирит 1Ф").unwrap().knows_serial(&crate::values::KktSerial::parse("0498000001").unwrap())
    );
    assert_eq!(entries(include_str!("../../data/kkt_models.toml"), "model"), table.len());
}

#[test]
fn every_operator_of_the_table_is_there() {
    let table = [
        ("4029017981", "ofd.astralnalog.ru", 7777, Some(("ofd.astralnalog.ru", 7777))),
        ("6658497833", "ofd.kontur.ru", 7777, Some(("ofd.kontur.ru", 7778))),
        ("7605016030", "kkt.sbis.ru", 7777, Some(("kkt.sbis.ru", 7777))),
        ("7709364346", "k-server.1-ofd.ru", 7777, Some(("k-server.1-ofd.ru", 7788))),
        ("7704211201", "f1.taxcom.ru", 7777, Some(("f1.taxcom.ru", 8777))),
        ("7704358518", "kkt.ofd.yandex.net", 12345, Some(("kkt.ofd.yandex.net", 54321))),
        ("7728699517", "connect.ofd-ya.ru", 7779, Some(("connect.ofd-ya.ru", 7797))),
        ("7841465198", "gate.ofd.ru", 4000, Some(("crpt.ofd.ru", 7000))),
        ("9715260691", "ofdp.platformaofd.ru", 21101, Some(("ofdp.platformaofd.ru", 21102))),
        ("2310031475", "kkt.ofd-magnit.ru", 7001, Some(("kkttst.ofd-magnit.ru", 7002))),
        ("5902034504", "kkt.ofd-initpro.ru", 9999, Some(("kkt.ofd-initpro.ru", 9996))),
        ("7701553038", "kkt.infc.ru", 21101, None),
        ("7713076301", "ofd.beeline.ru", 7765, None),
        ("7729642175", "kkt.e-ofd.ru", 7777, Some(("crpt.e-ofd.ru", 5555))),
    ];
    let withdrawn = [
        ("7703282175", date!(2022 - 05 - 16)),
        ("7710007966", date!(2021 - 03 - 17)),
        ("7729633131", date!(2021 - 12 - 03)),
        ("7801392271", date!(2020 - 09 - 23)),
        ("7802870820", date!(2021 - 07 - 14)),
        ("6686089392", date!(2025 - 10 - 27)),
    ];
    let catalogue = embedded();
    let ofd = |inn: &str| catalogue.ofd(&Inn::parse(inn).unwrap()).unwrap();
    let server = |host: &str, port| Some(Server { host: host.to_owned(), port });
    for (inn, host, port, marking) in table {
        let marking = marking.and_then(|(host, port)| server(host, port));
        assert_eq!((&ofd(inn).receipts, &ofd(inn).marking), (&server(host, port), &marking), "{inn}");
        assert!(ofd(inn).permitted(date!(2026 - 11 - 23)));
    }
    for (inn, day) in withdrawn {
        assert!(ofd(inn).permitted(day.previous_day().unwrap()) && !ofd(inn).permitted(day), "{inn}");
    }
    assert!(!ofd("6663003127").permitted(date!(2020 - 01 - 01)));
    assert_eq!(entries(include_str!("../../data/ofds.toml"), "ofd"), table.len() + withdrawn.len() + 1);
}

#[test]
fn the_calendar_says_when_it_runs_out() {
    let catalogue = embedded();
    assert_eq!(catalogue.calendar_until(), date!(2027 - 12 - 31), "this year and the next when the file was written");
    assert!(!catalogue.calendar_runs_out(date!(2026 - 11 - 23)));
    assert!(!catalogue.calendar_runs_out(date!(2027 - 09 - 30)));
    assert!(catalogue.calendar_runs_out(date!(2027 - 10 - 01)));
    assert!(catalogue.calendar_runs_out(date!(2029 - 01 - 01)));
}

#[test]
fn a_replaced_calendar_moves_working_days() {
    let text = "updated = \"2026-10-01\"\nyears = [2026]\ncard_working_days = 2\n\
                [[working_day]]\ndate = \"2026-02-21\"\nwhy = \"Перенос\"\n\
                [[day_off]]\ndate = \"2026-02-23\"\nwhy = \"Праздник\"\n";
    let catalogue = load("calendar.toml", text).unwrap();
    assert_eq!(catalogue.next_working_day(date!(2026 - 02 - 20)), date!(2026 - 02 - 21));
    assert_eq!(catalogue.next_working_day(date!(2026 - 02 - 21)), date!(2026 - 02 - 24));
    assert_eq!(catalogue.last_day_for_card(date!(2026 - 02 - 20)), date!(2026 - 02 - 24));
    assert_eq!(embedded().last_day_for_card(date!(2026 - 11 - 23)), date!(2026 - 11 - 30));
}
