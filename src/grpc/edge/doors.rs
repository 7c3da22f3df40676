//! All that bounds connections and load, made of the settings.

use std::time::Duration;

use super::accept::Edge;
use super::config::{ConnectionsConfig, TlsConfig};
use super::life::Life;
use super::reload::Reload;
use super::tls::TlsError;
use crate::clock::Ids;
use crate::grpc::load::Load;
use crate::metrics::Meters;

/// What stands between strangers and the handlers.
pub struct Doors {
    /// How many calls there may be at once.
    pub load: Load,
    /// Who gets a connection.
    pub edge: Edge,
    /// What follows the files of the certificate, when there is one.
    pub reload: Option<Reload>,
    /// What a connection may have.
    pub connections: ConnectionsConfig,
}

impl Doors {
    /// As configured: `in_flight` calls at once, streams of at most `longest`.
    ///
    /// # Errors
    /// [`TlsError`] when the files of the certificate cannot be served with.
    pub fn new(
        connections: &ConnectionsConfig,
        tls: &TlsConfig,
        in_flight: usize,
        longest: Duration,
        ids: &Ids,
        meters: &Meters,
    ) -> Result<Self, TlsError> {
        let ms = Duration::from_millis;
        let (stall, unacked) = (ms(connections.stall_ms), ms(connections.unacked_ms));
        let life = Life::new(ms(connections.age_ms), longest, stall, unacked, ids.clone());
        let answer = ms(connections.answer_ms);
        let (tls, reload) = Reload::start(tls)?.unzip();
        Ok(Self {
            load: Load::new(in_flight, connections.standing_streams, connections.untaken_answers, longest, answer),
            edge: Edge::new(connections, life, tls, meters),
            reload,
            connections: connections.clone(),
        })
    }
}
