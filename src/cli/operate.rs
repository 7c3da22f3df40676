//! Partners, tokens and devices.

use std::str::FromStr;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::CliError;
use super::act::{Who, Why};
use super::output::{Output, instant, instant_or};
use crate::clock::Clock;
use crate::partners::model::{Device, HubDevice, HubUrl, Label, Partner, Scopes, Theme, TokenRecord, Unfit};
use crate::partners::service::{NewDevice, NewToken, Partners};
use crate::partners::token::{KeyId, Token};
use crate::values::{DeviceId, PartnerId};

#[derive(Debug, Subcommand)]
pub(super) enum PartnerCommand {
    /// Add a partner; prints its id.
    Add {
        /// Name by which operators know it.
        #[arg(value_parser = Label::name)]
        name: Label,
        /// Brand it works under: LITEBOX or MTS. Clients cannot be registered under MTS.
        #[arg(long, default_value = "LITEBOX")]
        theme: Theme,
        #[command(flatten)]
        why: Why,
    },
    /// List all partners.
    List,
    /// Let a partner's tokens in again.
    Enable {
        /// Id or name.
        partner: String,
        #[command(flatten)]
        why: Why,
    },
    /// Refuse all of a partner's tokens, within seconds everywhere. Work that has begun goes on.
    Disable {
        /// Id or name.
        partner: String,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Issue a token; prints it, this once.
    Issue(IssueArgs),
    /// List tokens, without their secrets.
    List {
        /// Id or name of one partner; all without it.
        #[arg(long)]
        partner: Option<String>,
    },
    /// Issue a token in the place of another one, which ends after an overlap; prints the new one, this once.
    Rotate {
        /// The 12 characters after `lbp_live_` or `lbp_test_`.
        #[arg(value_parser = KeyId::parse)]
        key_id: KeyId,
        /// How long the old one still lets in: 7d, 12h, 30m; never longer than it would have.
        #[arg(long, value_name = "TIME")]
        overlap: Term,
        #[command(flatten)]
        why: Why,
    },
    /// Revoke a token for ever, within seconds everywhere.
    Revoke {
        /// The 12 characters after `lbp_live_` or `lbp_test_`.
        #[arg(value_parser = KeyId::parse)]
        key_id: KeyId,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(super) struct IssueArgs {
    /// Id or name of the partner.
    partner: String,
    /// What the token may do, with commas between, or `all`: TAXPAYERS_READ, CLIENTS_READ, CLIENTS_WRITE, KKT_READ,
    /// KKT_WRITE, KKT_FISCALIZE.
    #[arg(long, value_parser = scopes)]
    scopes: Scopes,
    /// How long it lets in: 90d, 12h, 30m. For ever without it.
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Term>,
    /// What it is for.
    #[arg(long, default_value = "", value_parser = Label::note)]
    note: Label,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// Put a device at a partner's disposal; prints the device id that the partner names in QuickRegister.
    Assign(AssignArgs),
    /// List devices.
    List {
        /// Id or name of one partner; all without it.
        #[arg(long)]
        partner: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AssignArgs {
    /// Id or name of the partner.
    partner: String,
    /// Where the hub answers: http://host:port.
    #[arg(long, value_parser = HubUrl::parse)]
    hub: HubUrl,
    /// `deviceID` at the hub.
    #[arg(long, default_value = "default", value_parser = HubDevice::parse)]
    hub_device: HubDevice,
    /// Device id, a UUID; drawn without it.
    #[arg(long)]
    id: Option<DeviceId>,
    /// Model, serial number, place.
    #[arg(long, default_value = "", value_parser = Label::note)]
    note: Label,
    #[command(flatten)]
    why: Why,
}

/// A term: a number of days, hours or minutes, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term(i64);

impl Term {
    /// Milliseconds.
    pub(super) const fn ms(self) -> i64 {
        self.0
    }
}

impl FromStr for Term {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "must be like 90d, 12h or 30m";
        let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(EXPECTED)?;
        let count: u32 = digits.parse().map_err(|_| EXPECTED)?;
        let minutes = match unit {
            "d" => 24 * 60,
            "h" => 60,
            "m" => 1,
            _ => return Err(EXPECTED),
        };
        Ok(Self(i64::from(count) * minutes * 60_000))
    }
}

fn scopes(text: &str) -> Result<Scopes, Unfit> {
    if text.eq_ignore_ascii_case("all") { Ok(Scopes::all()) } else { text.replace(',', " ").parse() }
}

impl PartnerCommand {
    pub(super) async fn run(self, partners: &Partners, who: &Who, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Add { name, theme, why } => {
                let partner = partners.acting(who.act(&why)?).add(name, theme).await?;
                let remark = format!("partner {} added under {}", partner.name, partner.theme.as_str());
                output.one(&partner, &partner.id.to_string(), &remark)
            }
            Self::List => {
                let all = partners.list().await?;
                output.many(&all, ["ID", "NAME", "THEME", "STATE", "CREATED"], partner_row)
            }
            Self::Enable { partner, why } => {
                set_enabled(&partners.acting(who.act(&why)?), output, &partner, true).await
            }
            Self::Disable { partner, why } => {
                set_enabled(&partners.acting(who.act(&why)?), output, &partner, false).await
            }
        }
    }
}

async fn set_enabled(partners: &Partners, output: &Output, partner: &str, enabled: bool) -> Result<(), CliError> {
    let found = partners.find(partner).await?;
    partners.set_enabled(found.id, enabled).await?;
    output.line(if enabled { "enabled" } else { "disabled" })
}

impl TokenCommand {
    pub(super) async fn run(self, partners: &Partners, who: &Who, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Issue(args) => args.run(partners, who, output).await,
            Self::List { partner } => {
                let tokens = partners.tokens(one_partner(partners, partner).await?).await?;
                let tokens: Vec<Value> = tokens.iter().map(token_json).collect();
                let columns = ["KEY ID", "PARTNER", "STATE", "SCOPES", "CREATED", "EXPIRES", "LAST USED", "NOTE"];
                output.many(&tokens, columns, token_row)
            }
            Self::Rotate { key_id, overlap, why } => {
                let (token, record) = partners.acting(who.act(&why)?).rotate(&key_id, overlap.0).await?;
                show_new(output, &token, &record, &format!("the partner of {key_id}"))
            }
            Self::Revoke { key_id, why } => {
                partners.acting(who.act(&why)?).revoke(&key_id).await?;
                output.line("revoked")
            }
        }
    }
}

impl IssueArgs {
    async fn run(self, partners: &Partners, who: &Who, output: &Output) -> Result<(), CliError> {
        let partner = partners.find(&self.partner).await?;
        let expires_ms = self.expires_in.map(|term| Clock::system().now_ms().saturating_add(term.0));
        let new = NewToken { scopes: self.scopes, note: self.note, expires_ms };
        let (token, record) = partners.acting(who.act(&self.why)?).issue(partner.id, new).await?;
        show_new(output, &token, &record, partner.name.as_str())
    }
}

/// Shows a token that was just issued.
fn show_new(output: &Output, token: &Token, record: &TokenRecord, whose: &str) -> Result<(), CliError> {
    let mut shown = token_json(record);
    let text = token.reveal();
    shown["token"] = json!(*text);
    let until = instant_or(record.expires_ms, "for ever");
    let remark = format!("key id {} of {whose}, good until: {until}. It is shown only now.", record.key_id);
    output.one(&shown, &text, &remark)
}

impl DeviceCommand {
    pub(super) async fn run(self, partners: &Partners, who: &Who, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Assign(args) => {
                let partner = partners.find(&args.partner).await?;
                let new = NewDevice { id: args.id, hub: args.hub, hub_device: args.hub_device, note: args.note };
                let device = partners.acting(who.act(&args.why)?).assign(partner.id, new).await?;
                let remark =
                    format!("device {} at {} serves {}", device.hub_device.as_str(), device.hub.as_str(), partner.name);
                output.one(&device, &device.id.to_string(), &remark)
            }
            Self::List { partner } => {
                let devices = partners.devices(one_partner(partners, partner).await?).await?;
                output.many(&devices, ["ID", "PARTNER", "HUB", "DEVICE", "CREATED", "NOTE"], device_row)
            }
        }
    }
}

pub(super) async fn one_partner(partners: &Partners, named: Option<String>) -> Result<Option<PartnerId>, CliError> {
    match named {
        Some(text) => Ok(Some(partners.find(&text).await?.id)),
        None => Ok(None),
    }
}

fn partner_row(partner: &Partner) -> [String; 5] {
    let state = if partner.enabled { "enabled" } else { "disabled" };
    let theme = partner.theme.as_str();
    [partner.id.to_string(), partner.name.to_string(), theme.into(), state.into(), instant(partner.created_ms)]
}

fn device_row(device: &Device) -> [String; 6] {
    [
        device.id.to_string(),
        device.partner.to_string(),
        device.hub.as_str().to_owned(),
        device.hub_device.as_str().to_owned(),
        instant(device.created_ms),
        device.note.to_string(),
    ]
}

/// What may be shown of a token.
fn token_json(token: &TokenRecord) -> Value {
    let state = match token.revoked_ms {
        Some(_) => "revoked",
        None if token.live_at(Clock::system().now_ms()) => "live",
        None => "expired",
    };
    json!({
        "key_id": token.key_id.as_str(),
        "partner": token.partner,
        "mode": token.mode,
        "state": state,
        "scopes": token.scopes,
        "created_ms": token.created_ms,
        "expires_ms": token.expires_ms,
        "revoked_ms": token.revoked_ms,
        "last_used_ms": token.last_used_ms,
        "note": token.note,
    })
}

fn token_row(token: &Value) -> [String; 8] {
    let text = |key: &str| token[key].as_str().unwrap_or_default().to_owned();
    let at = |key: &str, absent| instant_or(token[key].as_i64(), absent);
    let scopes = token["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    [
        text("key_id"),
        text("partner"),
        text("state"),
        scopes.collect::<Vec<_>>().join(","),
        at("created_ms", ""),
        at("expires_ms", "never"),
        at("last_used_ms", "never"),
        text("note"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_days_hours_or_minutes() {
        for (text, ms) in [
            ("90d", Some(90 * 86_400_000)),
            ("12h", Some(12 * 3_600_000)),
            ("1m", Some(60_000)),
            ("", None),
            ("d", None),
            ("-1d", None),
            ("90", None),
            ("1я", None),
            ("99999999999d", None),
        ] {
            assert_eq!(text.parse::<Term>().ok().map(|t| t.0), ms, "{text}");
        }
    }

    #[test]
    fn scopes_are_named_with_commas_or_all_at_once() {
        assert_eq!(scopes("all"), Ok(Scopes::all()));
        assert_eq!(scopes("KKT_READ, kkt_write").unwrap().to_string(), "KKT_READ KKT_WRITE");
        assert_eq!(scopes("KKT"), Err(Unfit::Scope));
    }
}
