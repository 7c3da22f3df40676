//! What the service asked a server, as the server's log has it: with `log_statement=all` and `log_line_prefix=%a|`.

use std::collections::HashMap;

/// Of the same text so many are kept: with other values a plan may be another one.
const OF_EACH: usize = 3;
/// What the service's connections call themselves. It prepares all that it asks: what comes as a plain text is of tests and of migrations.
const PREPARED: &str = "litebox-partner|LOG:  execute ";

/// A statement with the values of its parameters, as SQL writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub text: String,
    pub values: Vec<String>,
}

impl Asked {
    /// The same asked by this partner, where a partner asks.
    pub fn as_of(&self, partner: &str) -> Option<Self> {
        let mut values = self.values.clone();
        for named in ["partner_id = $", "partner_id\" = $"] {
            for (at, _) in self.text.match_indices(named) {
                let digits: String = self.text[at + named.len()..].chars().take_while(char::is_ascii_digit).collect();
                let value = digits.parse::<usize>().ok().and_then(|number| values.get_mut(number - 1));
                *value? = partner.to_owned();
            }
        }
        (values != self.values).then(|| Self { text: self.text.clone(), values })
    }
}

/// The different ones in a log.
pub fn read(log: &str) -> Vec<Asked> {
    let mut lines: Vec<String> = Vec::new();
    for line in log.lines() {
        match (line.strip_prefix('\t'), lines.last_mut()) {
            (Some(more), Some(last)) => *last = format!("{last}\n{more}"),
            _ => lines.push(line.to_owned()),
        }
    }
    let mut known: HashMap<&str, Vec<Asked>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((_, text)) = line.strip_prefix(PREPARED).and_then(|rest| rest.split_once(": ")) else { continue };
        let of_it = known.entry(text).or_default();
        if of_it.len() < OF_EACH {
            let asked =
                Asked { text: text.to_owned(), values: lines.get(at + 1).map_or_else(Vec::new, |next| values(next)) };
            if !of_it.contains(&asked) {
                of_it.push(asked);
            }
        }
    }
    known.into_values().flatten().collect()
}

/// The values in the line below a statement: `DETAIL:  parameters: $1 = 'a', $2 = NULL`. A quote in a value is doubled.
fn values(line: &str) -> Vec<String> {
    let Some((_, mut rest)) = line.split_once("DETAIL:  ").and_then(|(_, detail)| detail.split_once(": ")) else {
        return Vec::new();
    };
    let mut values = Vec::new();
    while let Some((_, from)) = rest.split_once(" = ") {
        let mut quoted = false;
        let end = from.find(|sign| {
            quoted ^= sign == '\'';
            sign == ',' && !quoted
        });
        let (value, after) = from.split_at(end.unwrap_or(from.len()));
        values.push(value.to_owned());
        rest = after;
    }
    values
}

/// The statement, however long its lists are and whatever numbers stand in it.
pub fn shape(text: &str) -> String {
    let mut shape = String::new();
    for sign in text.chars() {
        match sign {
            '0'..='9' if shape.ends_with('0') => (),
            '0'..='9' => shape.push('0'),
            _ => shape.push(sign),
        }
    }
    while shape.contains("$0, $0") {
        shape = shape.replace("$0, $0", "$0");
    }
    shape
}

#[test]
fn statements_of_the_service_are_read_with_their_values() {
    let log = "litebox-partner|LOG:  execute sqlx_s_1: SELECT $1,\n\t $2\n\
               litebox-partner|DETAIL:  parameters: $1 = 'it''s, $2 = a\n\tline', $2 = NULL\n\
               litebox-partner|LOG:  statement: BEGIN\n\
               psql|LOG:  execute a: SELECT 1\n\
               litebox-partner|LOG:  execute sqlx_s_2: SELECT $1,\n\t $2\n\
               litebox-partner|DETAIL:  Parameters: $1 = 'it''s, $2 = a\n\tline', $2 = NULL\n";
    let values = vec!["'it''s, $2 = a\nline'".to_owned(), "NULL".to_owned()];
    assert_eq!(read(log), [Asked { text: "SELECT $1,\n $2".to_owned(), values }]);
}

#[test]
fn a_partner_stands_for_another() {
    let text = "SELECT $1 FROM kkt WHERE partner_id = $2 AND \"partner_id\" = $2".to_owned();
    let asked = Asked { text: text.clone(), values: vec!["'1'".to_owned(), "'2'".to_owned()] };
    assert_eq!(asked.as_of("x"), Some(Asked { text, values: vec!["'1'".to_owned(), "x".to_owned()] }));
    assert_eq!(Asked { text: "SELECT 1".to_owned(), values: vec![] }.as_of("x"), None);
}

#[test]
fn lists_of_any_length_have_one_shape() {
    assert_eq!(shape("a IN ($1, $2, $3) LIMIT 25"), shape("a IN ($2, $3) LIMIT 8"));
}
