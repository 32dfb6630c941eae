//! Following the chain's events through reorganisations.
//!
//! ```text
//! node ─answers─▶ Machine (no clock, no I/O) ─ChainEvent + Cursor─▶ EventHandler (one database transaction)
//!      ◀─wants──            ▲ Follower drives                              │
//!                           └────────────── cursor at the next start ──────┘
//! ```

mod driver;
mod event;
mod machine;

pub use driver::Follower;
pub use event::{BlockId, ChainEvent, Cursor, EventHandler};
pub use machine::{BlockLink, FollowConfig, Machine, Wanted};
