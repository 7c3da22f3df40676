//! The application for registration of a KKT, KND 1110061, as XML (`KO_ZVLREGKKT`).
//!
//! The tree follows what public programs emit; the official schema was not to be had, so it is PROVISIONAL until it has
//! been checked against it. What the known tree has no place for is not written: numbers of automatic devices, position
//! of the signer. All flags: 1 yes, 2 no. Names, INN and KPP come from the state register.

use time::Date;
use time::macros::format_description;

use super::model::{Capacity, Facts, Modes, OfdChoice, Place, Signer, Spec};
use super::xml::Element;
use super::zone;
use crate::catalogue::Catalogue;
use crate::gateways::taxpayers::{AddressPart, PersonName, RegisteredAddress, Taxpayer, TaxpayerKind};
use crate::values::{EffectId, Kpp};

/// What the format leaves open, from configuration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Format {
    /// Version of the format, `ВерсФорм`.
    pub version: String,
    /// Office that receives all applications, 4 digits, such as 9965; the office of the place when absent.
    pub receiver: Option<String>,
}

impl Default for Format {
    fn default() -> Self {
        Self { version: "5.06".to_owned(), receiver: None }
    }
}

/// An application, ready to be signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Application {
    /// File name without extension; the same in the document.
    pub file_id: String,
    /// XML in windows-1251.
    pub xml: Vec<u8>,
}

crate::values::discreet::discreet!(Application);

/// Something that a document needs is not known. Preflight asks for all of it, so this means that the catalogue has
/// been replaced since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// The tax office of the place.
    #[error("the tax office of the place is not known")]
    TaxOffice,
    /// The operator is not in the catalogue, or without a server for receipts.
    #[error("the operator, or its server, is not in the catalogue")]
    Ofd,
}

/// `ВерсПрог`. Without the release: a document must not change between two attempts to file it.
const PROGRAM: &str = "litebox-partner";
/// Written as the model of an FN that the catalogue does not know; a warning has been acknowledged then.
const UNKNOWN_FN: &str = "Фискальный накопитель";

/// Builds the application. The same arguments give the same bytes.
pub fn build(
    spec: &Spec,
    facts: &Facts,
    catalogue: &Catalogue,
    effect: EffectId,
    format: &Format,
) -> Result<Application, Incomplete> {
    let office = facts.tax_office(spec).ok_or(Incomplete::TaxOffice)?;
    let receiver = format.receiver.as_deref().unwrap_or(office);
    let date = zone::date_at(&facts.address, facts.accepted_ms);
    let file_id = file_id(receiver, &sender(&facts.taxpayer, kpp(spec, facts)), date, effect);
    let document = Element::new("Документ")
        .with("КНД", "1110061")
        .with("ДатаДок", day(date))
        .with("КодНО", receiver)
        .containing([taxpayer(&facts.taxpayer, kpp(spec, facts)), signer(&spec.signer, &facts.taxpayer)])
        .containing([registration(spec, facts, catalogue, office)?]);
    let root = Element::new("Файл")
        .with("ВерсПрог", PROGRAM)
        .with("ВерсФорм", format.version.as_str())
        .with("ИдФайл", file_id.as_str())
        .containing([document]);
    Ok(Application { file_id, xml: root.to_windows_1251() })
}

/// `KO_ZVLREGKKT_<receiver>_<final office>_<INN and KPP>_<date>_<unique>`.
fn file_id(receiver: &str, sender: &str, date: Date, effect: EffectId) -> String {
    let (year, month, day) = date.to_calendar_date();
    let month = u8::from(month);
    format!("KO_ZVLREGKKT_{receiver}_{receiver}_{sender}_{year:04}{month:02}{day:02}_{effect}")
}

fn sender(taxpayer: &Taxpayer, kpp: Option<&Kpp>) -> String {
    format!("{}{}", taxpayer.inn, kpp.map_or("", Kpp::as_str))
}

/// KPP of the branch, else of the head office; an entrepreneur has none.
fn kpp<'a>(spec: &'a Spec, facts: &'a Facts) -> Option<&'a Kpp> {
    kpp_of(spec, &facts.taxpayer)
}

/// The same before there is a register.
pub(super) fn kpp_of<'a>(spec: &'a Spec, taxpayer: &'a Taxpayer) -> Option<&'a Kpp> {
    match &taxpayer.kind {
        TaxpayerKind::Organization { kpp, .. } => spec.place.kpp.as_ref().or(kpp.as_ref()),
        TaxpayerKind::Entrepreneur { .. } => None,
    }
}

fn taxpayer(taxpayer: &Taxpayer, kpp: Option<&Kpp>) -> Element {
    let inn = taxpayer.inn.as_str();
    let ogrn = taxpayer.ogrn.as_ref().map(|ogrn| ogrn.as_str());
    let who = match &taxpayer.kind {
        TaxpayerKind::Organization { full_name, .. } => Element::new("НПЮЛ")
            .with("НаимОрг", full_name.as_str())
            .with("ИННЮЛ", inn)
            .maybe("КПП", kpp.map(Kpp::as_str))
            .maybe("ОГРН", ogrn),
        TaxpayerKind::Entrepreneur { name } => {
            Element::new("НПФЛ").with("ИННФЛ", inn).maybe("ОГРНИП", ogrn).containing([person(name)])
        }
    };
    Element::new("СвНП").containing([who])
}

fn signer(signer: &Signer, taxpayer: &Taxpayer) -> Element {
    match &signer.capacity {
        Capacity::Head => {
            let name = head(taxpayer).unwrap_or(&signer.name);
            Element::new("Подписант").with("ПрПодп", "1").containing([person(name)])
        }
        Capacity::Representative { document } => Element::new("Подписант")
            .with("ПрПодп", "2")
            .containing([person(&signer.name), Element::new("СвПред").with("НаимДок", document.as_str())]),
    }
}

/// The entrepreneur, or the head of the organization when the register tells.
pub fn head(taxpayer: &Taxpayer) -> Option<&PersonName> {
    match &taxpayer.kind {
        TaxpayerKind::Organization { head, .. } => head.as_ref(),
        TaxpayerKind::Entrepreneur { name } => Some(name),
    }
}

fn person(name: &PersonName) -> Element {
    Element::new("ФИО")
        .with("Фамилия", name.last.as_str())
        .with("Имя", name.first.as_str())
        .maybe("Отчество", name.middle.as_deref())
}

fn registration(spec: &Spec, facts: &Facts, catalogue: &Catalogue, office: &str) -> Result<Element, Incomplete> {
    let operator = spec.ofd.as_ref().map(|choice| operator(choice, catalogue)).transpose()?;
    let register = register(spec, facts, catalogue).containing(operator).containing([place(
        &spec.place,
        spec.modes,
        &facts.address,
    )]);
    Ok(Element::new("ЗаявРегККТ").with("ВидДок", "1").with("КодНОМУст", office).containing([register]))
}

fn register(spec: &Spec, facts: &Facts, catalogue: &Catalogue) -> Element {
    let register = &facts.register;
    let model = catalogue.model(&register.model).map_or(register.model.as_str(), |model| model.name.as_str());
    let drive = catalogue.fn_prefix(&register.fn_serial).map_or(UNKNOWN_FN, |drive| drive.registry_name.as_str());
    let element = Element::new("СведРегККТ")
        .with("МоделККТ", model)
        .with("ЗаводНомерККТ", register.serial.as_str())
        .with("МоделФН", drive)
        .with("ЗаводНомерФН", register.fn_serial.as_str());
    flags(spec).into_iter().fold(element, |element, (name, set)| element.with(name, if set { "1" } else { "2" }))
}

fn flags(spec: &Spec) -> [(&'static str, bool); 11] {
    let modes = &spec.modes;
    [
        ("ПрАвтоном", modes.autonomous),
        ("ПрЛотерея", modes.lottery),
        ("ПрАзарт", modes.gambling),
        ("ПрИгорЗавед", modes.casino),
        ("ПрБанкПлат", modes.bank_payment_agent),
        ("ПрПлатАгент", modes.payment_agent),
        ("ПрАвтоматУстр", spec.automatic_device.is_some()),
        ("ПрИнтернет", modes.internet),
        ("ПрРазвозРазнос", modes.delivery),
        ("ПрАкцизТовар", modes.excise),
        ("ПрРасчМарк", modes.marking),
    ]
}

fn operator(choice: &OfdChoice, catalogue: &Catalogue) -> Result<Element, Incomplete> {
    let ofd = catalogue.ofd(&choice.inn).ok_or(Incomplete::Ofd)?;
    Ok(Element::new("СведОФД").with("ИННЮЛ", ofd.inn.as_str()).with("НаимОрг", ofd.name.as_str()))
}

/// The place. Addresses of sites have no field of their own in the known tree and follow the name.
fn place(place: &Place, modes: Modes, address: &RegisteredAddress) -> Element {
    let sites = place.site_urls.iter().filter(|_| modes.internet).map(String::as_str);
    let name = std::iter::once(place.name.as_str()).chain(sites).collect::<Vec<_>>().join(", ");
    let address = Element::new("АдрМУстККТ").containing([fias(address)]);
    Element::new("СведАдрМУст").with("НаимМУст", name).containing([address])
}

/// The address in the division of FIAS. Codes of kinds (`ВидКод`): 1 is a municipal district or an urban settlement.
fn fias(address: &RegisteredAddress) -> Element {
    let (town, settlement) = match (&address.city, &address.settlement) {
        (town, Some(settlement)) => (town.as_ref(), Some(settlement)),
        (town, None) => (None, town.as_ref()),
    };
    let division = |name, part: &AddressPart| Element::new(name).with("ВидКод", "1").with("Наим", part.name.as_str());
    let named = |name, kind, part: &AddressPart| {
        Element::new(name).with(kind, part.kind.as_str()).with("Наим", part.name.as_str())
    };
    let numbered =
        |name, part: &AddressPart| Element::new(name).with("Тип", part.kind.as_str()).with("Номер", part.name.as_str());
    Element::new("АдрФИАС")
        .maybe("ИдНом", address.fias_id.as_deref())
        .maybe("Индекс", address.postal_code.as_deref())
        .containing(address.region_code.as_deref().map(|code| Element::new("Регион").text(code)))
        .containing(address.area.as_ref().map(|area| division("МуниципРайон", area)))
        .containing(town.map(|town| division("ГородСелПоселен", town)))
        .containing(settlement.map(|place| named("НаселенПункт", "Вид", place)))
        .containing(address.street.as_ref().map(|street| named("ЭлУлДорСети", "Тип", street)))
        .containing([&address.house, &address.block].into_iter().flatten().map(|house| numbered("Здание", house)))
        .containing(address.flat.as_ref().map(|flat| numbered("ПомещЗдания", flat)))
}

fn day(date: Date) -> String {
    date.format(format_description!("[day].[month].[year]")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
