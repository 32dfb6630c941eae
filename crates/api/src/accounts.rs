//! Answers about accounts.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

use crate::SignedReceipt;

/// What an account has. One that never paid has nothing, and nonce 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountAnswer {
    /// The account.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: Address,
    /// The nonce that its next authorisation must have.
    pub nonce: u64,
    /// Credits that can be spent now.
    pub credits: u64,
    /// Second since 1970 in which the first of them expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_expiry: Option<u64>,
    /// Credits of payments that wait for confirmations.
    pub unconfirmed: u64,
}

/// An account's next nonce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NonceAnswer {
    /// The nonce that its next authorisation must have.
    pub nonce: u64,
}

/// What an account can still submit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuotaAnswer {
    /// Credits bought that are confirmed and not expired.
    pub total: u64,
    /// Those of them that were spent.
    pub spent: u64,
    /// Those that can be spent now.
    pub remaining: u64,
    /// Second since 1970 in which the first of them expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_expiry: Option<u64>,
}

/// Query of `GET /v1/receipts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ReceiptsQuery {
    /// The account.
    #[cfg_attr(feature = "openapi", param(value_type = String))]
    pub address: Address,
    /// Only the receipt of this nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// Only those before this nonce: the page before's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many at most, 1 to 100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 100))]
    pub limit: Option<u32>,
}

/// Receipts of one account, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptsPage {
    /// The receipts.
    pub receipts: Vec<SignedReceipt>,
    /// What to pass as `before` for the next page; absent when this is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}
