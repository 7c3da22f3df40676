//! What to do about a refusal, for people at the partner: one Russian sentence each.

use super::model::{Block, WaitingFor};
use crate::gateways::device::DriverError;
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

/// Support has stopped a gateway with its switch; starting it goes on with everything that waits.
pub fn stopped(gateway: Gateway) -> Block {
    let whom = match gateway {
        Gateway::Taxpayers => "реестром налогоплательщиков",
        Gateway::Accounts => "сервисом учётных записей",
        Gateway::Fns => "ФНС",
        Gateway::Ofd => "ОФД",
        Gateway::Device => "кассами",
    };
    let advice =
        format!("Обмен с {whom} временно остановлен поддержкой LiteBox. Продолжим сами, делать ничего не нужно");
    block(GATEWAY_STOPPED, WaitingFor::Operator, &advice)
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
        R::OfdUnknown => ("OFD_UNKNOWN", "С этим ОФД нет договора: выберите другого оператора"),
        R::Other => ("OFD_REFUSED", "ОФД отказал: уточните причину у оператора и укажите другой код"),
        R::KktAlreadyConnected | R::NotReserved | R::ContentDiffers | R::Voided => {
            let advice = "Подключение к ОФД требует разбора: поддержка LiteBox уже видит эту заявку";
            return block("OFD_NEEDS_SUPPORT", WaitingFor::Operator, advice);
        }
    };
    block(name, WaitingFor::Partner, advice)
}

/// The driver refused while the FN is unburnt: mend it, and the worker goes on by itself.
pub fn driver(error: &DriverError) -> Block {
    let (reason, advice) = match error.code {
        44 => ("DEVICE_NO_PAPER", "В кассе нет бумаги: вставьте ленту, фискализация продолжится сама"),
        45 => ("DEVICE_COVER_OPEN", "Крышка кассы открыта: закройте её, фискализация продолжится сама"),
        68 | 83 | 141 => ("DEVICE_SHIFT_OPEN", "На кассе открыта смена: закройте её, фискализация продолжится сама"),
        82 => ("DEVICE_DOCUMENT_OPEN", "На кассе открыт документ: закройте или отмените его"),
        122 => ("DEVICE_CLOCK_WRONG", "На кассе неверные дата и время: исправьте их"),
        1..=4 | 241 | 505 => ("DEVICE_OFFLINE", "Касса не на связи: проверьте питание и подключение"),
        503 => return support("DEVICE_TASK_WITHDRAWN", "Задание фискализации снято с очереди кассы"),
        87 | 88 => return support("DEVICE_REFUSED_NUMBERS", "Касса не приняла регистрационный номер или ИНН"),
        113 | 117 | 118 | 120 | 121 | 166 | 224 => {
            let advice = "Фискальный накопитель непригоден для фискализации: нужен новый накопитель и новая заявка";
            return block("FN_UNUSABLE", WaitingFor::Partner, advice);
        }
        _ => return support("DEVICE_REFUSED", "Касса отказала в фискализации"),
    };
    block(reason, WaitingFor::Device, advice)
}

/// Nobody but an operator of this service can decide.
pub fn support(reason: &str, what: &str) -> Block {
    block(reason, WaitingFor::Operator, &format!("{what}. Поддержка LiteBox уже видит эту заявку"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what the shop can mend at the device goes on by itself.
    #[test]
    fn who_must_act_follows_from_the_drivers_code() {
        let who = |code| driver(&DriverError { code, text: String::new() }).waiting_for;
        for code in [2, 44, 45, 68, 82, 83, 122, 241, 505] {
            assert_eq!(who(code), WaitingFor::Device, "{code}");
        }
        for code in [113, 117, 118, 120, 121, 166, 224] {
            assert_eq!(who(code), WaitingFor::Partner, "{code}");
        }
        for code in [87, 88, 130, 173, 503] {
            assert_eq!(who(code), WaitingFor::Operator, "{code}");
        }
    }
}
