//! The services as processes, and what befalls them: kills, restarts, reorganisations, absences. After each, `collimated audit`
//! compares database, objects and chain, and must find nothing.

mod audit;
mod chain;
mod kills;
pub(crate) mod operator;
pub(crate) mod process;
pub(crate) mod world;
