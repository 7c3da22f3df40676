//! Opens partners, and asks the harness for what a program cannot do itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use litebox_partner::sdk::{Options, Partner, Tls};
use serde_json::{Value, json};

use crate::json::at;
use crate::{Done, Runner};

impl Runner {
    /// Opens a partner with the options of the default one, as the variables are now, and others on top.
    pub fn open(&mut self, name: &str, changes: &Value) -> Done {
        let mut options = json!({
            "address": self.vars.get("address"), "token": self.vars.get("token"),
            "plaintext": true, "allow_token_in_plaintext": true,
        });
        for (key, value) in changes.as_object().into_iter().flatten() {
            options[key] = value.clone();
        }
        self.partners.insert(name.to_owned(), Partner::new(read(&options))?);
        Ok(())
    }

    pub fn opened(&mut self, step: &Value) -> Done {
        let came = self.open(step["open"].as_str().unwrap_or_default(), &step["options"]);
        let Some(word) = at(step, "expect.error.mentions").and_then(Value::as_str) else { return came };
        let plain = |text: &str| text.replace('_', "").to_lowercase();
        match came {
            Err(why) if plain(&why.to_string()).contains(&plain(word)) => Ok(()),
            came => Err(format!("opened with {came:?}, which does not mention {word}").into()),
        }
    }

    /// Posts to the harness, which listens on loopback.
    pub fn asked(&self, what: &Value) -> Done<Value> {
        let host = self.control.trim_start_matches("http://");
        let (host, path) = host.split_once('/').unwrap_or((host, ""));
        let body = what.to_string();
        let mut stream = TcpStream::connect(host)?;
        let head = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        write!(stream, "{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, reply) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        if head.split(' ').nth(1) != Some("200") {
            return Err(format!("control {body}: {reply}").into());
        }
        Ok(serde_json::from_str(reply)?)
    }
}

fn read(options: &Value) -> Options {
    let word = |name: &str| at(options, name).and_then(Value::as_str).map(str::to_owned);
    let file = |name: &str| word(name).map(PathBuf::from);
    let flag = |name: &str| options[name].as_bool().unwrap_or_default();
    Options {
        address: word("address").unwrap_or_default(),
        token: word("token"),
        token_file: file("token_file"),
        partner_id: word("partner_id"),
        tls: Tls {
            ca_file: file("tls.ca_file"),
            cert_file: file("tls.cert_file"),
            key_file: file("tls.key_file"),
            server_name: word("tls.server_name"),
        },
        plaintext: flag("plaintext"),
        allow_token_in_plaintext: flag("allow_token_in_plaintext"),
        timeout: milliseconds(&options["timeout_ms"]),
        watch_silence: milliseconds(&options["watch_silence_ms"]),
    }
}

/// A time, which may be written as text.
pub fn milliseconds(value: &Value) -> Option<Duration> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    Some(Duration::from_millis(number))
}
