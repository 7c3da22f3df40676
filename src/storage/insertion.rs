//! New rows of which the database reckons some columns itself: by its own clock, which no value that is sent can be.

use sea_orm::sea_query::{Expr, InsertStatement, Query};
use sea_orm::{ActiveModelTrait, EntityTrait, Iterable};

use super::StoreError;

type Column<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Column;

/// The statement that writes `row` with another column that the database reckons. What is neither set nor reckoned is NULL.
///
/// # Errors
/// [`StoreError::Other`] when there are not as many values as columns, which is a defect.
pub fn insertion<A>(row: &A, (reckoned, by): (Column<A>, Expr)) -> Result<InsertStatement, StoreError>
where
    A: ActiveModelTrait,
    A::Entity: Default,
{
    let set = Column::<A>::iter().filter_map(|column| Some((column, Expr::val(row.get(column).into_value()?))));
    let (columns, values): (Vec<_>, Vec<_>) = set.chain([(reckoned, by)]).unzip();
    let mut insert = Query::insert();
    insert
        .into_table(A::Entity::default())
        .columns(columns)
        .values(values)
        .map_err(|e| StoreError::Other(e.to_string()))?;
    Ok(insert)
}
