//! The only maker of conditions that keep one partner's rows from another. Outside `crossing` every statement of a store
//! carries one; a test reads the sources for it, and another takes each one away and sees what notices.

use sea_orm::ColumnTrait;
use sea_orm::sea_query::Expr;

use crate::values::PartnerScope;

/// The rows of this partner: `partner_id` is the column of the table that says whose a row is.
#[cfg_attr(feature = "chaos", track_caller)]
pub fn of_partner(partner_id: impl ColumnTrait, scope: PartnerScope) -> Expr {
    #[cfg(feature = "chaos")]
    if crate::chaos::is_unscoped(std::panic::Location::caller()) {
        return partner_id.is_not_null();
    }
    partner_id.eq(scope.partner().uuid())
}

/// The same for a statement that is a text: the parameter of this number says whose a row is.
#[cfg_attr(feature = "chaos", track_caller)]
pub fn of_partner_sql(parameter: u8) -> String {
    #[cfg(feature = "chaos")]
    if crate::chaos::is_unscoped(std::panic::Location::caller()) {
        return format!("(partner_id = ${parameter} OR TRUE)");
    }
    format!("partner_id = ${parameter}")
}
