//! Strings of digits and their check digits.

/// The digits of a text; `None` when it has anything else.
pub(super) fn digits(text: &str) -> Option<Vec<u32>> {
    text.chars().map(|c| c.to_digit(10).filter(|_| c.is_ascii_digit())).collect()
}

/// Whether the text is exactly `length` decimal digits.
pub(super) fn are_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the text is nothing but zeros: passes every check digit and names nobody.
pub(super) fn all_zeros(text: &str) -> bool {
    text.bytes().all(|b| b == b'0')
}

/// The check digit of INN: weighted sum modulo 11, then modulo 10 (a remainder of 10 becomes 0).
pub(super) fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11 % 10
}
