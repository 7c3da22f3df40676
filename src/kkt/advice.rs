//! What to do about a refusal, for people at the partner: one Russian sentence each.

use super::model::{Block, WaitingFor};
use super::refusal;
use crate::failure::Requirement;
use crate::gateways::device::DriverError;
use crate::gateways::fns::FnsRefusal;
use crate::gateways::ofd::OfdRefusalReason;
use crate::gateways::{Gateway, Setback};

/// The reason of [`stopped`].
pub const GATEWAY_STOPPED: &str = "GATEWAY_STOPPED";

/// A block in words.
pub fn block(reason: &str, waiting_for: WaitingFor, advice: &str) -> Block {
    Block { reason: reason.to_owned(), advice: advice.to_owned(), waiting_for }
}

/// An outer system does not answer; the worker goes on asking by itself.
pub fn unavailable(setback: &Setback) -> Block {
    let (reason, waiting_for, advice) = match setback.gateway {
        Gateway::Taxpayers => ("TAXPAYERS_UNAVAILABLE", WaitingFor::Operator, "Реестр налогоплательщиков не отвечает"),
        Gateway::Accounts => ("ACCOUNTS_UNAVAILABLE", WaitingFor::Operator, "Сервис учётных записей не отвечает"),
        Gateway::Fns => ("FNS_UNAVAILABLE", WaitingFor::Fns, "ФНС не отвечает"),
        Gateway::Ofd => ("OFD_UNAVAILABLE", WaitingFor::Ofd, "ОФД не отвечает"),
        Gateway::Device => {
            ("DEVICE_HUB_UNAVAILABLE", WaitingFor::Device, "Касса не на связи: проверьте питание и сеть")
        }
    };
    block(reason, waiting_for, &format!("{advice}. Повторим автоматически, ничего делать не нужно"))
}

/// An outer system denies us or makes no sense, or has not answered for so long that somebody has to look into it.
pub fn needs_support(gateway: Gateway) -> Block {
    support("GATEWAY_NEEDS_SUPPORT", &format!("Обмен с {} не налажен", partner_of(gateway)))
}

/// A restored backup may have forgotten a Cancel: the drive is burnt only for those who ask for it after the restore.
pub fn restored_unconfirmed() -> Block {
    let advice = "Сервис восстановлен из копии. Если касса ещё не отменена, подтвердите фискализацию: вызовите Fiscalize \
                  с новым request_id. Иначе вызовите Cancel";
    block(RESTORED_UNCONFIRMED, WaitingFor::Partner, advice)
}

/// After a restore its receiver says that the command is void, and nobody here knows who did that.
pub fn restored_voided() -> Block {
    support("RESTORED_VOIDED", "Сервис восстановлен из копии, а этот шаг был отозван")
}

/// Support has stopped a gateway with its switch; starting it goes on with everything that waits.
pub fn stopped(gateway: Gateway) -> Block {
    let whom = partner_of(gateway);
    let advice =
        format!("Обмен с {whom} временно остановлен поддержкой LiteBox. Продолжим сами, делать ничего не нужно");
    block(GATEWAY_STOPPED, WaitingFor::Operator, &advice)
}

const fn partner_of(gateway: Gateway) -> &'static str {
    match gateway {
        Gateway::Taxpayers => "реестром налогоплательщиков",
        Gateway::Accounts => "сервисом учётных записей",
        Gateway::Fns => "ФНС",
        Gateway::Ofd => "ОФД",
        Gateway::Device => "кассами",
    }
}

/// An operator refused a code or a connection.
pub fn ofd(reason: OfdRefusalReason) -> Block {
    use OfdRefusalReason as R;
    let (name, advice) = match reason {
        R::CodeUnknown => ("OFD_CODE_UNKNOWN", "ОФД не знает такого кода активации: проверьте код"),
        R::CodeUsed => ("OFD_CODE_USED", "Код активации уже использован: укажите другой код"),
        R::CodeExpired => ("OFD_CODE_EXPIRED", "Срок активации кода истёк: укажите другой код"),
        R::CodeWithoutMarking => {
            ("OFD_CODE_WITHOUT_MARKING", "Код активации не рассчитан на маркированные товары: укажите другой код")
        }
        R::OfdUnknown => {
            ("OFD_UNKNOWN", "С этим ОФД нет договора: отмените регистрацию и подайте заявку с другим оператором")
        }
        R::Other => ("OFD_REFUSED", "ОФД отказал: уточните причину у оператора и укажите другой код"),
        R::KktAlreadyConnected | R::NotReserved | R::ContentDiffers | R::Voided => {
            let advice = "Подключение к ОФД требует разбора: поддержка LiteBox уже видит эту заявку";
            return block("OFD_NEEDS_SUPPORT", WaitingFor::Operator, advice);
        }
    };
    block(name, WaitingFor::Partner, advice)
}

/// The driver refused while the FN is unburnt: what can be mended at the device goes on by itself; a drive that is lost
/// needs another one and a new registration (codes of ATOL driver v10).
pub fn driver(error: &DriverError) -> Block {
    let (reason, advice) = match error.code {
        1..=4 | 241 | 505 => ("DEVICE_OFFLINE", "Касса не на связи: проверьте питание и подключение"),
        44 => ("DEVICE_NO_PAPER", "В кассе нет бумаги: вставьте ленту, фискализация продолжится сама"),
        45 => ("DEVICE_COVER_OPEN", "Крышка кассы открыта: закройте её, фискализация продолжится сама"),
        68 | 83 | 141 => ("DEVICE_SHIFT_OPEN", "На кассе открыта смена: закройте её, фискализация продолжится сама"),
        82 => ("DEVICE_DOCUMENT_OPEN", "На кассе открыт документ: закройте или отмените его, продолжим сами"),
        122 => ("DEVICE_CLOCK_WRONG", "На кассе неверные дата и время: исправьте их, фискализация продолжится сама"),
        115 | 166 | 177 => ("FN_NOT_ANSWERING", "Касса не видит накопитель: проверьте его установку, продолжим сами"),
        159 | 173 => ("DEVICE_REPORT_INTERRUPTED", "Отчёт прерван: проверьте питание кассы и бумагу, повторим сами"),
        410 => ("DEVICE_BUSY", "Касса занята другой операцией: завершите её, фискализация продолжится сама"),
        95 | 189 => ("DEVICE_NEEDS_SERVICE", "Кассе нужен сервисный центр: технологическое обнуление или лицензия"),
        413 => return block("DEVICE_FFD_UNSUPPORTED", WaitingFor::Partner, FFD_UNSUPPORTED),
        85 | 113 | 117 | 118 | 120 | 121 | 139 | 224 => return unusable(),
        503 => return block(TASK_WITHDRAWN, WaitingFor::Partner, WITHDRAWN),
        87 | 88 => return support("DEVICE_REFUSED_NUMBERS", "Касса не приняла регистрационный номер или ИНН"),
        _ => return support("DEVICE_REFUSED", "Касса отказала в фискализации"),
    };
    block(reason, WaitingFor::Device, advice)
}

/// Somebody took the task out of the hub's queue.
pub const TASK_WITHDRAWN: &str = "DEVICE_TASK_WITHDRAWN";
/// The burn was asked for before a backup was restored.
pub const RESTORED_UNCONFIRMED: &str = "RESTORED_UNCONFIRMED";
/// Another device answers.
pub const MISMATCH: &str = "DEVICE_MISMATCH";
/// FNS refused the report.
pub const REPORT_REFUSED: &str = "FNS_REFUSED_REPORT";
/// The drive cannot be burnt any more.
pub const UNUSABLE: &str = "FN_UNUSABLE";

const WITHDRAWN: &str = "Задание фискализации сняли с очереди кассы, ничего не записано. Вызовите Fiscalize ещё раз, \
                         передайте отчёт вручную или отмените регистрацию";
const FFD_UNSUPPORTED: &str = "Касса не поддерживает выбранную версию ФФД. Отмените регистрацию и подайте заявку с \
                               другой версией";

/// The drive is lost for this registration.
pub fn unusable() -> Block {
    let advice = "Фискальный накопитель непригоден для фискализации. Отмените регистрацию, установите новый накопитель и \
                  подайте новую заявку";
    block(UNUSABLE, WaitingFor::Partner, advice)
}

/// The drive was fiscalized by somebody else.
pub fn burnt_by_others() -> Block {
    let advice = "Накопитель в кассе уже фискализирован с другими данными. Отмените регистрацию, замените накопитель и \
                  подайте новую заявку";
    block("FN_BURNT_BY_OTHERS", WaitingFor::Partner, advice)
}

/// The drive holds our registration and does not give its report.
pub fn report_unreadable() -> Block {
    let advice = "Накопитель фискализирован, но отчёт не читается. Передайте данные отпечатанного отчёта вручную";
    block("REPORT_UNREADABLE", WaitingFor::Partner, advice)
}

/// The drive is in a phase before the one in which it can be burnt.
pub fn not_set_up() -> Block {
    let advice = "Фискальный накопитель не готов к фискализации: проверьте его состояние на кассе, продолжим сами";
    block("FN_WRONG_PHASE", WaitingFor::Device, advice)
}

/// Another KKT or another drive answers.
pub fn mismatch(what: &str) -> Block {
    let advice = format!(
        "Подключено другое устройство ({what}): подключите кассу и накопитель из заявки. Ничего не записано, \
         продолжим сами"
    );
    block(MISMATCH, WaitingFor::Partner, &advice)
}

/// FNS refused the report.
pub fn report_refused(refusal: &FnsRefusal) -> Block {
    block(REPORT_REFUSED, WaitingFor::Partner, refusal::advice(refusal.reason))
}

/// The state register has lost the taxpayer since the application.
pub fn taxpayer_gone() -> Block {
    let advice = "Клиент больше не найден в государственном реестре. Уточните его статус или отмените регистрацию";
    block("TAXPAYER_NOT_FOUND", WaitingFor::Partner, advice)
}

/// The state register has another name than the application.
pub fn taxpayer_changed() -> Block {
    let advice = "Наименование клиента в реестре изменилось после подачи заявления, а в накопитель его не исправить. \
                  Отмените регистрацию и подайте новую заявку";
    block("TAXPAYER_CHANGED", WaitingFor::Partner, advice)
}

/// Rules that were kept when the application was filed are broken now.
pub fn preflight(broken: &[Requirement]) -> Block {
    let reasons = broken.iter().map(|one| one.russian.as_str()).collect::<Vec<_>>().join(". ");
    block("PREFLIGHT_FAILED", WaitingFor::Partner, &format!("Перед фискализацией обнаружено: {reasons}"))
}

/// Nobody but an operator of this service can decide.
pub fn support(reason: &str, what: &str) -> Block {
    block(reason, WaitingFor::Operator, &format!("{what}. Поддержка LiteBox уже видит эту заявку"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code of the driver's table is told apart: mended at the device, lost, or somebody must decide.
    #[test]
    fn who_must_act_follows_from_the_drivers_code() {
        let who = |code| driver(&DriverError { code, text: String::new() });
        for code in [1, 2, 3, 4, 44, 45, 68, 82, 83, 95, 115, 122, 141, 166, 173, 189, 241, 410, 505] {
            assert_eq!(who(code).waiting_for, WaitingFor::Device, "{code}");
        }
        for code in [85, 113, 117, 118, 120, 121, 139, 224] {
            assert_eq!((who(code).reason.as_str(), who(code).waiting_for), (UNUSABLE, WaitingFor::Partner), "{code}");
        }
        for code in [413, 503] {
            assert_eq!(who(code).waiting_for, WaitingFor::Partner, "{code}");
        }
        for code in [87, 88, 89, 130, 133, 172, 174, 225, 411, 999] {
            assert_eq!(who(code).waiting_for, WaitingFor::Operator, "{code}");
        }
    }
}
