//! TLS of the listener: who is let in, and how the program asks itself.

use std::path::Path;
use std::process::Command;

use litebox_partner::app::App;
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::config::variable;
use litebox_partner::pb::client::ListRequest;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::storage::Backend;
use tonic::Status;
use tonic::transport::Channel;

use super::pki::{Authority, Mount, channel, handshake};
use crate::support::app::{TestApp, settings, shown, until};

async fn list(app: &TestApp, channel: Channel) -> Result<(), Status> {
    let shown = shown(Some(&format!("Bearer {}", app.partner.token)));
    ClientServiceClient::with_interceptor(channel, shown).list(ListRequest::default()).await.map(|_| ())
}

#[tokio::test]
async fn calls_go_over_tls_and_only_over_tls() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mount = Mount::new(&authority.pair(), &authority.pem);
    let app = TestApp::start_with(Backend::Sqlite, |config| config.tls = mount.tls()).await;
    list(&app, channel(app.address(), authority.client(None))).await.unwrap();
    list(&app, channel(app.address(), stranger.client(None))).await.unwrap_err();
    list(&app, app.channel()).await.unwrap_err();
    let stream = handshake(app.address(), authority.client(None)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn certificates_of_clients_are_verified_when_offered_and_demanded_when_required() {
    let (authority, clients, stranger) = (Authority::new(), Authority::new(), Authority::new());
    let mount = Mount::new(&authority.pair(), &clients.pem);
    let (good, bad) = (clients.pair(), stranger.pair());
    for required in [false, true] {
        let app = TestApp::start_with(Backend::Sqlite, |config| {
            config.tls = mount.tls();
            config.tls.client_ca = mount.path("ca.pem");
            config.tls.client_required = required;
        })
        .await;
        let with = async |own| list(&app, channel(app.address(), authority.client(own))).await.is_ok();
        assert!(with(Some(&good)).await);
        assert!(!with(Some(&bad)).await, "an offered one is verified");
        assert_eq!(with(None).await, !required);
    }
}

#[tokio::test]
async fn a_broken_pair_stops_the_start_and_names_the_setting() {
    let authority = Authority::new();
    let app = TestApp::start(Backend::Sqlite).await;
    let pair = authority.pair();
    let torn = &pair.cert[..pair.cert.len() / 2];
    for (cert, key, named) in [
        (pair.cert.as_str(), authority.pair().key.as_str(), "tls.key: is not the key"),
        (torn, &pair.key, "tls.cert"),
        (&pair.cert, "", "tls.key"),
        ("", &pair.key, "tls.cert: has no certificate"),
    ] {
        let mount = Mount::new(&pair, "");
        mount.write("tls.crt", cert);
        mount.write("tls.key", key);
        let mut config = settings(&app.sandbox, &app.database);
        (config.tls, config.database.migrate) = (mount.tls(), false);
        let Err(error) = App::build(other(config, &mount), Clock::system(), Ids::system()).await else {
            panic!("{named}")
        };
        assert!(error.to_string().contains(named), "{named}: {error}");
        assert!(!error.to_string().contains("BEGIN"), "no content: {error}");
    }
}

/// SQLite takes one server: the other has a database of its own.
fn other(mut config: litebox_partner::config::Config, mount: &Mount) -> litebox_partner::config::Config {
    config.database.url = format!("sqlite:{}", mount.path("other.db").display()).into();
    config.database.migrate = true;
    config
}

fn healthcheck(address: &str, cert: &Path, options: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
    command.args(["healthcheck", "--address", address]).args(options).env_clear();
    if !cert.as_os_str().is_empty() {
        command.env(variable("tls.cert"), cert).env(variable("tls.key"), cert);
    }
    let output = command.output().unwrap();
    // Seen only when the test fails.
    println!("{options:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_healthcheck_asks_over_tls_and_verifies_what_it_is_told_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mount = Mount::new(&authority.pair(), &authority.pem);
    mount.write("stranger.pem", &stranger.pem);
    let probe = authority.pair();
    mount.write("probe.pem", &probe.cert);
    mount.write("probe.key", &probe.key);
    let path = |name: &str| mount.path(name).to_str().unwrap().to_owned();
    let (ca, foreign, cert, key) = (path("ca.pem"), path("stranger.pem"), path("probe.pem"), path("probe.key"));
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.tls = mount.tls();
        config.tls.client_ca = mount.path("ca.pem");
        config.tls.client_required = true;
    })
    .await;
    let address = app.address().to_string();
    let shows = ["--cert", &cert, "--key", &key];
    let named = [&shows[..], &["--server-name", super::pki::NAME]].concat();
    until("it is healthy", async || healthcheck(&address, &mount.path("tls.crt"), &shows)).await;
    assert!(healthcheck(&address, Path::new(""), &[&named[..], &["--ca", &ca]].concat()));
    assert!(!healthcheck(&address, Path::new(""), &[&named[..], &["--ca", &foreign]].concat()), "another authority");
    assert!(!healthcheck(&address, Path::new(""), &[&shows[..], &["--ca", &ca]].concat()), "another name");
    assert!(!healthcheck(&address, Path::new(""), &[]), "plain");
}
