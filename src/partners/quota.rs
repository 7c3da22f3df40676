//! How many questions about taxpayers a partner may ask: the register's answers are not to be collected.
//!
//! Counted in the database, so that it is one number however many replicas there are.

use std::time::Duration;

use super::store;
use crate::failure::{Failure, Limit};
use crate::storage::{Db, StoreError};
use crate::values::PartnerScope;

/// The time over which questions are counted, microseconds.
const HOUR: i64 = 3_600_000_000;

/// The questions of each partner. Cheap to clone.
///
/// A whole hour's questions may be asked at once; after that each is free again when its share of an hour has passed.
#[derive(Clone)]
pub struct Quota {
    db: Db,
    /// Share of an hour that one question takes, microseconds.
    share: i64,
}

/// Why no more may be asked now.
#[derive(Debug, PartialEq)]
pub enum Spent {
    /// The hour's questions are asked; the next one is free after this time.
    Over(Duration),
    /// Not known now.
    Unknown(StoreError),
}

impl From<StoreError> for Spent {
    fn from(error: StoreError) -> Self {
        Self::Unknown(error)
    }
}

impl From<Spent> for Failure {
    fn from(spent: Spent) -> Self {
        match spent {
            Spent::Over(retry_after) => Self::RateLimited { limit: Limit::Lookups, retry_after },
            Spent::Unknown(error) => error.into(),
        }
    }
}

impl Quota {
    /// `an_hour` questions for each partner, at least one.
    pub fn new(db: Db, an_hour: u32) -> Self {
        Self { db, share: (HOUR / i64::from(an_hour.max(1))).max(1) }
    }

    /// Whether one more question may be asked; spends nothing.
    ///
    /// # Errors
    /// [`Spent`].
    pub async fn look(&self, scope: PartnerScope) -> Result<(), Spent> {
        match store::spoken_for(&self.db, scope).await?.saturating_add(self.share) - HOUR {
            over if over > 0 => Err(Spent::Over(Duration::from_micros(over.unsigned_abs()))),
            _ => Ok(()),
        }
    }

    /// Spends one question.
    ///
    /// # Errors
    /// [`Spent`]; nothing is spent then.
    pub async fn spend(&self, scope: PartnerScope) -> Result<(), Spent> {
        if store::spend(&self.db, scope, self.share, HOUR).await? {
            return Ok(());
        }
        self.look(scope).await?;
        // It has become free between the two statements.
        Err(Spent::Over(Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::DatabaseConfig;
    use crate::values::PartnerId;
    use uuid::Uuid;

    async fn database() -> (tempfile::TempDir, Db) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("t.db").display());
        let db = Db::connect(&DatabaseConfig { url: url.into(), ..DatabaseConfig::default() }).await.unwrap();
        db.migrate().await.unwrap();
        (dir, db)
    }

    async fn partner(db: &Db, name: &str) -> PartnerScope {
        use crate::clock::{Clock, Ids};
        use crate::partners::model::{Label, Theme};
        use crate::partners::{service::Partners, token::Mode};
        let act = crate::storage::audit::Act::new("test", "a test").unwrap();
        let partners = Partners::new(db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act);
        let name = Label::name(name).unwrap();
        PartnerScope::new(partners.add(name, Theme::LiteBox).await.unwrap().id)
    }

    /// As if all questions were spoken for until so many microseconds from now.
    async fn pretend_spent(db: &Db, from_now_us: i64) {
        let sql = format!("UPDATE quota SET until_us = {} + {from_now_us}", store::now_us(db));
        sea_orm::ConnectionTrait::execute_unprepared(db.direct(), &sql).await.unwrap();
    }

    #[tokio::test]
    async fn an_hours_questions_may_be_asked_at_once_by_each_partner() {
        let (_dir, db) = database().await;
        let (one, two) = (partner(&db, "one").await, partner(&db, "two").await);
        let (quota, replica) = (Quota::new(db.clone(), 4), Quota::new(db.clone(), 4));
        for n in 0..4 {
            assert_eq!(quota.look(one).await, Ok(()));
            assert_eq!(if n % 2 == 0 { &quota } else { &replica }.spend(one).await, Ok(()), "one count for all");
        }
        for quota in [&quota, &replica] {
            let Err(Spent::Over(wait)) = quota.spend(one).await else { panic!("a fifth question") };
            assert!(wait > Duration::from_mins(14) && wait <= Duration::from_mins(15), "{wait:?}");
            assert!(matches!(quota.look(one).await, Err(Spent::Over(_))));
        }
        assert_eq!((quota.look(two).await, quota.spend(two).await), (Ok(()), Ok(())), "each partner has its own");
    }

    #[tokio::test]
    async fn questions_come_back_one_by_one_and_are_not_saved_up() {
        let (_dir, db) = database().await;
        let one = partner(&db, "one").await;
        let quota = Quota::new(db.clone(), 4);
        assert_eq!(quota.spend(one).await, Ok(()));
        for (hours_ago, left) in [(0.0, 4), (0.25, 3), (-0.5, 2), (-1.0, 0), (5.0, 4)] {
            pretend_spent(&db, -(hours_ago * HOUR as f64) as i64).await;
            let mut asked = 0;
            while quota.spend(one).await.is_ok() {
                asked += 1;
            }
            assert_eq!(asked, if hours_ago > 0.0 { 4 } else { left }, "{hours_ago}");
        }
    }

    #[tokio::test]
    async fn a_strangers_questions_are_not_counted_in_the_dark() {
        let (_dir, db) = database().await;
        let nobody = PartnerScope::new(PartnerId::new(Uuid::from_u128(1)));
        let quota = Quota::new(db, 4);
        assert!(matches!(quota.spend(nobody).await, Err(Spent::Unknown(_))), "whoever is no partner asks nothing");
    }
}
