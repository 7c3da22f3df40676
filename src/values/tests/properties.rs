//! Properties: whatever the input, nothing panics; whatever is accepted comes back; a slip of a digit is noticed.

use proptest::prelude::*;

use crate::values::*;

/// Any text, and texts that come near the real ones.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[0-9]{8,22}", "[0-9A-Za-z@.#_ -]{0,40}", "[0-9]{3}-[0-9]{3}-[0-9]{3,5}"]
}

fn inns() -> impl Strategy<Value = Inn> {
    let ten = "[1-9][0-9]{8}".prop_map(|head| complete(&head, 1));
    let twelve = "[1-9][0-9]{9}".prop_map(|head| complete(&head, 2));
    prop_oneof![ten, twelve]
}

/// The one INN that begins with `head`.
fn complete(head: &str, missing: usize) -> Inn {
    let end = 10_u32.pow(missing as u32);
    let mut fitting = (0..end).filter_map(|tail| Inn::parse(&format!("{head}{tail:0missing$}")).ok());
    let inn = fitting.next().unwrap();
    assert_eq!(fitting.next(), None, "check digits are a function of the others");
    inn
}

fn with_digit(text: &str, at: usize, digit: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = b'0' + digit;
    String::from_utf8(bytes).unwrap()
}

macro_rules! comes_back {
    ($text:expr, $($name:ident),+) => {
        $(if let Ok(value) = $name::parse($text) {
            prop_assert_eq!(&$name::parse(value.as_str()).unwrap(), &value);
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(&serde_json::from_str::<$name>(&json).unwrap(), &value);
            prop_assert_eq!(value.to_string(), value.as_str());
        })+
    };
}

proptest! {
    #[test]
    fn nothing_panics_and_what_is_accepted_comes_back(text in texts()) {
        comes_back!(&text, Inn, Ogrn, Kpp, Rnm, KktSerial, FnSerial, FiscalSign, Phone, Email, ActivationCode);
        if let Ok(password) = Password::parse(&text, 6) {
            prop_assert_eq!(password.expose(), &text);
        }
        if let Ok(id) = KktId::parse(&text) {
            prop_assert_eq!(KktId::parse(&id.to_string()).unwrap(), id);
        }
    }

    #[test]
    fn an_accepted_line_is_accepted_again(text in texts(), max in 1_usize..60) {
        if let Ok(kept) = line(&text, max) {
            prop_assert!(kept.chars().count() <= max);
            prop_assert_eq!(line(&kept, max).unwrap(), kept);
        }
    }

    /// The last digits are a function of the others, so any slip in them is noticed.
    #[test]
    fn a_changed_check_digit_is_noticed(inn in inns(), digit in 0_u8..10) {
        let changed = with_digit(inn.as_str(), inn.as_str().len() - 1, digit);
        prop_assert_eq!(Inn::parse(&changed).is_ok(), changed == inn.as_str());
    }

    #[test]
    fn an_rnm_fits_its_own_kkt_only(
        sequence in 0_u64..10_000_000_000, inn in inns(), serial in "[0-9]{0,19}[1-9]", at in 0_usize..10, digit in 0_u8..10,
    ) {
        let serial = KktSerial::parse(&serial).unwrap();
        let rnm = Rnm::compose(sequence, &inn, &serial).unwrap();
        prop_assert!(rnm.fits(&inn, &serial));
        prop_assert!(rnm.fits(&inn, &KktSerial::parse(&serial.normalised()).unwrap()));
        // A CRC of 16 bits notices every change of one digit.
        let slip = Rnm::parse(&with_digit(rnm.as_str(), at, digit)).unwrap();
        prop_assert_eq!(slip.fits(&inn, &serial), slip == rnm);
    }

    #[test]
    fn leading_zeros_and_case_do_not_make_another_serial(serial in "[1-9A-Za-z][0-9A-Za-z]{0,9}", zeros in 0_usize..10) {
        let plain = KktSerial::parse(&serial).unwrap();
        let padded = KktSerial::parse(&format!("{}{}", "0".repeat(zeros), serial.to_ascii_lowercase())).unwrap();
        prop_assert_eq!(plain.normalised(), padded.normalised());
    }

    #[test]
    fn passwords_of_the_allowed_signs_pass(text in "[A-Za-z0-9!@#$_-]{6,128}") {
        prop_assert!(Password::parse(&text, 6).is_ok());
    }

    #[test]
    fn steps_never_share_an_effect(a in "[a-z_]{1,12}", b in "[a-z_]{1,12}", generation in 0_u32..3) {
        let id = uuid::Uuid::from_u128(7);
        let effect = |step: &str| EffectId::derive(PartnerId::new(id), RequestId::new(id), step, generation);
        prop_assert_eq!(effect(&a) == effect(&b), a == b);
    }
}
