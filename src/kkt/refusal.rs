//! What a refusal of FNS means to the partner: a name for programs and what to do. Pure.

use crate::gateways::fns::FnsRefusalReason as Reason;

/// Name of a reason, as in the contract: `KKT_SERIAL_UNKNOWN`.
pub const fn name(reason: Reason) -> &'static str {
    match reason {
        Reason::Other => "OTHER",
        Reason::Voided => "VOIDED",
        Reason::ContentDiffers => "CONTENT_DIFFERS",
        Reason::MalformedDocument => "MALFORMED_DOCUMENT",
        Reason::KktModelUnknown => "KKT_MODEL_UNKNOWN",
        Reason::KktSerialUnknown => "KKT_SERIAL_UNKNOWN",
        Reason::KktAlreadyRegistered => "KKT_ALREADY_REGISTERED",
        Reason::FnUnknown => "FN_UNKNOWN",
        Reason::FnInUse => "FN_IN_USE",
        Reason::FnExcluded => "FN_EXCLUDED",
        Reason::FnNotPermitted => "FN_NOT_PERMITTED",
        Reason::OfdNotPermitted => "OFD_NOT_PERMITTED",
        Reason::SignatureInvalid => "SIGNATURE_INVALID",
        Reason::TaxpayerNotActive => "TAXPAYER_NOT_ACTIVE",
        Reason::AddressUnknown => "ADDRESS_UNKNOWN",
        Reason::TaxOfficeWrong => "TAX_OFFICE_WRONG",
        Reason::ReportMismatch => "REPORT_MISMATCH",
        Reason::WrongState => "WRONG_STATE",
    }
}

/// What to do, Russian.
pub const fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::KktModelUnknown => "Проверьте модель кассы по реестру ФНС и подайте новую заявку.",
        Reason::KktSerialUnknown => "Проверьте заводской номер кассы и подайте новую заявку.",
        Reason::KktAlreadyRegistered => {
            "Касса числится за другим пользователем. Пусть он снимет её с учёта, затем подайте новую заявку."
        }
        Reason::FnUnknown => "Проверьте номер ФН по его корпусу и подайте новую заявку.",
        Reason::FnInUse => "ФН числится в другой кассе. Установите другой ФН и подайте новую заявку.",
        Reason::FnExcluded => "Модель ФН исключена из реестра. Установите другой ФН и подайте новую заявку.",
        Reason::FnNotPermitted => {
            "Этот ФН нельзя применять в выбранных режимах. Измените режимы или установите другой ФН."
        }
        Reason::OfdNotPermitted => "У оператора фискальных данных нет разрешения. Выберите другого оператора.",
        Reason::SignatureInvalid => "Проверьте сертификат подписанта: он должен действовать и быть выпущен на клиента.",
        Reason::TaxpayerNotActive => "Клиент не значится действующим в ФНС. Уточните его статус в налоговой инспекции.",
        Reason::AddressUnknown => "Уточните адрес установки кассы по адресному реестру и подайте новую заявку.",
        Reason::TaxOfficeWrong => "Уточните код налоговой инспекции по адресу установки и подайте новую заявку.",
        Reason::ReportMismatch => "Сверьте данные с отчётом о регистрации и передайте исправленные.",
        Reason::MalformedDocument | Reason::Voided | Reason::ContentDiffers | Reason::WrongState | Reason::Other => {
            "Прочитайте ответ ФНС; если причина неясна, обратитесь к оператору сервиса LiteBox."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_one_of_the_contract() {
        for reason in [Reason::Other, Reason::KktSerialUnknown, Reason::FnNotPermitted, Reason::ReportMismatch] {
            assert!(
                crate::gateways::pb::fns::RefusalReason::from_str_name(&format!("REFUSAL_REASON_{}", name(reason)))
                    .is_some()
            );
        }
    }
}
