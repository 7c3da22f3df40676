use std::fs::{read, write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use tonic::Code;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use super::scripted::Scripted;
use crate::sdk::{Options, Partner, Tls};

/// A certificate that is signed by itself, and its key.
struct Pair {
    cert: PathBuf,
    key: PathBuf,
}

fn pair(folder: &Path, name: &str) -> Pair {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let pair = Pair { cert: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) };
    write(&pair.cert, made.cert.pem()).unwrap();
    write(&pair.key, made.signing_key.serialize_pem()).unwrap();
    pair
}

/// Lets in who shows that certificate.
fn server(own: &Pair, peer: &Pair) -> Server {
    let identity = Identity::from_pem(read(&own.cert).unwrap(), read(&own.key).unwrap());
    let peers = Certificate::from_pem(read(&peer.cert).unwrap());
    Server::builder().tls_config(ServerTlsConfig::new().identity(identity).client_ca_root(peers)).unwrap()
}

async fn answer(port: u16, tls: Tls) -> Option<Code> {
    let options = Options { address: format!("127.0.0.1:{port}"), token: Some("t".into()), tls, ..Options::default() };
    let partner = Partner::new(Options { timeout: Some(Duration::from_secs(10)), ..options }).unwrap();
    partner.kkts().get("k").await.err().map(|error| error.code())
}

#[tokio::test]
async fn tls_believes_its_authority_looks_at_the_name_and_shows_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (there, own) = (pair(folder.path(), "partner.test"), pair(folder.path(), "shop.test"));
    let port = Scripted::default().serve(server(&there, &own)).await.port();
    let (ca_file, server_name) = (Some(there.cert), Some("partner.test".to_owned()));
    let good = Tls { ca_file, cert_file: Some(own.cert.clone()), key_file: Some(own.key), server_name };
    assert_eq!(answer(port, good.clone()).await, None);
    let bad = [
        ("another name", Tls { server_name: Some("other.test".into()), ..good.clone() }),
        ("the address for a name", Tls { server_name: None, ..good.clone() }),
        ("the system's authorities", Tls { ca_file: None, ..good.clone() }),
        ("another authority", Tls { ca_file: Some(own.cert), ..good.clone() }),
        ("no certificate", Tls { cert_file: None, key_file: None, ..good }),
    ];
    let tried = bad.map(|(what, tls)| async move { (what, answer(port, tls).await) });
    for (what, code) in join_all(tried).await {
        assert_eq!(code, Some(Code::Unavailable), "{what}");
    }
}
