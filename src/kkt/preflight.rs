//! Checks before anything is filed. Pure.
//!
//! What is certain blocks; what rests on secondary sources warns, and the partner may take it upon itself. Everything
//! wrong is told at once. Check digits are no rule here: the types have checked them.

mod equipment;
mod formats;
mod term;

pub use equipment::device_required;
pub use term::drive_days;
#[cfg(test)]
mod tests;

use time::Date;

use super::application::head;
use super::model::{Agent, Capacity, Equipment, Facts, PlaceAddress, Spec, TaxSystem};
use crate::catalogue::{Catalogue, FnModel, KktModel};
use crate::failure::Requirement;
use crate::gateways::World;
use crate::gateways::taxpayers::{RegisteredAddress, Taxpayer, TaxpayerKind, TaxpayerStatus};

/// What the rules about the order look at: all but the register, which a rental does not name.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// What is asked for.
    pub spec: &'a Spec,
    /// The taxpayer, as the state register has it.
    pub taxpayer: &'a Taxpayer,
    /// The address, as the address register has it.
    pub address: &'a RegisteredAddress,
    /// Reference data.
    pub catalogue: &'a Catalogue,
    /// Today at the place.
    pub today: Date,
}

/// All that the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What is asked for.
    pub spec: &'a Spec,
    /// What the registers say.
    pub facts: &'a Facts,
    /// Reference data.
    pub catalogue: &'a Catalogue,
    /// Live or test: decides which fiscal drives are good.
    pub world: World,
    /// Today at the place.
    pub today: Date,
}

/// What the rules found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Nothing may be filed while there is one.
    pub blocking: Vec<Requirement>,
    /// To be acknowledged by their codes.
    pub warnings: Vec<Requirement>,
}

impl Findings {
    /// Warnings whose code is not among the acknowledged ones.
    pub fn unacknowledged(&self, acknowledged: &[String]) -> Vec<Requirement> {
        let open = |warning: &&Requirement| !acknowledged.iter().any(|code| code == warning.code);
        self.warnings.iter().filter(open).cloned().collect()
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.blocking.extend(other.blocking);
        self.warnings.extend(other.warnings);
        self
    }

    fn block(&mut self, when: bool, code: &'static str, subject: &str, words: (&str, &str)) {
        if when {
            self.blocking.push(requirement(code, subject, words));
        }
    }

    fn warn(&mut self, when: bool, code: &'static str, subject: &str, words: (&str, &str)) {
        if when {
            self.warnings.push(requirement(code, subject, words));
        }
    }
}

fn requirement(code: &'static str, subject: &str, (text, russian): (&str, &str)) -> Requirement {
    Requirement { code, subject: subject.to_owned(), text: text.to_owned(), russian: russian.to_owned() }
}

/// Applies every rule.
pub fn check(situation: &Situation<'_>) -> Findings {
    order_rules(&situation.order()).and(register_rules(situation))
}

/// Applies the rules about the order, whichever register it gets.
pub fn order_rules(order: &Order<'_>) -> Findings {
    let mut found = Findings::default();
    for rules in [taxpayer, signer, place, operator, taxes, formats::formats, formats::automatic_device, modes, agents]
    {
        rules(order, &mut found);
    }
    found
}

/// Applies the rules about the register and its fiscal drive under this order.
pub fn register_rules(situation: &Situation<'_>) -> Findings {
    let mut found = Findings::default();
    for rules in [equipment::model, equipment::drive, term::drive_term] {
        rules(situation, &mut found);
    }
    found
}

impl<'a> Situation<'a> {
    fn order(&self) -> Order<'a> {
        let Self { spec, facts, catalogue, today, .. } = *self;
        Order { spec, taxpayer: &facts.taxpayer, address: &facts.address, catalogue, today }
    }

    fn model(&self) -> Option<&'a KktModel> {
        self.catalogue.model(&self.facts.register.model)
    }

    fn drive(&self) -> Option<&'a FnModel> {
        self.catalogue.fn_prefix(&self.facts.register.fn_serial)
    }

    /// The field of the contract that tells this about the register.
    fn field(&self, sale: &'static str) -> &'static str {
        match self.spec.equipment {
            Equipment::Sale(_) => sale,
            Equipment::Rental { .. } => "equipment.rental.model",
        }
    }

    fn sells_goods(&self) -> bool {
        self.order().sells_goods()
    }

    fn general_regime(&self) -> bool {
        self.spec.tax_systems.contains(&TaxSystem::Osn)
    }
}

impl Order<'_> {
    const fn sells_goods(&self) -> bool {
        !self.spec.modes.services
    }
}

fn taxpayer(at: &Order<'_>, found: &mut Findings) {
    found.block(
        at.taxpayer.status != TaxpayerStatus::Active,
        "TAXPAYER_NOT_ACTIVE",
        "client_id",
        (
            "the state register does not have the taxpayer as active",
            "По данным реестра клиент не ведёт деятельность. Проверьте его статус в налоговой: кассу регистрирует лишь действующий",
        ),
    );
    let (organization, kpp_known) = match &at.taxpayer.kind {
        TaxpayerKind::Organization { kpp, .. } => (true, kpp.is_some() || at.spec.place.kpp.is_some()),
        TaxpayerKind::Entrepreneur { .. } => (false, at.spec.place.kpp.is_some()),
    };
    found.block(
        organization && !kpp_known,
        "KPP_REQUIRED",
        "place.kpp",
        ("the state register does not tell the KPP of the organization", "Укажите КПП организации или подразделения"),
    );
    found.block(
        !organization && kpp_known,
        "KPP_OF_ENTREPRENEUR",
        "place.kpp",
        ("an entrepreneur has no KPP", "Уберите КПП: у предпринимателя его не бывает"),
    );
    found.block(
        organization && at.spec.tax_systems.contains(&TaxSystem::Patent),
        "PATENT_OF_ORGANIZATION",
        "tax_systems",
        ("the patent is for entrepreneurs only", "Уберите патент: он доступен только предпринимателям"),
    );
}

fn signer(at: &Order<'_>, found: &mut Findings) {
    let signer = &at.spec.signer;
    let same = head(at.taxpayer).is_none_or(|head| {
        let key = |text: &str| text.trim().to_lowercase().replace('ё', "е");
        key(&head.last) == key(&signer.name.last) && key(&head.first) == key(&signer.name.first)
    });
    found.warn(
        signer.capacity == Capacity::Head && !same,
        "SIGNER_IS_NOT_HEAD",
        "signer.last_name",
        (
            "the state register names another head; its name is filed",
            "В реестре указан другой руководитель. Проверьте подписанта или укажите представителя с доверенностью",
        ),
    );
}

/// Longest text that a fiscal drive takes for address and place, tags 1009 and 1187.
const TEXT_MAX: usize = 256;

fn place(at: &Order<'_>, found: &mut Findings) {
    let place = &at.spec.place;
    let address = match place.address {
        PlaceAddress::Parts(_) => "place.address",
        PlaceAddress::Fias(_) => "place.fias_id",
    };
    found.block(
        at.spec.place.tax_office.is_none() && at.address.tax_office.is_none(),
        "TAX_OFFICE_REQUIRED",
        "place.tax_office",
        (
            "the address register does not tell the tax office of the place",
            "Укажите код налоговой инспекции по месту установки кассы: 4 цифры",
        ),
    );
    found.block(
        at.address.text.chars().count() > TEXT_MAX,
        "ADDRESS_TOO_LONG",
        address,
        (
            "the address has more than 256 characters, which a fiscal drive does not take",
            "Адрес длиннее 256 знаков и не поместится в фискальный накопитель. Выберите адрес короче",
        ),
    );
    found.block(
        !place.site_urls.is_empty() && !at.spec.modes.internet,
        "SITES_WITHOUT_INTERNET",
        "place.site_urls",
        (
            "sites are given, but payments on the Internet are not among the modes",
            "Уберите адреса сайтов или отметьте режим расчётов в интернете",
        ),
    );
    found.warn(
        place.site_urls.is_empty() && at.spec.modes.internet,
        "INTERNET_WITHOUT_SITES",
        "place.site_urls",
        (
            "for payments on the Internet the application names the sites",
            "Укажите адреса сайтов, на которых принимаются оплаты",
        ),
    );
}

fn operator(at: &Order<'_>, found: &mut Findings) {
    let autonomous = at.spec.modes.autonomous;
    found.block(
        at.spec.ofd.is_none() && !autonomous,
        "OFD_REQUIRED",
        "ofd",
        ("an operator is required unless the mode is autonomous", "Укажите ОФД и код активации"),
    );
    found.block(
        at.spec.ofd.is_some() && autonomous,
        "OFD_IN_AUTONOMOUS_MODE",
        "ofd",
        ("there is no operator in autonomous mode", "Уберите ОФД или снимите отметку автономного режима"),
    );
    let Some(choice) = &at.spec.ofd else { return };
    let ofd = at.catalogue.ofd(&choice.inn);
    found.block(
        ofd.is_none(),
        "OFD_UNKNOWN",
        "ofd.inn",
        ("there is no operator with this INN", "Проверьте ИНН ОФД: оператора с таким ИНН нет в справочнике"),
    );
    found.block(
        ofd.is_some_and(|ofd| !ofd.permitted(at.today)),
        "OFD_PERMIT_WITHDRAWN",
        "ofd.inn",
        ("the operator's permit has been withdrawn", "Разрешение этого ОФД отозвано. Выберите другого оператора"),
    );
    found.warn(
        at.spec.modes.marking && ofd.is_some_and(|ofd| ofd.marking.is_none()),
        "MARKING_SERVER_UNKNOWN",
        "ofd.inn",
        (
            "the operator's server for marking codes is not known",
            "Сервер проверки маркировки этого ОФД неизвестен. Задайте его в кассе после регистрации",
        ),
    );
}

fn taxes(at: &Order<'_>, found: &mut Findings) {
    let systems = &at.spec.tax_systems;
    found.block(
        systems.is_empty(),
        "TAX_SYSTEM_REQUIRED",
        "tax_systems",
        ("at least one tax system is required", "Укажите хотя бы одну систему налогообложения"),
    );
    found.block(
        !systems.is_empty() && !systems.contains(&at.spec.default_tax_system),
        "DEFAULT_TAX_SYSTEM",
        "default_tax_system",
        (
            "the default tax system is not among the tax systems",
            "Выберите систему налогообложения по умолчанию из указанных",
        ),
    );
    found.block(
        systems.contains(&TaxSystem::UsnIncome) && systems.contains(&TaxSystem::UsnIncomeOutcome),
        "TWO_USN_OBJECTS",
        "tax_systems",
        (
            "USN_INCOME and USN_INCOME_OUTCOME exclude each other",
            "Оставьте один объект УСН: «доходы» или «доходы минус расходы»",
        ),
    );
}

fn modes(at: &Order<'_>, found: &mut Findings) {
    let modes = &at.spec.modes;
    found.warn(
        modes.services && (modes.excise || modes.marking),
        "SERVICES_WITH_GOODS",
        "modes.services",
        (
            "excise and marked goods do not go with services only",
            "Режим «только услуги» не сочетается с подакцизными и маркированными товарами. Снимите одну из отметок",
        ),
    );
    found.warn(
        at.sells_goods() && (modes.gambling || modes.lottery),
        "GOODS_WITH_GAMBLING",
        "modes.services",
        ("gambling and lottery do not go with goods", "Для азартных игр и лотерей отметьте режим «только услуги»"),
    );
}

/// The application says whether the user is a payment agent; the fiscal drive says which. They should agree.
fn agents(at: &Order<'_>, found: &mut Findings) {
    let any = |kinds: [Agent; 2]| at.spec.agents.iter().any(|kind| kinds.contains(kind));
    let bank = any([Agent::BankPayingAgent, Agent::BankPayingSubagent]);
    let payment = any([Agent::PayingAgent, Agent::PayingSubagent]);
    found.warn(
        bank != at.spec.modes.bank_payment_agent || payment != at.spec.modes.payment_agent,
        "AGENTS_AND_MODES",
        "agents",
        (
            "the signs of an agent do not agree with the modes",
            "Признаки агента не совпадают с режимами платёжного агента. Отметьте одно и то же",
        ),
    );
}
