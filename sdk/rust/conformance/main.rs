//! Runs the cases that all client libraries share through the Rust library, never through raw stubs. Cases, steps and
//! expectations are described in `sdk/conformance/README.md`.
//!
//! `conformance cases.json CONTROL-URL`

mod calls;
mod expect;
mod follow;
mod json;
mod partners;

use std::collections::HashMap;
use std::error::Error;

use litebox_partner::sdk::Partner;
use serde_json::{Value, json};

use json::{Vars, at, check};

type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, control] = arguments.as_slice() else { return Err("usage: conformance CASES.json CONTROL-URL".into()) };
    let table: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for case in table["cases"].as_array().ok_or("no cases")? {
        let came = runtime.block_on(tried(case, control));
        // What fails in a case is a line of its result, not an error.
        let line = match came {
            Ok(()) => json!({"case": case["name"], "ok": true}),
            Err(why) => json!({"case": case["name"], "ok": false, "why": why.to_string()}),
        };
        println!("{line}");
    }
    Ok(())
}

/// One case in its own world.
async fn tried(case: &Value, control: &str) -> Done {
    let mut runner = Runner { control: control.to_owned(), vars: Vars::default(), partners: HashMap::new() };
    let world = runner.asked(&json!({"do": "world", "case": case["name"]}))?;
    runner.vars.take(&world);
    runner.open("default", &Value::Null)?;
    let steps = case["steps"].as_array().ok_or("no steps")?;
    runner.steps(steps).await
}

/// Runs the steps of one case.
struct Runner {
    control: String,
    vars: Vars,
    partners: HashMap<String, Partner>,
}

impl Runner {
    async fn steps(&mut self, steps: &[Value]) -> Done {
        for (i, raw) in steps.iter().enumerate() {
            let step = self.vars.filled(raw)?;
            let came = Box::pin(self.step(&step)).await;
            came.map_err(|why| format!("step {} {}: {why}", i + 1, title(raw)))?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Value) -> Done {
        match kind(step) {
            "call" => self.call(step).await,
            "pages" => self.pages(step).await,
            "wait" => self.wait(step).await,
            "watch" => self.watch(step).await,
            "open" => self.opened(step),
            "control" => self.controlled(step),
            _ => Err("unknown step".into()),
        }
    }

    fn controlled(&mut self, step: &Value) -> Done {
        let reply = self.asked(&step["control"])?;
        self.vars.save(step, &reply);
        check(&step["expect"], &reply, "control")
    }

    /// The partner that a step names in its options.
    fn partner(&self, step: &Value) -> Done<Partner> {
        let name = at(step, "options.partner").and_then(Value::as_str).unwrap_or("default");
        self.partners.get(name).cloned().ok_or_else(|| format!("there is no partner {name}").into())
    }
}

fn kind(step: &Value) -> &'static str {
    let kinds = ["call", "pages", "wait", "watch", "open", "control"];
    kinds.into_iter().find(|kind| !step[*kind].is_null()).unwrap_or("?")
}

fn title(step: &Value) -> String {
    format!("{} {}", kind(step), step[kind(step)])
}
