//! Check digits and forms, written apart from the server's: an error on one side shows as a difference.

/// True when all of `text` are ASCII digits and there are `len` of them.
pub fn digits(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_digit())
}

/// True for an INN of 10 or 12 digits with right check digits, not all zero.
pub fn inn(text: &str) -> bool {
    let zero = text.bytes().all(|b| b == b'0');
    match text.len() {
        10 => digits(text, 10) && !zero && text.ends_with(&inn_tail(&text[..9])),
        12 => digits(text, 12) && !zero && text.ends_with(&inn_tail(&text[..10])),
        _ => false,
    }
}

/// The check digits that complete an INN of which 9 (organization) or 10 (person) digits are given.
pub fn inn_tail(head: &str) -> String {
    const WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let digit = |text: &str| {
        let weights = &WEIGHTS[WEIGHTS.len() - text.len()..];
        let sum: u32 = text.bytes().zip(weights).map(|(b, w)| u32::from(b - b'0') * w).sum();
        (sum % 11 % 10).to_string()
    };
    let first = digit(head);
    if head.len() == 9 { first } else { format!("{first}{}", digit(&format!("{head}{first}"))) }
}

/// True for an OGRN (13 digits) or OGRNIP (15 digits) with a right check digit.
pub fn ogrn(text: &str) -> bool {
    let len = text.len();
    (digits(text, 13) || digits(text, 15)) && text.ends_with(&ogrn_tail(&text[..len - 1]))
}

/// The check digit that completes an OGRN (12 digits given) or OGRNIP (14 given).
pub fn ogrn_tail(head: &str) -> String {
    let modulus = if head.len() == 12 { 11 } else { 13 };
    (remainder(head, modulus) % 10).to_string()
}

fn remainder(number: &str, modulus: u64) -> u64 {
    number.bytes().fold(0, |rest, b| (rest * 10 + u64::from(b - b'0')) % modulus)
}

/// True for a KPP: four digits, two digits or capital letters, three digits.
pub fn kpp(text: &str) -> bool {
    let reason = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    text.len() == 9
        && text.bytes().enumerate().all(|(at, b)| if at == 4 || at == 5 { reason(b) } else { b.is_ascii_digit() })
}

/// The registration number (RNM) with sequence number `seq`, for this INN and factory serial number.
pub fn rnm(seq: u64, inn: &str, serial: &str) -> String {
    let head = format!("{seq:010}");
    format!("{head}{:06}", crc16(format!("{head}{inn:0>12}{serial:0>20}").as_bytes()))
}

/// True when `text` is a registration number whose check part fits this INN and serial number.
pub fn rnm_fits(text: &str, inn: &str, serial: &str) -> bool {
    digits(text, 16) && text[..10].parse().is_ok_and(|seq| rnm(seq, inn, serial) == text)
}

/// CRC-16/CCITT-FALSE.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}

/// True for a UUID in hyphenated lower case, the only form the contracts use.
pub fn uuid(text: &str) -> bool {
    uuid::Uuid::parse_str(text).is_ok_and(|id| id.hyphenated().to_string() == text)
}

/// True for a civil date and time without a zone: `2026-11-23T13:12:00`.
pub fn local_time(text: &str) -> bool {
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    time::PrimitiveDateTime::parse(text, format).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_tax_numbers_pass_and_near_misses_fail() {
        for good in
            ["7707083893", "7736050003", "7719402047", "7700000070", "500100732259", "770000000300", "770000000220"]
        {
            assert!(inn(good), "{good}");
        }
        for bad in ["7707083894", "500100732250", "0000000000", "000000000000", "770708389", "77O7083893", ""] {
            assert!(!inn(bad), "{bad}");
        }
    }

    #[test]
    fn state_numbers_are_checked() {
        for good in
            ["1027700132195", "1027700070518", "5177746308394", "1027700000020", "304500116000157", "325420500122717"]
        {
            assert!(ogrn(good), "{good}");
        }
        for bad in ["1027700132196", "1131650000001", "304500116000158"] {
            assert!(!ogrn(bad), "{bad}");
        }
        assert!(kpp("773601001") && kpp("7701AB001") && !kpp("77360100") && !kpp("7701ab001"));
    }

    #[test]
    fn the_crc_and_the_published_registration_number_agree() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
        assert!(rnm_fits("0149060006035849", "504404744207", "0149060006000651"));
        assert_eq!(rnm(1, "7707083893", "00106100000001"), "0000000001055823");
        assert_eq!(rnm(187, "7707083893", "00106100000001"), "0000000187000061");
        assert_eq!(rnm(9_999_999, "7719402047", "1"), rnm(9_999_999, "7719402047", "0000000000000001"));
        assert!(!rnm_fits("0000000001055824", "7707083893", "00106100000001"));
        assert!(!rnm_fits("0000000001065536", "7707083893", "00106100000001"));
    }

    #[test]
    fn only_the_canonical_form_of_an_id_is_taken() {
        assert!(uuid("0198c5f0-0000-7000-8000-000000000001"));
        assert!(!uuid("0198C5F0-0000-7000-8000-00000000000A") && !uuid("0198c5f000007000800000000000000a"));
        assert!(
            local_time("2026-11-23T13:12:00")
                && !local_time("2026-11-23T13:12:00Z")
                && !local_time("2026-02-30T00:00:00")
        );
    }
}
