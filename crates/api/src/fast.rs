//! The batcher's HTTP interface as types: how fast mode's proofs get into a batch, and what their owners get back.
//!
//! ```text
//!  user ── SignedAuthorization + FastItem list + files ──▶ POST /v1/batcher/groups ──▶ GroupAccepted
//!  user ◀─ SignedGroupReceipt (EIP-712, signed by the batcher) ─── inside of it
//!  user ── GET /v1/batcher/groups/{id} ──▶ GroupAnswer: status, and once batched a VerificationData for each proof
//!  user ◀─ BatcherProblem (RFC 9457, code BTC-…) ─────────────── when something is wrong
//! ```
//!
//! A group is all the proofs of one authorisation, in the order of their nonces. Its id is the authorisation's EIP-712 digest, so
//! who has an authorisation can name its group before it is sent, and the same authorisation sent again is the same group.
//!
//! The form ([`field`]) has the authorisation and the items first, in this order, so that everything but the proofs themselves is
//! checked before the first file comes. Each distinct file is sent once, as a field whose name is the lower-case hexadecimal
//! SHA-256 of its bytes without `0x`: a verification key that a thousand proofs share is one field.
//!
//! Conventions are those of the crate; amounts are [`Wei`]: decimal strings.

mod batches;
mod groups;
mod problem;
mod receipt;
mod service;
mod submission;
mod wei;

pub use batches::{BatchAnswer, BatchStatus, BatchesPage, BatchesQuery};
pub use groups::{GroupAnswer, GroupEnd, GroupEvent, GroupStatus, VerificationData};
pub use problem::{BatcherProblem, BatcherProblemCode};
pub use receipt::{GroupReceipt, SignedGroupReceipt, batcher_domain};
pub use service::{
    BatcherAccount, BatcherInfo, BatcherLimits, BatcherReadiness, FeesAnswer, PaidPrice,
};
pub use submission::{FastItem, FilePart, GroupAccepted, SignedAuthorization};
pub use wei::{NotWei, Wei};

/// A group's name: the EIP-712 digest of its authorisation (`BatcherPaymentService.authorizationDigest`).
pub type GroupId = alloy::primitives::B256;

/// `POST`: submits a group (multipart form, see [`field`]), answers [`GroupAccepted`].
pub const GROUPS: &str = "/v1/batcher/groups";
/// `GET`: batches, oldest first ([`BatchesQuery`]), answers [`BatchesPage`].
pub const BATCHES: &str = "/v1/batcher/batches";
/// `GET`: prices, answers [`FeesAnswer`].
pub const FEES: &str = "/v1/batcher/fees";
/// `GET`: chain, contracts, the batcher's account, proof systems and limits, answers [`BatcherInfo`].
pub const INFO: &str = "/v1/batcher/info";

/// `GET`: a group, answers [`GroupAnswer`].
#[must_use]
pub fn group(id: &GroupId) -> String {
    format!("{GROUPS}/{id}")
}

/// `GET`: a group's changes of status as server-sent events, [`GroupEvent`].
#[must_use]
pub fn group_events(id: &GroupId) -> String {
    format!("{GROUPS}/{id}/events")
}

/// `GET`: what an account has with this batcher, answers [`BatcherAccount`].
#[must_use]
pub fn account(address: &alloy::primitives::Address) -> String {
    format!("/v1/batcher/accounts/{address}")
}

/// Names of the fields of the form that [`GROUPS`] takes. They come in this order, the files last and in any order among
/// themselves, each named by its SHA-256: 64 lower-case hexadecimal digits.
pub mod field {
    /// JSON of a [`SignedAuthorization`](super::SignedAuthorization).
    pub const AUTHORIZATION: &str = "authorization";
    /// JSON list of [`FastItem`](super::FastItem)s, in the order of their nonces.
    pub const ITEMS: &str = "items";
}
