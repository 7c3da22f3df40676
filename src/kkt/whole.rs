//! A registration with its history, asked for in one question.

use std::sync::LazyLock;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Iden, QueryFilter, QueryOrder, QuerySelect, Statement,
};

use super::model::Step;
use super::rows::{self, LINE, Line, SHOWN, Shown};
use super::store::Store;
use super::view::View;
use crate::storage::entity::kkt_history;
use crate::storage::{StoreError, of_partner, of_partner_sql};
use crate::values::{KktId, PartnerScope};

/// Before the names of the columns of a line.
const OF_LINE: &str = "line_";

/// Two branches of one statement: the row in the columns of the first, the lines in those of the second. A join would send the row
/// with each line. A text, since making it anew each time took a tenth of the server's time for the call.
static QUESTION: LazyLock<String> = LazyLock::new(|| {
    let own = of_partner_sql(1);
    let no_line = LINE.map(|column| format!("NULL AS {OF_LINE}{}", column.unquoted())).join(", ");
    let (row, line) = (SHOWN.map(|column| column.unquoted().to_owned()), LINE.map(|c| c.unquoted().to_owned()));
    format!(
        "SELECT {}, {no_line} FROM kkt WHERE {own} AND id = $2 AND erased_ms IS NULL \
         UNION ALL SELECT {}, {} FROM kkt_history WHERE {own} AND kkt_id = $2",
        row.join(", "),
        SHOWN.map(|_| "NULL").join(", "),
        line.join(", ")
    )
});

impl Store {
    /// The history, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a row is corrupt.
    pub async fn history(&self, scope: PartnerScope, id: KktId) -> Result<Vec<Step>, StoreError> {
        let lines = kkt_history::Entity::find()
            .filter(of_partner(kkt_history::Column::PartnerId, scope))
            .filter(kkt_history::Column::KktId.eq(id.uuid()))
            .select_only()
            .columns(LINE)
            .order_by_asc(kkt_history::Column::Revision);
        let found = lines.into_model().all(self.db.direct()).await?;
        found.into_iter().map(|line| rows::step(id, line)).collect()
    }

    /// The registration with its history, oldest line first, when this partner has it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or what is seen of a row is corrupt.
    pub async fn get_with_history(
        &self,
        scope: PartnerScope,
        id: KktId,
    ) -> Result<Option<(View, Vec<Step>)>, StoreError> {
        let (backend, values) = (self.db.direct().get_database_backend(), [scope.partner().uuid(), id.uuid()]);
        let question = Statement::from_sql_and_values(backend, QUESTION.as_str(), values.map(Into::into));
        let found = self.db.direct().query_all_raw(question).await?;
        let (mut row, mut lines) = (None, Vec::with_capacity(found.len()));
        for one in &found {
            match one.try_get::<Option<i64>>(OF_LINE, "revision")? {
                Some(_) => lines.push(Line::from_query_result(one, OF_LINE)?),
                None => row = Some(Shown::from_query_result(one, "")?),
            }
        }
        let Some(row) = row else { return Ok(None) };
        lines.sort_unstable_by_key(|line| line.revision);
        let steps = lines.into_iter().map(|line| rows::step(id, line)).collect::<Result<_, _>>()?;
        Ok(Some((rows::read(row)?, steps)))
    }
}
