//! Following the chain's events through reorganisations.

mod event;

pub use event::{BlockId, ChainEvent, Cursor, EventHandler};
