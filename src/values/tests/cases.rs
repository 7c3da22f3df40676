//! Good and bad cases of each type.

use crate::values::*;

/// Checks a table: text, then what it is kept as or why it is refused.
fn table<T>(parse: impl Fn(&str) -> Result<T, Invalid>, kept: impl Fn(&T) -> String, cases: &[Case]) {
    for (text, expected) in cases {
        let got = parse(text).map(|value| kept(&value)).map_err(|why| why.reason);
        assert_eq!(got, expected.map(str::to_owned), "{text:?}");
    }
}

type Case = (&'static str, Result<&'static str, &'static str>);

#[test]
fn inn() {
    const FORMAT: Result<&str, &str> = Err("INN_FORMAT");
    table(
        Inn::parse,
        |v| v.to_string(),
        &[
            ("7707083893", Ok("7707083893")),
            ("500100732259", Ok("500100732259")),
            ("7700000070", Ok("7700000070")),
            ("770000000300", Ok("770000000300")),
            ("7707083894", Err("INN_CHECK_DIGIT")),
            ("500100732250", Err("INN_CHECK_DIGIT")),
            ("500100732269", Err("INN_CHECK_DIGIT")),
            ("0000000000", Err("INN_REGION")),
            ("000000000000", Err("INN_REGION")),
            ("0012345678", Err("INN_REGION")),
            (" 7707083893", FORMAT),
            ("7707083893\n", FORMAT),
            ("770708389", FORMAT),
            ("77070838930", FORMAT),
            ("77O7083893", FORMAT),
            ("٧٧٠٧٠٨٣٨٩٣", FORMAT),
            ("+707083893", FORMAT),
            ("", FORMAT),
        ],
    );
}

#[test]
fn ogrn_and_kpp() {
    table(
        Ogrn::parse,
        |v| v.to_string(),
        &[
            ("1027700132195", Ok("1027700132195")),
            ("304500116000157", Ok("304500116000157")),
            ("1027700132196", Err("OGRN_CHECK_DIGIT")),
            ("304500116000158", Err("OGRN_CHECK_DIGIT")),
            ("0000000000000", Err("OGRN_CHECK_DIGIT")),
            ("000000000000000", Err("OGRN_CHECK_DIGIT")),
            ("10277001321950", Err("OGRN_FORMAT")),
            ("+027700132195", Err("OGRN_FORMAT")),
            ("", Err("OGRN_FORMAT")),
        ],
    );
    table(
        Kpp::parse,
        |v| v.to_string(),
        &[
            ("773601001", Ok("773601001")),
            ("7736AZ001", Ok("7736AZ001")),
            ("7736az001", Err("KPP_FORMAT")),
            ("7736АА001", Err("KPP_FORMAT")),
            ("A73601001", Err("KPP_FORMAT")),
            ("77360100A", Err("KPP_FORMAT")),
            ("000001001", Err("KPP_FORMAT")),
            ("77360100", Err("KPP_FORMAT")),
            ("", Err("KPP_FORMAT")),
        ],
    );
}

#[test]
fn rnm() {
    table(
        Rnm::parse,
        |v| v.to_string(),
        &[
            ("0000000001055823", Ok("0000000001055823")),
            ("0000000001065535", Ok("0000000001065535")),
            ("0000000001065536", Err("RNM_CHECK_DIGITS")),
            ("9999999999999999", Err("RNM_CHECK_DIGITS")),
            ("000000000105582", Err("RNM_FORMAT")),
            ("000000000105582A", Err("RNM_FORMAT")),
            ("0000000001055823    ", Err("RNM_FORMAT")),
            ("", Err("RNM_FORMAT")),
        ],
    );
}

#[test]
fn a_serial_with_letters_cannot_be_checked_against_an_rnm() {
    let (inn, rnm) = (Inn::parse("7707083893").unwrap(), Rnm::parse("0000000001055823").unwrap());
    let check = |serial| rnm.check(&inn, &KktSerial::parse(serial).unwrap());
    assert_eq!(check("00106100000001"), RnmCheck::Fits);
    assert_eq!(check("00106100000002"), RnmCheck::Differs);
    assert_eq!(check("A0106100000001"), RnmCheck::NotCheckable);
    assert_eq!(Rnm::compose(1, &inn, &KktSerial::parse("A1").unwrap()), None);
    assert_eq!(Rnm::compose(10_000_000_000, &inn, &KktSerial::parse("1").unwrap()), None);
}

#[test]
fn serials() {
    const KKT: Result<&str, &str> = Err("KKT_SERIAL_FORMAT");
    table(
        KktSerial::parse,
        |v| format!("{v} {}", v.normalised()),
        &[
            ("00106100000001", Ok("00106100000001 106100000001")),
            ("1", Ok("1 1")),
            ("00000000381007926499", Ok("00000000381007926499 381007926499")),
            ("0a-1", Ok("0a-1 A-1")),
            (" 1", KKT),
            ("0", KKT),
            ("00000000000000000000", KKT),
            ("000000000000000000001", KKT),
            ("12 34", KKT),
            ("№1", KKT),
            ("А1", KKT),
            ("", KKT),
        ],
    );
    table(
        FnSerial::parse,
        |v| v.to_string(),
        &[
            ("7380440800000001", Ok("7380440800000001")),
            ("9999078900000961", Ok("9999078900000961")),
            ("0000000000000000", Err("FN_SERIAL_FORMAT")),
            ("738044080000001", Err("FN_SERIAL_FORMAT")),
            ("73804408000000001", Err("FN_SERIAL_FORMAT")),
            ("738044080000000A", Err("FN_SERIAL_FORMAT")),
            ("", Err("FN_SERIAL_FORMAT")),
        ],
    );
}

#[test]
fn fiscal_sign() {
    table(
        FiscalSign::parse,
        |v| v.to_string(),
        &[
            ("1138986989", Ok("1138986989")),
            ("0024109209", Ok("0024109209")),
            ("24109209", Ok("0024109209")),
            ("4294967295", Ok("4294967295")),
            ("4294967296", Err("FISCAL_SIGN_FORMAT")),
            ("00024109209", Err("FISCAL_SIGN_FORMAT")),
            ("+241092091", Err("FISCAL_SIGN_FORMAT")),
            ("-1", Err("FISCAL_SIGN_FORMAT")),
            ("", Err("FISCAL_SIGN_FORMAT")),
        ],
    );
}

#[test]
fn phone() {
    const BAD: Result<&str, &str> = Err("PHONE_FORMAT");
    table(
        Phone::parse,
        |v| v.to_string(),
        &[
            ("911-111-1111", Ok("911-111-1111")),
            ("8-911-111-11-11", BAD),
            ("+79111111111", BAD),
            ("9111111111", BAD),
            ("911-1111111", BAD),
            ("911-111-111", BAD),
            ("911-111-11111", BAD),
            ("911 111 1111", BAD),
            ("911–111–1111", BAD),
            (" 911-111-1111", BAD),
            ("9a1-111-1111", BAD),
            ("", BAD),
        ],
    );
}

#[test]
fn email() {
    const BAD: Result<&str, &str> = Err("EMAIL_FORMAT");
    table(
        Email::parse,
        |v| format!("{v} {}", v.login_key()),
        &[
            ("shop@example.ru", Ok("shop@example.ru shop@example.ru")),
            ("Shop+1@Mail.Example.RU", Ok("Shop+1@mail.example.ru shop+1@mail.example.ru")),
            ("a@xn--e1afmkfd.xn--p1ai", Ok("a@xn--e1afmkfd.xn--p1ai a@xn--e1afmkfd.xn--p1ai")),
            ("shop@example", BAD),
            ("shop@@example.ru", BAD),
            ("@example.ru", BAD),
            ("shop@", BAD),
            (".shop@example.ru", BAD),
            ("shop.@example.ru", BAD),
            ("sh..op@example.ru", BAD),
            ("shop@-example.ru", BAD),
            ("shop@example-.ru", BAD),
            ("shop@example..ru", BAD),
            ("shop@10.0.0.1", BAD),
            ("shop@example.r", BAD),
            ("sh op@example.ru", BAD),
            ("shop@example.ru ", BAD),
            ("магазин@example.ru", BAD),
            ("shop@пример.рф", BAD),
            ("\"shop\"@example.ru", BAD),
            ("", BAD),
        ],
    );
    let long = |local: usize| format!("{}@{}.example.ru", "a".repeat(local), "b".repeat(60));
    assert!(Email::parse(&long(64)).is_ok());
    assert!(Email::parse(&long(65)).is_err());
    let domain = vec!["c".repeat(60); 4].join(".");
    assert!(Email::parse(&format!("{}@{domain}.ru", "a".repeat(7))).is_ok(), "254 characters");
    assert!(Email::parse(&format!("{}@{domain}.ru", "a".repeat(8))).is_err(), "255 characters");
}

#[test]
fn activation_code() {
    table(
        ActivationCode::parse,
        |v| v.to_string(),
        &[
            ("FD13MM123456", Ok("FD13MM123456")),
            ("1234-5678", Ok("1234-5678")),
            ("1234-5678 ", Err("ACTIVATION_CODE_FORMAT")),
            ("123", Err("ACTIVATION_CODE_FORMAT")),
            ("12 34", Err("ACTIVATION_CODE_FORMAT")),
            ("КОД123", Err("ACTIVATION_CODE_FORMAT")),
            ("", Err("ACTIVATION_CODE_FORMAT")),
        ],
    );
    assert!(ActivationCode::parse(&"1".repeat(65)).is_err());
}

#[test]
fn ids() {
    const ONE: &str = "0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f";
    table(
        ClientId::parse,
        |v| v.to_string(),
        &[
            (ONE, Ok(ONE)),
            ("0198F2A0-7C1E-7E6B-8F00-3A5B5C1D2E3F", Ok(ONE)),
            ("00000000-0000-0000-0000-000000000000", Err("UUID_FORMAT")),
            ("0198f2a07c1e7e6b8f003a5b5c1d2e3f", Err("UUID_FORMAT")),
            ("{0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f}", Err("UUID_FORMAT")),
            ("urn:uuid:0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f", Err("UUID_FORMAT")),
            ("0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3", Err("UUID_FORMAT")),
            ("", Err("UUID_FORMAT")),
        ],
    );
    let client = ClientId::parse(ONE).unwrap();
    assert_eq!(EffectId::of_client(client).uuid(), client.uuid());
    assert_eq!(PartnerScope::new(PartnerId::parse(ONE).unwrap()).partner().to_string(), ONE);
}

/// An effect id that changes between releases would do an effect twice after an upgrade.
#[test]
fn effect_ids_are_fixed_for_ever() {
    let id = uuid::Uuid::from_u128;
    let effect = EffectId::derive(PartnerId::new(id(1)), RequestId::new(id(2)), "burn", 0);
    assert_eq!(effect.to_string(), "d6d2bcd7-01ea-83c2-ab22-462b3ba4a8f6");
}

fn moscow() -> AddressParts {
    AddressParts {
        postal_code: "117997".into(),
        region: "г Москва".into(),
        city: "г Москва".into(),
        street: "ул Вавилова".into(),
        house: "19".into(),
        ..AddressParts::default()
    }
}

#[test]
fn an_address_reads_as_one_line() {
    let address = |parts| Address::parse(parts).unwrap().one_line();
    assert_eq!(address(moscow()), "117997, г Москва, ул Вавилова, д 19");
    let village = AddressParts {
        postal_code: " 301000 ".into(),
        region: "Тульская обл".into(),
        settlement: "д Малахово".into(),
        house: "2А".into(),
        building: "стр 1".into(),
        flat: "7".into(),
        ..AddressParts::default()
    };
    assert_eq!(address(village), "301000, Тульская обл, д Малахово, д 2А, стр 1, кв 7");
}

#[test]
fn an_address_names_every_bad_part() {
    let wrong = |parts| -> Vec<_> {
        Address::parse(parts).unwrap_err().into_iter().map(|(field, why)| (field, why.reason)).collect()
    };
    assert_eq!(
        wrong(AddressParts::default()),
        [
            ("postal_code", "POSTAL_CODE_FORMAT"),
            ("region", "REQUIRED"),
            ("house", "REQUIRED"),
            ("city", "CITY_OR_SETTLEMENT"),
        ]
    );
    assert_eq!(
        wrong(AddressParts { postal_code: "11799".into(), ..moscow() }),
        [("postal_code", "POSTAL_CODE_FORMAT")]
    );
    assert_eq!(wrong(AddressParts { street: "ул\nВавилова".into(), ..moscow() }), [("street", "CONTROL_CHARACTER")]);
    assert_eq!(wrong(AddressParts { flat: "1".repeat(121), ..moscow() }), [("flat", "TOO_LONG")]);
}

#[test]
fn nothing_personal_is_shown_by_debug_or_by_an_error() {
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        Inn::parse("7707083893"),
        Ogrn::parse("1027700132195"),
        Phone::parse("911-111-1111"),
        Email::parse("shop@example.ru"),
        ActivationCode::parse("FD13MM123456"),
        Address::parse(moscow()),
    );
    assert_eq!(shown, "Ok(Inn(**)) Ok(Ogrn(**)) Ok(Phone(**)) Ok(Email(**)) Ok(ActivationCode(**)) Ok(Address(**))");
    let refused = format!("{:?}", Password::parse("secret word", 6).map(|_| ()));
    assert!(!refused.contains("secret"), "{refused}");
}

#[test]
fn what_is_read_back_is_parsed_again() {
    let inn: Inn = serde_json::from_str("\"7707083893\"").unwrap();
    assert_eq!(serde_json::to_string(&inn).unwrap(), "\"7707083893\"");
    let refused = serde_json::from_str::<Inn>("\"7707083894\"").unwrap_err().to_string();
    assert!(refused.contains("check digits") && !refused.contains("7707083894"), "{refused}");
    let address = Address::parse(moscow()).unwrap();
    let text = serde_json::to_string(&address).unwrap();
    assert!(serde_json::from_str::<Address>(&text).unwrap() == address);
    assert!(serde_json::from_str::<Address>(&text.replace("117997", "1")).is_err());
}
