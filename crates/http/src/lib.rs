//! What every HTTP service of ours does alike towards strangers.
//!
//! - [`Server`]: as many connections as are allowed, in all and of one client, with a time limit for each request's head; a stop
//!   lets requests in work finish, and waits for no client longer than its limit.
//! - [`ClientKey`]: who asks, behind proxies too; [`PerClient`]: how much of something each client has open.
//! - [`RateLimit`]: token buckets by client or account. [`Bounded`]: a map for keys that strangers choose.
//! - [`MetricFamily`]: metrics whose names begin alike, and their page.
//!
//! And what those do alike that answer with problems (gateway and batcher), each a [`Service`] with faults of its own:
//!
//! - [`respond()`]: an id, a span, the rate limit, metrics and a body for a fault; [`Failure`], [`Refused`]: how faults get there.
//! - [`Asked`], [`path_part`], [`page_limit`]: what a request's head says. [`EventStreams`]: server-sent events from a history.

mod ask;
mod bounded;
mod client;
mod events;
mod fault;
mod metrics;
mod rate;
mod respond;
mod rest;
mod server;

pub use ask::{Asked, page_limit, path_part};
pub use bounded::Bounded;
pub use client::{ClientKey, Entry, PerClient};
pub use events::{Change, EventStreams, StreamPlace};
pub use fault::{Failure, Refused, problem_body, retry_seconds, told};
pub use metrics::{MetricFamily, RequestMetrics, metrics_page};
pub use rate::{Rate, RateLimit};
pub use respond::{Door, Service, respond};
pub use server::{Server, ServerLimits};
