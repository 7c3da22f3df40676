//! DaData or its on-premises copy, as far as this service uses it. Questions only.

use std::time::Duration;

use reqwest::{Client, Url};
use secrecy::SecretString;

use super::{Case, Checked, Finding, Inputs, Trouble, Unchecked, broken, cases, expect, run};
use crate::gateways::config::DaDataConfig;
use crate::gateways::taxpayers::{DaData, RegisteredAddress, Taxpayer, TaxpayerKind, Taxpayers};
use crate::gateways::{Setback, World};
use crate::values::Inn;

const ANSWER: Duration = Duration::from_secs(10);

/// What the cases work with.
struct Bench<'a> {
    client: DaData,
    inputs: &'a Inputs,
}

/// Tries the protocol on the service at `url`.
pub(super) async fn check(url: &str, inputs: &Inputs) -> Result<Vec<Finding>, Unchecked> {
    let http = Client::builder().timeout(ANSWER).no_proxy().build().map_err(|e| Unchecked::Input(e.to_string()))?;
    let address = Url::parse(url).map_err(|e| Unchecked::Input(format!("{url}: {e}")))?;
    let api_key = SecretString::from(inputs.dadata_key.clone());
    let config = DaDataConfig { base_url: url.to_owned(), api_key, ..DaDataConfig::default() };
    let bench = Bench { client: DaData::new(&config, world(&http, address).await)?, inputs };
    Ok(run(&all(), &bench, false).await)
}

/// The world of a party that speaks a public protocol: only a sandbox says what it is.
pub(super) async fn world(http: &Client, address: Url) -> World {
    let answer = http.get(address).send().await;
    let sandbox = answer.is_ok_and(|a| a.headers().get("x-litebox-environment").is_some_and(|v| v == "sandbox"));
    if sandbox { World::Test } else { World::Live }
}

fn all<'a>() -> [Case<Bench<'a>>; 6] {
    cases! {
        Reads organization "organization" "findById/party tells names, OGRN, KPP and address of an organization's head office"
        Reads entrepreneur "entrepreneur" "findById/party tells the name of an entrepreneur"
        Reads unknown_inn "unknown INN" "an INN that the register does not have brings no suggestion"
        Reads address "address" "suggest/address finds a house once, with FIAS id, tax office and region"
        Reads address_by_id "address by id" "findById/address finds the same address by its FIAS id"
        Reads unknown_id "unknown FIAS id" "findById/address of an unknown id brings no suggestion"
    }
}

fn answered<T>(answer: Result<T, Setback>) -> Result<T, Trouble> {
    answer.map_err(|setback| broken(setback.to_string()))
}

impl Bench<'_> {
    async fn find(&self, inn: &str) -> Result<Option<Taxpayer>, Trouble> {
        let inn = Inn::parse(inn).map_err(|_| Trouble::Skipped(format!("{inn} is not a tax number")))?;
        answered(self.client.find(&inn).await)
    }

    async fn house(&self) -> Result<RegisteredAddress, Trouble> {
        let mut found = answered(self.client.addresses(&self.inputs.address).await)?;
        expect(found.len() == 1, || format!("{} addresses instead of one", found.len()))?;
        found.pop().ok_or_else(|| broken("no address"))
    }
}

async fn organization(bench: &Bench<'_>) -> Checked {
    let found = bench.find(&bench.inputs.inn).await?.ok_or_else(|| broken("not found"))?;
    expect(found.ogrn.is_some(), || "without an OGRN".into())?;
    expect(found.address.is_some(), || "without an address".into())?;
    match found.kind {
        TaxpayerKind::Organization { kpp: Some(_), .. } => Ok(()),
        TaxpayerKind::Organization { .. } => Err(broken("without a KPP")),
        TaxpayerKind::Entrepreneur { .. } => Err(broken("not an organization")),
    }
}

async fn entrepreneur(bench: &Bench<'_>) -> Checked {
    let found = bench.find(&bench.inputs.person_inn).await?.ok_or_else(|| broken("not found"))?;
    expect(matches!(found.kind, TaxpayerKind::Entrepreneur { .. }), || "not an entrepreneur".into())
}

async fn unknown_inn(bench: &Bench<'_>) -> Checked {
    expect(bench.find(&bench.inputs.unknown_inn).await?.is_none(), || "found".into())
}

async fn address(bench: &Bench<'_>) -> Checked {
    let found = bench.house().await?;
    expect(found.fias_id.is_some(), || "without a FIAS id".into())?;
    expect(found.tax_office.is_some(), || "without a tax office".into())?;
    expect(found.region_code.is_some(), || "without a region".into())
}

async fn address_by_id(bench: &Bench<'_>) -> Checked {
    let id = bench.house().await?.fias_id.ok_or_else(|| broken("without a FIAS id"))?;
    let found = answered(bench.client.address_by_id(&id).await)?.ok_or_else(|| broken("not found"))?;
    expect(found.fias_id.as_deref() == Some(&*id), || "another id".into())
}

async fn unknown_id(bench: &Bench<'_>) -> Checked {
    let found = answered(bench.client.address_by_id(&bench.inputs.unknown_fias_id).await)?;
    expect(found.is_none(), || "found".into())
}
