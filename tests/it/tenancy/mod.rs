//! Nobody sees, changes or learns of what is another partner's.
//!
//! `matrix` asks every method of the contract for another partner's things; `erased` sees what an erasure touches; `stores`
//! asks every function of the stores that the front door cannot ask wrongly; `sources` reads that every statement names its
//! partner; `keys` what the schema keeps apart by itself. `scripts/mutants.sh` takes the conditions on the partner away, one
//! by one, and demands that these tests notice.

mod erased;
pub mod fields;
mod keys;
mod matrix;
mod sources;
mod stores;
pub mod wire;
mod worlds;
