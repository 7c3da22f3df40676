//! `findById/party`: what it takes, and a taxpayer as DaData words it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::register::{Kind, Taxpayer};

/// The body of `findById/party`. Unknown fields are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// INN.
    pub query: String,
    /// `MAIN` or `BRANCH`.
    branch_type: Option<String>,
    /// `LEGAL` or `INDIVIDUAL`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// KPP of the head office or a branch.
    kpp: Option<String>,
    /// Statuses to show.
    status: Option<Vec<String>>,
    /// At most so many, 10 when absent.
    count: Option<usize>,
}

impl Query {
    /// True when all values are ones that DaData knows.
    pub fn fits(&self) -> bool {
        let one_of = |value: &Option<String>, known: &[&str]| value.as_deref().is_none_or(|v| known.contains(&v));
        !self.query.is_empty()
            && one_of(&self.branch_type, &["MAIN", "BRANCH"])
            && one_of(&self.kind, &["LEGAL", "INDIVIDUAL"])
            && self.count.is_none_or(|n| (1..=300).contains(&n))
    }

    /// The suggestions for this query about this taxpayer; the head office comes among its branches.
    pub fn answer(&self, found: Option<&Taxpayer>) -> Value {
        let all = found.map(suggestions).unwrap_or_default();
        let shown: Vec<Value> =
            all.into_iter().filter(|s| self.shows(&s["data"])).take(self.count.unwrap_or(10)).collect();
        json!({ "suggestions": shown })
    }

    fn shows(&self, data: &Value) -> bool {
        let same = |wanted: &Option<String>, key: &str| wanted.as_deref().is_none_or(|w| data[key] == *w);
        let status = || data["state"]["status"].as_str().unwrap_or_default().to_owned();
        same(&self.kind, "type")
            && same(&self.kpp, "kpp")
            && (data["type"] == "INDIVIDUAL" || same(&self.branch_type, "branch_type"))
            && self.status.as_ref().is_none_or(|list| list.contains(&status()))
    }
}

fn suggestions(taxpayer: &Taxpayer) -> Vec<Value> {
    match &taxpayer.kind {
        Kind::Individual(name) => vec![individual(taxpayer, name)],
        Kind::Legal { kpp, branches, .. } => {
            let offices = branches.iter().map(|kpp| (kpp, "BRANCH"));
            // The head office is not first, as it need not be at DaData.
            let mut all: Vec<Value> = offices.map(|(kpp, kind)| office(taxpayer, kpp, kind)).collect();
            all.insert(all.len().min(1), office(taxpayer, kpp, "MAIN"));
            all
        }
    }
}

fn state(status: &str) -> Value {
    let gone = if status == "LIQUIDATED" { json!(1_735_689_600_000_i64) } else { Value::Null };
    json!({
        "status": status,
        "code": null,
        "actuality_date": 1_764_547_200_000_i64,
        "registration_date": 1_735_689_600_000_i64,
        "liquidation_date": gone,
    })
}

fn office(taxpayer: &Taxpayer, kpp: &str, branch_type: &str) -> Value {
    let Kind::Legal { full, short, head, branches, .. } = &taxpayer.kind else { return Value::Null };
    let bare = short.split_once(' ').map_or(short.as_str(), |(_, name)| name).trim_matches('"');
    let management =
        head.as_ref().map(|name| json!({ "name": name.join(" "), "post": "ДИРЕКТОР", "disqualified": null }));
    json!({
        "value": short,
        "unrestricted_value": short,
        "data": {
            "type": "LEGAL",
            "inn": taxpayer.inn,
            "kpp": kpp,
            "ogrn": taxpayer.ogrn,
            "ogrn_date": 1_735_689_600_000_i64,
            "hid": null,
            "name": { "full_with_opf": full, "short_with_opf": short, "latin": null, "full": bare, "short": bare },
            "opf": { "type": "2014", "code": null, "full": null, "short": null },
            "management": management,
            "branch_type": branch_type,
            "branch_count": branches.len(),
            "okved": "47.11",
            "okveds": null,
            "address": taxpayer.address.as_ref().map(super::address::Address::suggestion),
            "state": state(taxpayer.status),
        }
    })
}

fn individual(taxpayer: &Taxpayer, name: &[String; 3]) -> Value {
    let [surname, first, patronymic] = name;
    let whole = name.join(" ");
    json!({
        "value": format!("ИП {whole}"),
        "unrestricted_value": format!("ИП {whole}"),
        "data": {
            "type": "INDIVIDUAL",
            "inn": taxpayer.inn,
            "ogrn": taxpayer.ogrn,
            "ogrn_date": 1_735_689_600_000_i64,
            "hid": null,
            "fio": { "surname": surname, "name": first, "patronymic": patronymic, "gender": "MALE" },
            "name": {
                "full_with_opf": format!("Индивидуальный предприниматель {whole}"),
                "short_with_opf": format!("ИП {whole}"),
                "latin": null, "full": whole, "short": null,
            },
            "opf": { "type": "2014", "code": "50102", "full": "Индивидуальный предприниматель", "short": "ИП" },
            "okved": "47.11",
            "address": taxpayer.address.as_ref().map(super::address::Address::suggestion),
            "state": state(taxpayer.status),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::register::find;
    use super::*;

    fn ask(body: Value) -> Vec<Value> {
        let query: Query = serde_json::from_value(body).unwrap();
        assert!(query.fits());
        query.answer(find(&query.query).as_ref())["suggestions"].as_array().unwrap().clone()
    }

    #[test]
    fn the_head_office_comes_among_its_branches_unless_asked_for_alone() {
        let all = ask(json!({ "query": "7799000069" }));
        let kinds: Vec<_> = all.iter().map(|s| s["data"]["branch_type"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["BRANCH", "MAIN", "BRANCH"]);
        assert_eq!(ask(json!({ "query": "7799000069", "branch_type": "MAIN" })).len(), 1);
        assert_eq!(ask(json!({ "query": "7799000069", "kpp": "540143001" })).len(), 1);
    }

    #[test]
    fn an_entrepreneur_has_a_name_and_no_kpp() {
        let found = ask(json!({ "query": "500100732259", "branch_type": "MAIN" }));
        assert!(found[0]["data"]["fio"]["surname"].is_string() && found[0]["data"].get("kpp").is_none());
        assert!(ask(json!({ "query": "500100732259", "type": "LEGAL" })).is_empty());
    }

    #[test]
    fn unknown_and_missing_fields_are_refused() {
        assert!(serde_json::from_value::<Query>(json!({ "query": "1", "colour": 1 })).is_err());
        assert!(serde_json::from_value::<Query>(json!({ "count": 1 })).is_err());
        assert!(!serde_json::from_value::<Query>(json!({ "query": "1", "branch_type": "HQ" })).unwrap().fits());
    }
}
