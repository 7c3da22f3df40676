//! Rules about the cash register and its fiscal drive.

use super::{Findings, Situation, requirement};
use crate::catalogue::{Driver, MarkingSupport, Standing};
use crate::failure::Requirement;
use crate::gateways::World;
use crate::kkt::device_task::ffd;
use crate::kkt::model::Ffd;

pub(super) fn model(at: &Situation<'_>, found: &mut Findings) {
    let (name, serial) = (at.field("equipment.sale.model"), at.field("equipment.sale.serial"));
    let model = at.model();
    found.block(
        at.spec.fiscalize_automatically && model.is_none_or(|model| model.driver == Driver::None),
        "MODEL_CANNOT_BE_DRIVEN",
        name,
        (
            "this model cannot be fiscalized automatically",
            "Эту модель нельзя фискализировать автоматически. Отключите автоматическую фискализацию и введите данные \
             отчёта вручную",
        ),
    );
    if at.spec.fiscalize_automatically && at.facts.register.device_id.is_none() {
        found.blocking.push(device_required(at.field("equipment.sale.device_id")));
    }
    found.warn(
        model.is_none(),
        "MODEL_UNKNOWN",
        name,
        (
            "the model is not in the catalogue",
            "Такой модели нет в справочнике. Сверьте название с реестром ККТ на сайте ФНС",
        ),
    );
    let Some(model) = model else { return };
    found.warn(
        !model.knows_serial(&at.facts.register.serial),
        "SERIAL_PATTERN",
        serial,
        (
            "the serial number does not look like one of this model",
            "Заводской номер не похож на номера этой модели. Сверьте его с корпусом кассы",
        ),
    );
    found.warn(
        !model.takes_ffd(ffd(at.spec.ffd)),
        "FFD_OF_MODEL",
        "ffd_version",
        (
            "the model is not known to take this FFD version",
            "По справочнику модель не поддерживает эту версию ФФД. Выберите другую версию",
        ),
    );
}

pub(super) fn drive(at: &Situation<'_>, found: &mut Findings) {
    let field = at.field("equipment.sale.fn_serial");
    let standing = at.drive().map(|drive| drive.standing);
    found.block(
        at.world == World::Live && standing == Some(Standing::Test),
        "TEST_FN",
        field,
        (
            "this is a test fiscal drive, which fiscalizes nothing",
            "Это тестовый фискальный накопитель (МГМ). Установите настоящий и укажите его номер",
        ),
    );
    found.block(
        at.world == World::Test && standing != Some(Standing::Test),
        "REAL_FN_IN_TEST",
        field,
        (
            "in test mode only test fiscal drives are taken",
            "В тестовом режиме укажите номер тестового накопителя (МГМ), он начинается с 99990789",
        ),
    );
    found.block(
        standing == Some(Standing::Removed),
        "FN_NOT_IN_REGISTRY",
        field,
        (
            "this model of fiscal drive has been removed from the registry",
            "Эта модель накопителя исключена из реестра ФНС. Установите накопитель из реестра",
        ),
    );
    found.warn(
        at.world == World::Live && standing.is_none(),
        "FN_PREFIX_UNKNOWN",
        field,
        (
            "the model of the fiscal drive cannot be told by its number",
            "По номеру не удалось определить модель накопителя. Сверьте номер с корпусом накопителя",
        ),
    );
    found.warn(
        at.spec.ffd == Ffd::V1_2 && at.drive().is_some_and(|drive| drive.ffd_1_2 == MarkingSupport::None),
        "FN_WITHOUT_FFD_1_2",
        field,
        (
            "this model of fiscal drive takes no part in FFD 1.2",
            "Этот накопитель не поддерживает ФФД 1.2. Выберите другую версию ФФД или установите ФН-1.2",
        ),
    );
}

/// Nobody told through which device the register is driven.
pub fn device_required(field: &str) -> Requirement {
    requirement(
        "DEVICE_REQUIRED",
        field,
        (
            "automatic fiscalization needs the device through which the register is driven",
            "Укажите устройство, через которое касса подключена, или отключите автоматическую фискализацию",
        ),
    )
}
