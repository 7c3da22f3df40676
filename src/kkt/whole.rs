//! A registration with its history, asked for in one question.
//!
//! Two branches of one statement: the row in the columns of the first, the lines in those of the second. A join would send the
//! row with each line.

use sea_orm::sea_query::{Expr, SelectStatement, UnionType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Iden, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use super::model::{Kkt, Step};
use super::rows::{self, LINE, Line, SHOWN, Shown};
use super::store::{Store, mine};
use crate::storage::entity::{kkt, kkt_history};
use crate::storage::{StoreError, of_partner};
use crate::values::{KktId, PartnerScope};

/// Before the names of the columns of a line.
const OF_LINE: &str = "line_";

impl Store {
    /// The history, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a row is corrupt.
    pub async fn history(&self, scope: PartnerScope, id: KktId) -> Result<Vec<Step>, StoreError> {
        let found = lines(scope, id).select_only().columns(rows::LINE).order_by_asc(kkt_history::Column::Revision);
        let found = found.into_model().all(self.db.direct()).await?;
        found.into_iter().map(|line| rows::step(id, line)).collect()
    }

    /// The registration with its history, oldest line first, when this partner has it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a row is corrupt.
    pub async fn get_with_history(
        &self,
        scope: PartnerScope,
        id: KktId,
    ) -> Result<Option<(Kkt, Vec<Step>)>, StoreError> {
        let found = self.db.direct().query_all(&question(scope, id)).await?;
        let (mut row, mut history) = (None, Vec::with_capacity(found.len()));
        for one in &found {
            match one.try_get::<Option<i64>>(OF_LINE, "revision")? {
                Some(_) => history.push(Line::from_query_result(one, OF_LINE)?),
                None => row = Some(Shown::from_query_result(one, "")?),
            }
        }
        let Some(row) = row else { return Ok(None) };
        history.sort_unstable_by_key(|line| line.revision);
        let steps = history.into_iter().map(|line| rows::step(id, line)).collect::<Result<_, _>>()?;
        Ok(Some((rows::read(row)?, steps)))
    }
}

/// The history of one of the partner's registrations.
#[cfg_attr(feature = "chaos", track_caller)]
fn lines(scope: PartnerScope, id: KktId) -> sea_orm::Select<kkt_history::Entity> {
    kkt_history::Entity::find()
        .filter(of_partner(kkt_history::Column::PartnerId, scope))
        .filter(kkt_history::Column::KktId.eq(id.uuid()))
}

#[cfg_attr(feature = "chaos", track_caller)]
fn question(scope: PartnerScope, id: KktId) -> SelectStatement {
    let null = || Expr::cust("NULL");
    let row = mine(scope).filter(kkt::Column::Id.eq(id.uuid())).select_only().columns(SHOWN);
    let row = LINE.iter().fold(row, |row, column| row.expr_as(null(), format!("{OF_LINE}{}", column.unquoted())));
    let history = SHOWN.iter().fold(lines(scope, id).select_only(), |history, _| history.expr(null()));
    row.into_query().union(UnionType::All, history.columns(LINE).into_query()).take()
}
