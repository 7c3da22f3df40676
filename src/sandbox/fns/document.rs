//! The application KND 1110061 as FNS checks it: form first, then the registers.

use serde::{Deserialize, Serialize};

use super::xml::{self, Element};
use crate::sandbox::checks;
use crate::sandbox::ofd::PERMITTED;
use crate::sandbox::taxpayers::register::{self, Kind, Taxpayer};

/// What FNS takes from an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filing {
    /// Tax number of the user.
    pub inn: String,
    /// KKT model.
    pub model: String,
    /// Factory serial number.
    pub serial: String,
    /// FN serial number.
    pub fn_serial: String,
    /// Works without an operator.
    pub autonomous: bool,
    /// Code of the office of the place.
    pub office: String,
}

/// Why a document is refused: reason of the contract without prefix, and a text.
pub type Objection = (&'static str, String);

fn malformed(what: &str) -> Objection {
    ("MALFORMED_DOCUMENT", format!("Документ не соответствует формату: {what}"))
}

/// Known attributes by element. Other elements belong to the address, where only the form is checked.
const KNOWN: [(&str, &[&str]); 10] = [
    ("Файл", &["ВерсПрог", "ВерсФорм", "ИдФайл"]),
    ("Документ", &["КНД", "ДатаДок", "КодНО"]),
    ("НПЮЛ", &["НаимОрг", "ИННЮЛ", "КПП", "ОГРН"]),
    ("НПФЛ", &["ИННФЛ", "ОГРНИП"]),
    ("ФИО", &["Фамилия", "Имя", "Отчество"]),
    ("Подписант", &["ПрПодп", "Должность"]),
    ("СвПред", &["НаимДок"]),
    ("ЗаявРегККТ", &["ВидДок", "КодНОМУст"]),
    ("СведОФД", &["ИННЮЛ", "НаимОрг"]),
    ("СведАдрМУст", &["НаимМУст"]),
];

/// Modes that every application must answer with 1 or 2.
const MODES: [&str; 8] =
    ["ПрАвтоном", "ПрЛотерея", "ПрАзарт", "ПрБанкПлат", "ПрПлатАгент", "ПрАвтоматУстр", "ПрИнтернет", "ПрРазвозРазнос"];

/// Reads and checks a document.
///
/// # Errors
/// The first objection that FNS has.
pub fn check(file_id: &str, bytes: &[u8]) -> Result<Filing, Objection> {
    let file = xml::read(bytes).map_err(|why| malformed(&why))?;
    known(&file)?;
    let document =
        file.child("Документ").filter(|_| file.name == "Файл").ok_or_else(|| malformed("нет элемента Документ"))?;
    header(file_id, &file, document)?;
    let taxpayer = taxpayer(file_id, document)?;
    signer(document)?;
    let application = document.child("ЗаявРегККТ").ok_or_else(|| malformed("нет элемента ЗаявРегККТ"))?;
    let filing = register_data(application, taxpayer.inn)?;
    operator(application, filing.autonomous)?;
    place(application, &filing.office)?;
    Ok(filing)
}

fn known(element: &Element) -> Result<(), Objection> {
    let allowed = KNOWN.iter().find(|(name, _)| *name == element.name).map(|(_, known)| known);
    let odd = element.attributes.keys().find(|key| allowed.is_some_and(|known| !known.contains(&key.as_str())));
    if let Some(odd) = odd {
        return Err(malformed(&format!("неизвестный атрибут {odd} элемента {}", element.name)));
    }
    element.children.iter().try_for_each(known)
}

fn all(fields: &[(&str, bool)]) -> Result<(), Objection> {
    fields.iter().find(|(_, fine)| !fine).map_or(Ok(()), |(field, _)| Err(malformed(field)))
}

fn header(file_id: &str, file: &Element, document: &Element) -> Result<(), Objection> {
    all(&[
        ("ИдФайл", file.get("ИдФайл") == file_id),
        ("ВерсФорм", file.get("ВерсФорм").starts_with("5.")),
        ("ВерсПрог", !file.get("ВерсПрог").is_empty()),
        ("КНД", document.get("КНД") == "1110061"),
        ("ДатаДок", date(document.get("ДатаДок"))),
        ("КодНО", checks::digits(document.get("КодНО"), 4)),
    ])
}

fn date(text: &str) -> bool {
    let format = time::macros::format_description!("[day].[month].[year]");
    time::Date::parse(text, format).is_ok()
}

/// The taxpayer, compared with the state register: what is filed must come from there.
fn taxpayer(file_id: &str, document: &Element) -> Result<Taxpayer, Objection> {
    let who = document.child("СвНП").ok_or_else(|| malformed("СвНП"))?;
    let (inn, sender) = match (who.child("НПЮЛ"), who.child("НПФЛ")) {
        (Some(legal), None) => (legal.get("ИННЮЛ"), format!("{}{}", legal.get("ИННЮЛ"), legal.get("КПП"))),
        (None, Some(person)) => (person.get("ИННФЛ"), person.get("ИННФЛ").to_owned()),
        _ => return Err(malformed("СвНП")),
    };
    all(&[("ИНН", checks::inn(inn)), ("ИдФайл", file_id_fits(file_id, &sender))])?;
    let absent = || ("TAXPAYER_NOT_ACTIVE", "Налогоплательщик не состоит на учёте".to_owned());
    let found = register::find(inn).filter(|t| t.status != "LIQUIDATED").ok_or_else(absent)?;
    match &found.kind {
        Kind::Legal { full, short, .. } => legal(who.child("НПЮЛ"), &found, full, short)?,
        Kind::Individual(name) => person(who.child("НПФЛ"), &found, name)?,
    }
    Ok(found)
}

/// `KO_ZVLREGKKT_<office>_<office>_<INN and KPP>_<date>_<unique>`.
fn file_id_fits(file_id: &str, sender: &str) -> bool {
    let parts: Vec<&str> = file_id.splitn(7, '_').collect();
    matches!(parts[..], ["KO", "ZVLREGKKT", to, last, from, day, unique]
        if checks::digits(to, 4) && checks::digits(last, 4) && from == sender && checks::digits(day, 8) && !unique.is_empty())
}

fn legal(element: Option<&Element>, found: &Taxpayer, full: &str, short: &str) -> Result<(), Objection> {
    let element = element.ok_or_else(|| malformed("НПЮЛ"))?;
    all(&[
        ("КПП", checks::kpp(element.get("КПП"))),
        ("ИННЮЛ", found.inn.len() == 10),
        ("ОГРН", element.get("ОГРН").is_empty() || checks::ogrn(element.get("ОГРН"))),
    ])?;
    let name = element.get("НаимОрг");
    let same = (name == full || name == short) && [found.ogrn.as_str(), ""].contains(&element.get("ОГРН"));
    if same { Ok(()) } else { Err(differs("ЕГРЮЛ")) }
}

fn person(element: Option<&Element>, found: &Taxpayer, name: &[String; 3]) -> Result<(), Objection> {
    let element = element.ok_or_else(|| malformed("НПФЛ"))?;
    let fio = element.child("ФИО").ok_or_else(|| malformed("ФИО"))?;
    let filed = ["Фамилия", "Имя", "Отчество"].map(|key| fio.get(key).to_lowercase());
    let same = filed == name.clone().map(|part| part.to_lowercase());
    if same && [found.ogrn.as_str(), ""].contains(&element.get("ОГРНИП")) {
        Ok(())
    } else {
        Err(differs("ЕГРИП"))
    }
}

fn differs(what: &str) -> Objection {
    ("OTHER", format!("Сведения о пользователе не соответствуют {what}"))
}

fn signer(document: &Element) -> Result<(), Objection> {
    let signer = document.child("Подписант").ok_or_else(|| malformed("Подписант"))?;
    let named = signer.child("ФИО").is_some_and(|f| !f.get("Фамилия").is_empty() && !f.get("Имя").is_empty());
    let authority = signer.child("СвПред").map(|s| s.get("НаимДок"));
    all(&[
        ("Подписант/ФИО", named),
        (
            "ПрПодп",
            match signer.get("ПрПодп") {
                "1" => authority.is_none(),
                "2" => authority.is_some_and(|document| !document.is_empty()),
                _ => false,
            },
        ),
    ])
}

fn register_data(application: &Element, inn: String) -> Result<Filing, Objection> {
    let kkt = application.child("СведРегККТ").ok_or_else(|| malformed("СведРегККТ"))?;
    let flags = kkt.attributes.iter().filter(|(key, _)| key.starts_with("Пр"));
    let odd = flags.clone().find(|(_, value)| !["1", "2"].contains(&value.as_str()));
    if let Some(missing) = MODES.iter().find(|mode| kkt.get(mode).is_empty()) {
        return Err(malformed(missing));
    }
    all(&[
        ("признаки режимов", odd.is_none()),
        ("ВидДок", application.get("ВидДок") == "1"),
        ("КодНОМУст", checks::digits(application.get("КодНОМУст"), 4)),
        ("МоделККТ", !kkt.get("МоделККТ").trim().is_empty()),
        ("ЗаводНомерККТ", (1..=20).contains(&kkt.get("ЗаводНомерККТ").chars().count())),
        ("МоделФН", !kkt.get("МоделФН").trim().is_empty()),
        ("ЗаводНомерФН", checks::digits(kkt.get("ЗаводНомерФН"), 16)),
    ])?;
    let own = |key: &str| kkt.get(key).to_owned();
    Ok(Filing {
        inn,
        model: own("МоделККТ"),
        serial: own("ЗаводНомерККТ"),
        fn_serial: own("ЗаводНомерФН"),
        autonomous: kkt.get("ПрАвтоном") == "1",
        office: application.get("КодНОМУст").to_owned(),
    })
}

fn operator(application: &Element, autonomous: bool) -> Result<(), Objection> {
    let ofd = application.at(&["СведРегККТ", "СведОФД"]);
    match ofd {
        None if autonomous => Ok(()),
        Some(ofd) if !autonomous && checks::inn(ofd.get("ИННЮЛ")) && !ofd.get("НаимОрг").is_empty() => {
            let permitted = PERMITTED.contains(&ofd.get("ИННЮЛ"));
            let refused =
                || ("OFD_NOT_PERMITTED", "У оператора фискальных данных нет действующего разрешения".to_owned());
            if permitted { Ok(()) } else { Err(refused()) }
        }
        _ => Err(malformed("СведОФД")),
    }
}

fn place(application: &Element, office: &str) -> Result<(), Objection> {
    let place = application.at(&["СведРегККТ", "СведАдрМУст"]).filter(|place| !place.get("НаимМУст").is_empty());
    let address =
        place.and_then(|place| place.at(&["АдрМУстККТ", "АдрФИАС"])).ok_or_else(|| malformed("СведАдрМУст"))?;
    let id = address.get("ИдНом").to_lowercase();
    if !checks::uuid(&id) || id.starts_with("00000000-0000") {
        return Err(("ADDRESS_UNKNOWN", "Адрес не найден в ФИАС".to_owned()));
    }
    let region = address.child("Регион").map(|r| r.text.as_str()).unwrap_or_default();
    if !checks::digits(region, 2) {
        return Err(malformed("Регион"));
    }
    let fits = office.starts_with(region);
    if fits {
        Ok(())
    } else {
        Err(("TAX_OFFICE_WRONG", "Код налогового органа не соответствует адресу".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document of the server, with the taxpayer that the emulated register has under its number.
    fn filed(text: &str, change: impl Fn(String) -> String) -> Result<Filing, Objection> {
        let file_id = text.split("ИдФайл=\"").nth(1).unwrap().split('"').next().unwrap();
        check(file_id, &encoding_rs::WINDOWS_1251.encode(&change(registered(text))).0)
    }

    fn registered(text: &str) -> String {
        let tag = |name: &str| text.split(&format!("<{name} ")).nth(1).map(|rest| &rest[..rest.find('>').unwrap()]);
        let value = |tag: &str, key: &str| {
            tag.split(&format!("{key}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        let swap = |text: String, tag: &str, key: &str, to: &str| {
            let to = to.replace('"', "&quot;");
            text.replace(&format!("{key}=\"{}\"", value(tag, key)), &format!("{key}=\"{to}\""))
        };
        if let Some(legal) = tag("НПЮЛ") {
            let found = register::find(&value(legal, "ИННЮЛ")).unwrap();
            let Kind::Legal { full, .. } = &found.kind else { panic!("no organization") };
            return swap(swap(text.to_owned(), legal, "НаимОрг", full), legal, "ОГРН", &found.ogrn);
        }
        let (person, fio) = (tag("НПФЛ").unwrap(), tag("ФИО").unwrap());
        let found = register::find(&value(person, "ИННФЛ")).unwrap();
        let Kind::Individual([last, first, middle]) = &found.kind else { panic!("no entrepreneur") };
        let text = swap(swap(text.to_owned(), person, "ОГРНИП", &found.ogrn), fio, "Фамилия", last);
        let text = swap(text, fio, "Имя", first);
        if fio.contains("Отчество") {
            swap(text, fio, "Отчество", middle)
        } else {
            text.replace(&format!("Имя=\"{first}\""), &format!("Имя=\"{first}\" Отчество=\"{middle}\""))
        }
    }

    const ORGANIZATION: &str = include_str!("../../../tests/data/application_organization.xml");
    const ENTREPRENEUR: &str = include_str!("../../../tests/data/application_entrepreneur.xml");

    #[test]
    fn the_servers_documents_are_accepted_and_understood() {
        let organization = filed(ORGANIZATION, |text| text).unwrap();
        assert!(!organization.autonomous && organization.inn.len() == 10);
        // That document has an address without an id, which FNS does not take.
        assert_eq!(filed(ENTREPRENEUR, |text| text).unwrap_err().0, "ADDRESS_UNKNOWN");
        let id = "<АдрФИАС ИдНом=\"93409d8c-d8d4-4491-838f-f9aa1678b5e6\" ";
        assert_eq!(filed(ENTREPRENEUR, |text| text.replace("<АдрФИАС ", id)).unwrap().inn.len(), 12);
    }

    #[test]
    fn names_that_are_not_the_registers_are_refused() {
        let strange = filed(ORGANIZATION, |text| text.replace("СБЕРБАНК", "РОМАШКА"));
        assert_eq!(strange.unwrap_err().0, "OTHER");
    }
}
