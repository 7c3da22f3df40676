//! What the settings point to, opened and read as the server would, and left as it is.

use std::path::Path;

use reqwest::Certificate;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::Config;
use crate::catalogue::Catalogue;
use crate::grpc::edge::config::TlsConfig;
use crate::grpc::edge::tls;
use crate::partners::jwt::config::IssuerConfig;
use crate::partners::jwt::keys::KeySet;

/// The setting, and what is wrong with what it points to.
type Found = (&'static str, String);
/// Reads what stands in a file as the server would.
type Check = fn(&[u8]) -> Result<(), String>;

/// Certificates and their keys, authorities, sets of keys, tokens, reference data. No database and no gateway is called.
pub(super) fn broken(config: &Config) -> Vec<Found> {
    let tls = if config.tls.unfit().is_empty() { tls::faults(&config.tls) } else { halves(&config.tls) };
    let issuers = config.jwt.issuers.iter().zip(1..).flat_map(|(issuer, n)| issuer_files(issuer, n));
    let catalogue = Catalogue::load(config.catalogue_dir()).err().map(|error| ("catalogue.dir", error.to_string()));
    tls.into_iter().chain(issuers).chain(catalogue).collect()
}

/// Files of TLS whose counterpart is not named yet: each by itself.
fn halves(tls: &TlsConfig) -> Vec<Found> {
    let checks: [(&'static str, &Path, Check); 3] = [
        ("tls.cert", &tls.cert, authorities),
        ("tls.key", &tls.key, |pem| PrivateKeyDer::from_pem_slice(pem).map(drop).map_err(|error| error.to_string())),
        ("tls.client_ca", &tls.client_ca, authorities),
    ];
    unreadable(checks).collect()
}

/// What is wrong with files that are named: the name, and path and error.
fn unreadable<'a, N: 'a>(checks: [(N, &'a Path, Check); 3]) -> impl Iterator<Item = (N, String)> + 'a {
    let named = checks.into_iter().filter(|(_, path, _)| !path.as_os_str().is_empty());
    named.filter_map(|(name, path, check)| {
        let read = std::fs::read(path).map_err(|error| error.to_string());
        let what = read.and_then(|bytes| check(&bytes)).err()?;
        Some((name, format!("{}: {what}", path.display())))
    })
}

fn issuer_files(issuer: &IssuerConfig, n: usize) -> Vec<Found> {
    let checks: [(&str, &Path, Check); 3] = [
        ("jwks_file", &issuer.jwks_file, |bytes| KeySet::read(bytes).map(drop).map_err(|error| error.to_string())),
        ("jwks_ca_file", &issuer.jwks_ca_file, authorities),
        ("jwks_token_file", &issuer.jwks_token_file, |bytes| {
            std::str::from_utf8(bytes).map(drop).map_err(|_| "is no text".to_owned())
        }),
    ];
    unreadable(checks).map(|(name, what)| ("jwt.issuers", format!("issuer {n}: {name}: {what}"))).collect()
}

fn authorities(pem: &[u8]) -> Result<(), String> {
    match Certificate::from_pem_bundle(pem) {
        Ok(found) if !found.is_empty() => Ok(()),
        _ => Err("holds no certificate".to_owned()),
    }
}
