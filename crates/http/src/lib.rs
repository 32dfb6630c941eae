//! What every HTTP service of ours does alike towards strangers.
//!
//! - [`Server`]: as many connections as are allowed, in all and of one client, with a time limit for each request's head; a stop
//!   lets requests in work finish, and waits for no client longer than its limit.
//! - [`ClientKey`]: who asks, behind proxies too; [`PerClient`]: how much of something each client has open.
//! - [`RateLimit`]: token buckets by client or account. [`Bounded`]: a map for keys that strangers choose.

mod bounded;
mod client;
mod rate;
mod server;

pub use bounded::Bounded;
pub use client::{ClientKey, Entry, PerClient};
pub use rate::{Rate, RateLimit};
pub use server::{Server, ServerLimits};
