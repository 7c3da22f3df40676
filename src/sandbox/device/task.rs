//! Tasks of the driver: their form, which is strict, and their results.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::checks;

/// How a task stands, as the hub words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the hub's names")]
pub enum Status {
    Wait,
    InProgress,
    Ready,
    Error,
    Interrupted,
    Blocked,
    Canceled,
}

/// An error of the driver or the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverError {
    /// Its code.
    pub code: u32,
    /// Its text, Russian.
    pub description: String,
}

impl DriverError {
    /// The error with this code.
    pub fn new(code: u32) -> Self {
        let description = match code {
            0 => "Ошибок нет",
            1 => "Соединение не установлено",
            2 => "Нет связи",
            3 => "Порт занят",
            4 => "Порт недоступен",
            44 => "Нет бумаги",
            45 => "Открыта крышка",
            68 => "Смена превысила 24 часа",
            82 => "Документ открыт",
            83 => "Смена открыта",
            85 => "Превышено число перерегистраций",
            87 => "Неверный заводской номер",
            88 => "Недопустимый РНМ и/или ИНН",
            89 => "ККТ не зарегистрирована",
            95 => "Необходимо техобнуление",
            113 => "Данный ФН не может использоваться в этой ККТ",
            115 => "Ошибка обмена с ФН",
            116 => "Ошибка ФН",
            117 => "Неверное состояние ФН",
            118 => "Неисправимая ошибка ФН",
            120 => "Исчерпан срок действия ФН",
            121 => "Архив ФН переполнен",
            122 => "Неверные дата и/или время",
            130 => "Неверный номер ФН",
            133 => "Неверный параметр команды ФН",
            139 => "В ФН есть неотправленные документы",
            141 => "Смена ФН превысила 24 часа",
            166 => "ФН не найден",
            172 => "Кассир не зарегистрирован",
            173 => "Отчёт о регистрации прерван",
            174 => "Отчёт о закрытии ФН прерван",
            189 => "Нет лицензии",
            224 => "Архив ФН закрыт",
            225 => "Требуется регистрация или перерегистрация",
            241 => "Соединение потеряно",
            410 => "Неверное состояние ККТ",
            411 => "Ошибка обмена с ОФД или ИСМ",
            413 => "Недопустимо в этой версии ФФД",
            502 => "Выполнение прервано из-за ошибки в предыдущем задании",
            503 => "Задание отменено",
            _ => "Ошибка драйвера",
        };
        Self { code, description: description.to_owned() }
    }

    /// True for the codes after which the hub does not know whether the document was made.
    pub fn breaks_link(&self) -> bool {
        matches!(self.code, 1..=4 | 115 | 116 | 159 | 166 | 177 | 241)
    }
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it stands.
    pub status: Status,
    /// The error; code 0 for none.
    pub error: DriverError,
    /// The result.
    pub result: Option<Value>,
}

impl Outcome {
    /// A task that went well.
    pub fn ready(result: Value) -> Self {
        Self { status: Status::Ready, error: DriverError::new(0), result: Some(result) }
    }

    /// A task that ended otherwise.
    pub fn ended(status: Status, error: DriverError) -> Self {
        Self { status, error, result: None }
    }

    /// A task that has no result yet.
    pub fn pending(status: Status) -> Self {
        Self::ended(status, DriverError::new(0))
    }
}

/// The operation name of a task type, for rules and ledger; `None` for a type that the emulator does not know.
pub fn operation(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "registration" => "device.registration",
        "getDeviceInfo" => "device.getDeviceInfo",
        "getDeviceStatus" => "device.getDeviceStatus",
        "getShiftStatus" => "device.getShiftStatus",
        "getFnInfo" => "device.getFnInfo",
        "getFnStatus" => "device.getFnStatus",
        "getRegistrationInfo" => "device.getRegistrationInfo",
        "getFnDocument" => "device.getFnDocument",
        "printFnDocument" => "device.printFnDocument",
        _ => return None,
    })
}

/// The registration task. Unknown and missing fields are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Registration {
    #[serde(rename = "type")]
    _type: String,
    #[serde(rename = "electronically")]
    _electronically: bool,
    operator: Option<Operator>,
    organization: Organization,
    device: Device,
    ofd: Option<Ofd>,
    ism: Option<Ism>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operator {
    name: String,
    vatin: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Organization {
    name: String,
    vatin: String,
    email: Option<String>,
    address: String,
    taxation_types: Vec<String>,
    agents: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "flags that are taken as they are; only their form is checked")]
struct Device {
    registration_number: String,
    fns_url: Option<String>,
    payments_address: String,
    ffd_version: String,
    ofd_channel: Option<String>,
    default_taxation_type: Option<String>,
    offline_mode: bool,
    encryption: bool,
    auto_mode: bool,
    machine_installation: bool,
    machine_number: Option<String>,
    bso: bool,
    internet: bool,
    service: bool,
    excise: bool,
    gambling: bool,
    lottery: bool,
    marking: Option<bool>,
    pawn_shop: Option<bool>,
    insurance: Option<bool>,
    catering: Option<bool>,
    wholesale: Option<bool>,
    vending: Option<bool>,
    additional_attribute: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ofd {
    name: String,
    vatin: String,
    host: String,
    port: u16,
    #[serde(rename = "dns")]
    _dns: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ism {
    host: String,
    port: u16,
}

const TAXES: [&str; 5] = ["osn", "usnIncome", "usnIncomeOutcome", "esn", "patent"];
const AGENTS: [&str; 7] = [
    "bankPayingAgent",
    "bankPayingSubagent",
    "payingAgent",
    "payingSubagent",
    "attorney",
    "commissionAgent",
    "another",
];
const CHANNELS: [&str; 6] = ["usb", "ethernet", "wifi", "gsm", "proto", "tcpipOsStack"];

impl Registration {
    /// Reads a task.
    ///
    /// # Errors
    /// Names the field that is missing, unknown or of the wrong type.
    pub fn read(task: &Value) -> Result<Self, String> {
        Self::deserialize(task).map_err(|e| e.to_string())
    }

    /// INN of the user.
    pub fn inn(&self) -> &str {
        &self.organization.vatin
    }

    /// RNM.
    pub fn rnm(&self) -> &str {
        &self.device.registration_number
    }

    /// True when all values are ones that an FN takes.
    pub fn fits(&self) -> bool {
        self.organization.fits() && self.device.fits(&self.organization) && self.parties_fit()
    }

    fn parties_fit(&self) -> bool {
        let operator = |o: &Operator| text(&o.name, 64) && o.vatin.as_deref().is_none_or(checks::inn);
        let ofd = |o: &Ofd| text(&o.name, 256) && checks::inn(&o.vatin) && text(&o.host, 256) && o.port > 0;
        self.operator.as_ref().is_none_or(operator)
            && self.ofd.as_ref().map_or(self.device.offline_mode, |o| ofd(o) && !self.device.offline_mode)
            && self.ism.as_ref().is_none_or(|ism| text(&ism.host, 256) && ism.port > 0)
    }
}

impl Organization {
    fn fits(&self) -> bool {
        let agents = self.agents.iter().flatten();
        text(&self.name, 256)
            && text(&self.address, 256)
            && self.email.as_deref().is_none_or(|e| e.contains('@'))
            && !self.taxation_types.is_empty()
            && self.taxation_types.iter().all(|t| TAXES.contains(&t.as_str()))
            && agents.into_iter().all(|a| AGENTS.contains(&a.as_str()))
    }
}

impl Device {
    fn fits(&self, organization: &Organization) -> bool {
        let number = self.machine_number.as_deref().unwrap_or_default();
        let default = self.default_taxation_type.as_ref();
        text(&self.payments_address, 256)
            && ["1.05", "1.1", "1.2"].contains(&self.ffd_version.as_str())
            && self.ofd_channel.as_deref().is_none_or(|c| CHANNELS.contains(&c))
            && default.is_none_or(|t| organization.taxation_types.contains(t))
            && (!self.auto_mode || !number.is_empty())
            && (self.marking != Some(true) || self.ffd_version == "1.2")
    }
}

fn text(value: &str, longest: usize) -> bool {
    !value.trim().is_empty() && value.chars().count() <= longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_tasks_are_understood() {
        for text in [
            include_str!("../../../tests/data/device_task_organization.json"),
            include_str!("../../../tests/data/device_task_entrepreneur.json"),
        ] {
            let task: Value = serde_json::from_str(text).unwrap();
            assert!(Registration::read(&task).unwrap().fits());
        }
    }
}
