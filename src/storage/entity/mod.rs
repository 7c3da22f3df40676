//! Rows as they stand in the tables. Only stores read them.

/// Rows hold personal data and SeaORM wants `Debug`: it tells the table and nothing else.
macro_rules! hide {
    ($table:literal) => {
        impl std::fmt::Debug for Model {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!("row of ", $table))
            }
        }
    };
}
use hide;

pub mod audit;
pub mod client;
pub mod device;
pub mod document;
pub mod effect;
pub mod erasure;
pub mod fleet;
pub mod gone_hub;
pub mod kkt;
pub mod kkt_history;
pub mod partner;
pub mod quota;
pub mod recovery;
pub mod request;
pub mod stop_switch;
pub mod token;
