//! What support does with clients.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::CliError;
use super::act::{Who, Why};
use super::output::{Output, instant_or};
use crate::clients::desk::Listed;
use crate::clients::model::StateName;
use crate::partners::service::Partners;
use crate::storage::crossing::support::ClientFilter;
use crate::support::service::{ClientEnd, Support};
use crate::values::{ClientId, Inn};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List clients, the newest first, 200 at most. Names and contacts are not shown; erased ones have no tax number.
    List {
        /// Id or name of one partner; all without it.
        #[arg(long)]
        partner: Option<String>,
        /// ACCOUNT_PENDING, ACTIVE or ABANDONED.
        #[arg(long, value_parser = state)]
        state: Option<StateName>,
        /// Tax number.
        #[arg(long)]
        inn: Option<Inn>,
    },
    /// End a client that hangs in ACCOUNT_PENDING, after asking the account service.
    Resolve {
        /// Id of the client.
        client: ClientId,
        /// How it ends. `abandoned` voids the account and frees the tax number.
        #[arg(long)]
        outcome: Outcome,
        /// Id of the account in the LiteBox service.
        #[arg(long, required_if_eq("outcome", "active"))]
        account_id: Option<String>,
        /// Take my word: do not ask the account service. An account that is there all the same keeps the tax number.
        #[arg(long)]
        unasked: bool,
        #[command(flatten)]
        why: Why,
    },
    #[command(flatten)]
    Erasure(super::erasure::Command),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Outcome {
    /// The account is there.
    Active,
    /// It came to nothing.
    Abandoned,
}

fn state(text: &str) -> Result<StateName, &'static str> {
    let all = [StateName::AccountPending, StateName::Active, StateName::Abandoned];
    all.into_iter().find(|s| s.as_str() == text).ok_or("must be ACCOUNT_PENDING, ACTIVE or ABANDONED")
}

impl Command {
    pub(super) async fn run(
        self,
        support: &Support,
        partners: &Partners,
        who: &Who,
        output: &Output,
    ) -> Result<(), CliError> {
        match self {
            Self::List { partner, state, inn } => {
                let partner = super::operate::one_partner(partners, partner).await?;
                let filter = ClientFilter { partner, state: state.map(StateName::as_str), inn };
                let clients: Vec<Value> = support.list_clients(&filter).await?.iter().map(client_json).collect();
                output.many(&clients, ["ID", "PARTNER", "INN", "STATE", "CREATED", "CHANGED"], client_row)
            }
            Self::Resolve { client, outcome, account_id, unasked, why } => {
                let end = match (outcome, account_id) {
                    (Outcome::Active, Some(account_id)) => ClientEnd::Active { account_id },
                    _ => ClientEnd::Abandoned,
                };
                support.resolve_client(client, end, unasked, who.act(&why)?).await?;
                output.line("resolved")
            }
            // It needs no outer system and is run before these are connected.
            Self::Erasure(_) => Ok(()),
        }
    }
}

fn client_json(listed: &Listed) -> Value {
    let (scope, client) = match listed {
        Listed::There(scope, client) => (scope, client),
        Listed::Erased { id, partner, created_ms, erased_ms } => {
            return json!({ "id": id, "partner": partner, "state": "ERASED", "created_ms": created_ms, "updated_ms": erased_ms });
        }
    };
    json!({
        "id": client.id,
        "partner": scope.partner(),
        "inn": client.inn,
        "state": client.state.name().as_str(),
        "external_ref": client.external_ref,
        "created_ms": client.created_ms,
        "updated_ms": client.updated_ms,
    })
}

fn client_row(client: &Value) -> [String; 6] {
    let text = |key: &str| client[key].as_str().unwrap_or_default().to_owned();
    let at = |key: &str| instant_or(client[key].as_i64(), "");
    [text("id"), text("partner"), text("inn"), text("state"), at("created_ms"), at("updated_ms")]
}
