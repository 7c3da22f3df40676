//! What people at the partner read: one Russian sentence or two a failure, ending with what to do next.

use crate::failure::{Candidate, Failure, Limit, RegionalManager, Requirement, Violation};
use crate::gateways::Gateway;

/// No or bad credentials.
pub const CREDENTIALS: &str =
    "Доступ не подтверждён. Проверьте токен партнёра или запросите новый у оператора LiteBox.";
/// No partner, or one that the caller may not act for.
pub const PARTNER: &str = "С этим доступом нельзя действовать за указанного партнёра. Проверьте идентификатор партнёра или обратитесь к оператору LiteBox.";
/// The deadline has passed.
pub const DEADLINE: &str =
    "Ответ не успел прийти вовремя. Повторите вызов с тем же request_id: начатая работа продолжится.";
/// The server has as many calls as it takes at once.
pub const OVERLOADED: &str = "Сервис сейчас перегружен. Повторите вызов с тем же request_id через несколько секунд.";
/// A message that cannot be decoded.
pub const UNDECODABLE: &str =
    "Сообщение не удалось прочитать. Проверьте, что программа использует актуальный контракт.";

const THEME: &str =
    "В теме «МТС» регистрация клиентов недоступна. Зарегистрируйте клиента через кабинет партнёра LiteBox.";

/// A missing scope.
pub fn scope(scope: &str) -> String {
    format!("У токена нет права {scope}. Запросите у оператора LiteBox токен с этим правом.")
}

/// The sentence for `failure`.
pub fn of(failure: &Failure) -> String {
    match failure {
        Failure::Validation(list) => fields(list),
        Failure::ClientKnownElsewhere { manager } => known_elsewhere(manager),
        Failure::TaxpayerNotActive { status } => {
            format!("Налогоплательщик не действует (статус {status}). Зарегистрировать для него ничего нельзя.")
        }
        Failure::AddressNotResolved { candidates } => address(candidates),
        Failure::RequirementsNotMet(list) => format!("Вызов отклонён, ничего не изменилось. {}", rules(list)),
        Failure::OrderNotMet { blocking, warnings } => {
            let mut text = format!("Заявление не пройдёт проверку. Исправьте данные и повторите: {}", rules(blocking));
            if !warnings.is_empty() {
                text.push_str(" Заодно сверьте с кассой и укажите в acknowledged_warnings: ");
                text.push_str(&rules(warnings));
            }
            text
        }
        Failure::WarningsNotAcknowledged(list) => {
            format!("Сверьте данные с кассой и повторите, перечислив коды в acknowledged_warnings: {}", rules(list))
        }
        Failure::AutomaticUnsupported { model } => {
            let which = model.as_ref().map_or_else(|| "этой модели".to_owned(), |model| format!("«{model}»"));
            format!(
                "Касса {which} не поддерживает автоматическую фискализацию. Выполните её на кассе и передайте данные отчёта."
            )
        }
        Failure::WrongKktState { state } => {
            format!(
                "Регистрация сейчас в состоянии {state}, в нём это невозможно. Доступные действия — в next_actions."
            )
        }
        Failure::GatewayUnavailable { gateway, .. } => unavailable(*gateway),
        Failure::RateLimited { limit, retry_after } => limited(*limit, retry_after.as_secs().max(1)),
        fixed => without_data(fixed).to_owned(),
    }
}

fn without_data(failure: &Failure) -> &'static str {
    match failure {
        Failure::KeyReused => "Этот request_id уже использован с другими данными. Для нового действия создайте новый.",
        Failure::ClientAlreadyRegistered { .. } => {
            "Клиент с этим ИНН уже есть в вашем кабинете. Откройте его карточку."
        }
        Failure::LoginTaken => "Этот e-mail уже используется для входа. Укажите другой e-mail клиента.",
        Failure::RegistrationUnavailableInTheme => THEME,
        Failure::TaxpayerNotFound => {
            "ИНН не найден в государственном реестре. Проверьте номер; новые записи появляются через несколько дней."
        }
        Failure::KktAlreadyRegistered { .. } => {
            "Эта касса или этот ФН уже есть в вашей регистрации. Откройте её или сначала отмените."
        }
        Failure::SerialOrFnInUse => {
            "Заводской номер кассы или номер ФН занят другой регистрацией. Сверьте номера с устройством."
        }
        Failure::NoRentalDevice => {
            "Подходящей кассы для проката нет. Выберите другую модель или обратитесь в LiteBox за устройствами."
        }
        Failure::NotFound { .. } => "Запись не найдена. Проверьте идентификатор.",
        Failure::Conflict => "Данные одновременно изменил другой вызов. Повторите вызов с тем же request_id.",
        Failure::StorageUnavailable => "Сервис временно недоступен. Повторите вызов с тем же request_id чуть позже.",
        Failure::StorageBusy => "Сервис сейчас перегружен. Повторите вызов с тем же request_id чуть позже.",
        Failure::Recovering => "Сервис восстановлен из копии и проверяется. Повторите вызов с тем же request_id позже.",
        Failure::NotOffered { .. } => {
            "В этой версии сервиса такой возможности ещё нет. Воспользуйтесь другим способом."
        }
        Failure::DeadlinePassed => DEADLINE,
        _ => "Внутренняя ошибка сервиса. Повторите вызов; если не поможет, сообщите оператору номер запроса.",
    }
}

fn fields(list: &[Violation]) -> String {
    match list {
        [] => "Проверьте данные вызова.".to_owned(),
        [one] => format!("Исправьте поле {}. {}.", one.field, one.russian),
        [..] if list.len() <= 3 => {
            let each: Vec<_> = list.iter().map(|v| format!("{} — {}", v.field, v.russian)).collect();
            format!("Исправьте поля: {}.", each.join("; "))
        }
        _ => "Исправьте поля, перечисленные в BadRequest: у каждого сказано, что указать.".to_owned(),
    }
}

/// The first three; the rest stand in the details.
fn rules(list: &[Requirement]) -> String {
    let each: Vec<_> = list.iter().take(3).map(|r| format!("{} ({})", r.russian, r.code)).collect();
    let rest = list.len().saturating_sub(3);
    let more = if rest > 0 { format!("; и ещё {rest}") } else { String::new() };
    format!("{}{more}.", each.join("; "))
}

fn known_elsewhere(manager: &RegionalManager) -> String {
    let RegionalManager { name, phone, email } = manager;
    format!("Клиент с этим ИНН уже известен LiteBox. Обратитесь к региональному менеджеру: {name}, {phone}, {email}.")
}

fn address(candidates: &[Candidate]) -> String {
    let texts: Vec<_> = candidates.iter().map(|one| one.text.as_str()).collect();
    if texts.is_empty() {
        return "Адрес не найден в государственном адресном реестре. Уточните его или укажите fias_id.".to_owned();
    }
    let texts = texts.join("; ");
    format!("Адрес не определён до одного дома. Уточните его или укажите fias_id одного из похожих: {texts}.")
}

fn limited(limit: Limit, seconds: u64) -> String {
    let what = match limit {
        Limit::Calls => "Слишком много обращений подряд",
        Limit::UnderWay => "Слишком много вызовов одновременно",
        Limit::Lookups => "Исчерпан часовой лимит проверок ИНН",
        Limit::Streams => "Открыто слишком много потоков Watch. Закройте лишние",
    };
    format!("{what}. Повторите через {seconds} с.")
}

fn unavailable(gateway: Gateway) -> String {
    let whose = match gateway {
        Gateway::Taxpayers => "Государственный реестр",
        Gateway::Accounts => "Сервис учётных записей LiteBox",
        Gateway::Fns => "ФНС",
        Gateway::Ofd => "Оператор фискальных данных",
        Gateway::Device => "Касса",
    };
    format!("{whose} сейчас не отвечает. Повторите вызов с тем же request_id чуть позже.")
}
