//! RNM, the registration number that FNS gives a KKT.

use super::digits::are_digits;
use super::text::text_value;
use super::{Inn, Invalid, KktSerial};

/// RNM: ten digits of a sequence and six of a check value over sequence, INN and serial number of the KKT.
///
/// An RNM that does not fit its INN and serial must never be written into a fiscal drive: it costs the drive.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Rnm(String);

text_value!(Rnm, shown);

/// Whether an RNM belongs to an INN and a serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RnmCheck {
    /// The check value fits.
    Fits,
    /// It belongs to another INN or another KKT.
    Differs,
    /// The serial number has letters, and how they enter the check value is not published.
    NotCheckable,
}

impl Rnm {
    /// Parses 16 digits whose last six are at most 065535; whether they fit is told by [`Rnm::check`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if !are_digits(text, 16) {
            return Err(Invalid::new(
                "RNM_FORMAT",
                "registration number must be 16 digits",
                "Укажите регистрационный номер ККТ: 16 цифр",
            ));
        }
        if check_value(text).is_none() {
            return Err(Invalid::new(
                "RNM_CHECK_DIGITS",
                "the last six digits of a registration number are at most 065535",
                "Проверьте регистрационный номер ККТ: такого номера быть не может, в нём ошибка",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Compares the check value with the one of this INN and serial.
    pub fn check(&self, inn: &Inn, serial: &KktSerial) -> RnmCheck {
        let sequence = self.0.get(..10).unwrap_or_default();
        match (computed(sequence, inn, serial), check_value(&self.0)) {
            (None, _) => RnmCheck::NotCheckable,
            (Some(due), Some(given)) if due == given => RnmCheck::Fits,
            _ => RnmCheck::Differs,
        }
    }

    /// Whether the check value is certain to fit; `false` also for a serial with letters, which cannot be checked.
    pub fn fits(&self, inn: &Inn, serial: &KktSerial) -> bool {
        self.check(inn, serial) == RnmCheck::Fits
    }

    /// The RNM of a sequence number (at most 9999999999); `None` when it is larger or the serial has letters.
    /// For tests and tools: only FNS gives registration numbers.
    pub fn compose(sequence: u64, inn: &Inn, serial: &KktSerial) -> Option<Self> {
        let sequence = format!("{sequence:010}");
        let check = computed(&sequence, inn, serial).filter(|_| sequence.len() == 10)?;
        Some(Self(format!("{sequence}{check:06}")))
    }
}

fn check_value(rnm: &str) -> Option<u16> {
    rnm.get(10..)?.parse().ok()
}

/// The check value over sequence (10), INN (12) and serial (20), each with zeros on the left.
fn computed(sequence: &str, inn: &Inn, serial: &KktSerial) -> Option<u16> {
    let message = || format!("{sequence}{:0>12}{:0>20}", inn.as_str(), serial.as_str());
    serial.is_numeric().then(|| crc16(message().as_bytes()))
}

/// CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF, nothing reflected, no final xor.
fn crc16(bytes: &[u8]) -> u16 {
    let shift = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    bytes.iter().fold(0xFFFF, |crc, byte| (0..8).fold(crc ^ (u16::from(*byte) << 8), shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sample_fits() {
        let (inn, serial) = (Inn::parse("504404744207").unwrap(), KktSerial::parse("0149060006000651").unwrap());
        assert!(Rnm::parse("0149060006035849").unwrap().fits(&inn, &serial));
    }

    #[test]
    fn the_crc_is_ccitt_false() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
    }
}
