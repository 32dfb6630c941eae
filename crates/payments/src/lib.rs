//! Turns payments on chain into credits.
//!
//! ```text
//! AggregationModePaymentService ─CreditsPurchased─▶ Follower ─blocks─▶ Poller ─one transaction─▶ payments + cursor
//! ```
//!
//! - A payment is stored when its block is seen, and gives credits once it has its confirmations.
//! - A reorganisation takes unconfirmed payments back; one that is deeper than the confirmations revokes credits that were not
//!   spent, and is reported.
//! - Payments and the cursor that passes them are stored in one transaction, and only by whoever moved the cursor last: of two
//!   pollers on one database one gets on, the other begins again behind it.
//! - On an empty database it begins at the block before the deployment, and comes to the same result.
//! - A node or a database that is away costs time only.
//!
//! [`Poller::behind`] says how far it has to go. Whether an account may spend is decided by the store, not here.

mod error;
mod event;
mod poller;

pub use error::PaymentsError;
pub use event::decode;
pub use poller::{Behind, Poller, PollerConfig};
