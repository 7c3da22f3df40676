//! Rules about what a version of the formats (FFD), and the fiscal drive in it, can hold.

use super::{Findings, Order};
use crate::kkt::device_task::from_1_2;
use crate::kkt::model::Ffd;

/// Most characters of the numbers of automatic devices together, tag 1036 (unconfirmed).
const NUMBERS_MAX: usize = 20;

pub(super) fn formats(at: &Order<'_>, found: &mut Findings) {
    let modes = &at.spec.modes;
    found.block(
        modes.marking && at.spec.ffd != Ffd::V1_2,
        "MARKING_NEEDS_FFD_1_2",
        "ffd_version",
        ("marked goods need FFD 1.2", "Для маркированных товаров выберите ФФД 1.2"),
    );
    let unknown_before = from_1_2(modes).iter().any(|(field, set)| *set && *field != "marking");
    found.warn(
        unknown_before && at.spec.ffd != Ffd::V1_2,
        "MODES_NEED_FFD_1_2",
        "ffd_version",
        (
            "pawnshop, insurance, catering, wholesale and vending are written into the report from FFD 1.2 on only",
            "Ломбард, страхование, общепит, опт и вендинг попадут в отчёт только с ФФД 1.2. Выберите ФФД 1.2 или снимите \
             отметки",
        ),
    );
}

pub(super) fn automatic_device(at: &Order<'_>, found: &mut Findings) {
    let Some(device) = &at.spec.automatic_device else { return };
    found.block(
        device.numbers.is_empty(),
        "AUTOMATIC_DEVICE_NUMBER",
        "automatic_device.numbers",
        ("the automatic device needs a number", "Укажите номер автоматического устройства"),
    );
    found.warn(
        device.numbers.join(",").chars().count() > NUMBERS_MAX,
        "AUTOMATIC_NUMBERS_TOO_LONG",
        "automatic_device.numbers",
        (
            "a fiscal drive takes at most 20 characters of numbers of automatic devices, commas between them included",
            "Номера автоматических устройств вместе длиннее 20 знаков, накопитель может их не принять. Укажите меньше номеров",
        ),
    );
}
