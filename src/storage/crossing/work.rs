//! What workers take: registrations and clients of all partners, in turns.

use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};
use uuid::Uuid;

#[cfg(feature = "chaos")]
use crate::chaos::Side;
use crate::storage::entity::{client, kkt};
use crate::storage::{Backend, Db, StoreError};
use crate::values::{PartnerId, PartnerScope};

/// Whose turn it is: the partner that was served last, of one worker. Partners are served in the order of their ids, round
/// and round, so nobody waits for more than one round however much another one has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turn(Uuid);

impl Db {
    /// Takes up to `limit` registrations that are due, for `lease_ms`: of each partner that has any the same number, the
    /// longest due first, beginning with the partner after the last one served. Crosses because a worker serves everybody.
    ///
    /// Only rows in one of `states` are taken: a state that this program does not know belongs to a newer one. The
    /// attempt is counted here, so that a row that kills its worker is not tried without end at full speed.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn claim_due_kkt(
        &self,
        states: &[&'static str],
        limit: u32,
        lease_ms: i64,
        turn: &mut Turn,
    ) -> Result<Vec<kkt::Model>, StoreError> {
        let partners = self.waiting_partners(states, limit, *turn).await?;
        let Some(last) = partners.last() else { return Ok(Vec::new()) };
        *turn = Turn(*last);
        let share = (limit / u32::try_from(partners.len()).unwrap_or(u32::MAX)).max(1);
        let due = due(self.now_sql(), states);
        let skip = if self.backend() == Backend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let shares = (1..=partners.len()).map(|n| {
            format!(
                "SELECT id FROM (SELECT id FROM kkt WHERE partner_id = ${n} AND {due} ORDER BY due_ms LIMIT {share} {skip}) t{n}"
            )
        });
        let sql = format!(
            "UPDATE kkt SET lease_until_ms = {}, fence = fence + 1, attempts = attempts + 1 \
             WHERE id IN ({}) RETURNING *",
            marked(self.now_sql(), lease_ms),
            shares.collect::<Vec<_>>().join(" UNION ALL ")
        );
        #[cfg(feature = "chaos")]
        self.reach("claim_due_kkt", Side::Before).await?;
        let rows = self.direct().query_all_raw(self.statement(sql, partners)).await?;
        #[cfg(feature = "chaos")]
        self.reach("claim_due_kkt", Side::After).await?;
        rows.iter().map(|row| Ok(kkt::Model::from_query_result(row, "")?)).collect()
    }

    /// Up to `limit` partners with something due, in the order of their turns. One look into an index for each partner
    /// that is passed over.
    async fn waiting_partners(
        &self,
        states: &[&'static str],
        limit: u32,
        Turn(last): Turn,
    ) -> Result<Vec<Uuid>, StoreError> {
        let due = due(self.now_sql(), states);
        // Not EXISTS: that may be planned as a join over everything that is due.
        let waits = format!(
            "(SELECT k.id FROM kkt k WHERE k.partner_id = p.id AND {due} ORDER BY k.due_ms LIMIT 1) IS NOT NULL"
        );
        let some = |which: &str, name: &str| {
            format!(
                "SELECT id FROM (SELECT p.id FROM partner p WHERE p.id {which} $1 AND {waits} ORDER BY p.id LIMIT {limit}) {name}"
            )
        };
        let sql = format!("{} UNION ALL {} LIMIT {limit}", some(">", "later"), some("<=", "earlier"));
        let rows = self.direct().query_all_raw(self.statement(sql, [last])).await?;
        rows.iter().map(|row| Ok(row.try_get("", "id")?)).collect()
    }

    /// Takes up to `limit` clients whose registration was left unfinished and is due, for `lease_ms`, each with the
    /// scope of its partner. Crosses because the reaper serves everybody.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn claim_due_clients(
        &self,
        limit: u32,
        lease_ms: i64,
    ) -> Result<Vec<(PartnerScope, client::Model)>, StoreError> {
        let now = self.now_sql();
        let skip = if self.backend() == Backend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "UPDATE client SET lease_until_ms = {now} + {lease_ms}, fence = fence + 1 \
             WHERE id IN (SELECT id FROM client WHERE due_ms <= {now} AND lease_until_ms <= {now} \
             AND state = 'ACCOUNT_PENDING' AND erased_ms IS NULL ORDER BY due_ms LIMIT {limit} {skip}) RETURNING *"
        );
        let rows = self.direct().query_all_raw(self.statement(sql, [])).await?;
        let read = |row| {
            let row = client::Model::from_query_result(row, "")?;
            Ok((PartnerScope::new(PartnerId::new(row.partner_id)), row))
        };
        rows.iter().map(read).collect()
    }

    fn statement(&self, sql: String, ids: impl IntoIterator<Item = Uuid>) -> Statement {
        let backend = match self.backend() {
            Backend::Postgres => DbBackend::Postgres,
            Backend::Sqlite => DbBackend::Sqlite,
        };
        Statement::from_sql_and_values(backend, sql, ids.into_iter().map(Value::from))
    }
}

/// The end of a lease, whose last bit tells whether the lease before it ran out instead of being given back: neither database
/// returns what a row was before.
fn marked(now: &str, lease_ms: i64) -> String {
    format!("({now} + {lease_ms}) / 2 * 2 + CASE WHEN lease_until_ms > 0 THEN 1 ELSE 0 END")
}

/// Whether a registration that was claimed just now had been held by somebody who did not give it back: a process that has
/// died, hangs, or could not reach the database.
pub const fn taken_over(claimed: &kkt::Model) -> bool {
    claimed.lease_until_ms & 1 == 1
}

/// Due, held by nobody, not erased, and in a state that this program knows. The clock is read once, in a query of its own: PostgreSQL
/// does not look into an index with a value that may change from row to row.
fn due(now: &str, states: &[&'static str]) -> String {
    let now = format!("(SELECT {now})");
    let states = states.iter().map(|s| format!("'{s}'")).collect::<Vec<_>>().join(", ");
    format!("due_ms <= {now} AND lease_until_ms <= {now} AND erased_ms IS NULL AND state IN ({states})")
}
