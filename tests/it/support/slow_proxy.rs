//! A slow line between the service and PostgreSQL: every packet to the server takes its time, so that a caller can go
//! away while one is under way.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::database::TestDb;
use super::postgres;

/// The URL of the same database through a line on which each packet takes `delay`.
pub async fn to_postgres(database: &TestDb, delay: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(carry(near, delay));
        }
    });
    let url = database.config.url.expose_secret();
    let name = url.trim_start_matches("postgres://postgres@localhost/").split('?').next().unwrap();
    format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable")
}

async fn carry(near: TcpStream, delay: Duration) -> std::io::Result<()> {
    let far = UnixStream::connect(postgres::server().unwrap().socket()).await?;
    let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
    let back = async { tokio::io::copy(&mut from_far, &mut to_near).await.map(|_| ()) };
    let forth = async {
        let mut packet = [0; 16 * 1024];
        loop {
            let length = from_near.read(&mut packet).await?;
            if length == 0 {
                return to_far.shutdown().await;
            }
            tokio::time::sleep(delay).await;
            to_far.write_all(&packet[..length]).await?;
        }
    };
    tokio::try_join!(back, forth).map(|_| ())
}
