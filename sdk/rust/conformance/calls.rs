//! Single calls and pages.

use std::collections::HashSet;

use futures::TryStreamExt;
use litebox_partner::pb::{client, kkt};
use litebox_partner::sdk::{CallOptions, Error, Partner};
use serde_json::{Value, json};

use crate::json::{at, check, message, shown};
use crate::partners::milliseconds;
use crate::{Done, Runner};

const CLIENT: &str = "litebox.client.v1";
const KKT: &str = "litebox.kkt.v1";

/// A reply in JSON, as the contract's response message has it, or the error of the library.
type Reply = Done<Result<Value, Error>>;

/// Calls a method that takes a request message and answers a response message.
macro_rules! direct {
    ($of:expr, $method:ident, $package:expr, $name:literal, $request:expr) => {{
        let request = message(&format!("{}.{}Request", $package, $name), $request)?;
        match $of.$method(request).await {
            Ok(reply) => Ok(shown(&format!("{}.{}Response", $package, $name), &reply)?),
            Err(error) => Err(error),
        }
    }};
}

/// Calls a method that takes one field of the request and unwraps its response: it is wrapped again.
macro_rules! by {
    ($of:expr, $method:ident, $field:literal, $request:expr, $wrapped:literal, $name:expr) => {
        match $of.$method($request[$field].as_str().unwrap_or_default()).await {
            Ok(reply) => Ok(json!({ $wrapped: shown($name, &reply)? })),
            Err(error) => Err(error),
        }
    };
}

async fn called(partner: &Partner, method: &str, options: CallOptions, request: &Value) -> Reply {
    let (clients, kkts) = (partner.clients().with(options), partner.kkts().with(options));
    Ok(match method {
        "clients.lookup_taxpayer" => {
            by!(clients, lookup_taxpayer, "inn", request, "taxpayer", "litebox.client.v1.Taxpayer")
        }
        "clients.register" => direct!(clients, register, CLIENT, "Register", request),
        "clients.get" => by!(clients, get, "clientId", request, "client", "litebox.client.v1.Client"),
        "clients.list_page" => direct!(clients, list_page, CLIENT, "List", request),
        "kkts.quick_register" => direct!(kkts, quick_register, KKT, "QuickRegister", request),
        "kkts.fiscalize" => direct!(kkts, fiscalize, KKT, "Fiscalize", request),
        "kkts.amend" => direct!(kkts, amend, KKT, "Amend", request),
        "kkts.cancel" => direct!(kkts, cancel, KKT, "Cancel", request),
        "kkts.get" => by!(kkts, get, "kktId", request, "kkt", "litebox.kkt.v1.Kkt"),
        "kkts.list_page" => direct!(kkts, list_page, KKT, "List", request),
        other => return Err(format!("there is no method {other}").into()),
    })
}

impl Runner {
    pub async fn call(&mut self, step: &Value) -> Done {
        let timeout = at(step, "options.timeout_ms").and_then(milliseconds);
        let method = step["call"].as_str().unwrap_or_default();
        let came = called(&self.partner(step)?, method, CallOptions { timeout }, &step["request"]).await?;
        let wanted = at(step, "expect.error").cloned().unwrap_or_default();
        match came {
            Err(error) => self.failed(step, &wanted, &error),
            Ok(reply) if !wanted.is_null() => Err(format!("it succeeded with {reply}").into()),
            Ok(reply) => {
                self.vars.save(step, &reply);
                check(&step["expect"]["reply"], &reply, "reply")
            }
        }
    }

    pub async fn pages(&mut self, step: &Value) -> Done {
        let partner = self.partner(step)?;
        let items = match step["pages"].as_str() {
            Some("clients.list") => {
                let request: client::ListRequest = message("litebox.client.v1.ListRequest", &step["request"])?;
                let all: Result<Vec<_>, _> = partner.clients().list(request).try_collect().await;
                all.map(|all| all.iter().map(|one| shown("litebox.client.v1.Client", one)).collect::<Vec<_>>())
            }
            Some("kkts.list") => {
                let request: kkt::ListRequest = message("litebox.kkt.v1.ListRequest", &step["request"])?;
                let all: Result<Vec<_>, _> = partner.kkts().list(request).try_collect().await;
                all.map(|all| all.iter().map(|one| shown("litebox.kkt.v1.Kkt", one)).collect::<Vec<_>>())
            }
            _ => return Err("there are no such pages".into()),
        };
        match items {
            Err(error) => self.failed(step, &step["expect"]["error"], &error),
            Ok(items) => counted(step, &items.into_iter().collect::<Done<Vec<_>>>()?),
        }
    }
}

fn counted(step: &Value, items: &[Value]) -> Done {
    if step["expect"]["count"] != json!(items.len()) {
        return Err(format!("{} items, not {}", items.len(), step["expect"]["count"]).into());
    }
    let field = step["expect"]["unique"].as_str().unwrap_or("id");
    let different: HashSet<String> = items.iter().map(|item| item[field].to_string()).collect();
    if different.len() == items.len() { Ok(()) } else { Err(format!("two items have the same {field}").into()) }
}
