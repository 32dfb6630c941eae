//! Paths, and the fields of the submission form.

/// `POST`: submits a proof (multipart form, fields in [`field`]). `GET`: a page of proofs
/// ([`ProofsQuery`](crate::proofs::ProofsQuery)).
pub const PROOFS: &str = "/v1/proofs";
/// Runs, newest first ([`RunsQuery`](crate::service::RunsQuery)).
pub const RUNS: &str = "/v1/runs";
/// Receipts of an account ([`ReceiptsQuery`](crate::accounts::ReceiptsQuery)).
pub const RECEIPTS: &str = "/v1/receipts";
/// Chain, contracts, receipt signer, limits.
pub const INFO: &str = "/v1/info";
/// Whether the process answers.
pub const HEALTH: &str = "/healthz";
/// Whether the process can do its work.
pub const READY: &str = "/readyz";
/// Metrics, in Prometheus's text form.
pub const METRICS: &str = "/metrics";
/// The OpenAPI document.
pub const OPENAPI: &str = "/openapi.json";
/// `POST` in the form of Aligned's gateway.
pub const ALIGNED_SP1: &str = "/proof/sp1";

/// Header that names a request in answers, problems and logs. A client may set it.
pub const REQUEST_ID: &str = "x-request-id";

/// One proof.
#[must_use]
pub fn proof(id: &crate::ProofId) -> String {
    format!("{PROOFS}/{id}")
}

/// A proof's changes of status, as server-sent events.
#[must_use]
pub fn events(id: &crate::ProofId) -> String {
    format!("{PROOFS}/{id}/events")
}

/// A proof's inclusion.
#[must_use]
pub fn inclusion(id: &crate::ProofId) -> String {
    format!("{PROOFS}/{id}/inclusion")
}

/// An account.
#[must_use]
pub fn account(address: &alloy::primitives::Address) -> String {
    format!("/v1/accounts/{address}")
}

/// An account's next nonce.
#[must_use]
pub fn nonce(address: &alloy::primitives::Address) -> String {
    format!("/v1/nonce/{address}")
}

/// What an account can still submit.
#[must_use]
pub fn quota(address: &alloy::primitives::Address) -> String {
    format!("/v1/quotas/{address}")
}

/// Names of the fields of the form that [`PROOFS`] takes, in any order. Those marked * are needed.
pub mod field {
    /// * The proof file's bytes.
    pub const PROOF: &str = "proof";
    /// * Name of the proof system, [`SP1`](crate::authorisation::SP1).
    pub const PROOF_SYSTEM: &str = "proof_system";
    /// The verifying key's bytes, in the proof system's encoding. This or [`PROGRAM_ID`] is needed; both must agree.
    pub const VK: &str = "vk";
    /// The program id, 0x hexadecimal.
    pub const PROGRAM_ID: &str = "program_id";
    /// The public values' bytes, compared with those that the proof carries.
    pub const PUBLIC_VALUES: &str = "public_values";
    /// * The account that pays, 0x hexadecimal.
    pub const ADDRESS: &str = "address";
    /// * The account's next nonce, decimal.
    pub const NONCE: &str = "nonce";
    /// * Last second in which the authorisation holds, decimal.
    pub const DEADLINE: &str = "deadline";
    /// * The signature, 0x hexadecimal: 65 bytes r ‖ s ‖ v of a key, or what the account's contract takes (EIP-1271).
    pub const SIGNATURE: &str = "signature";
}
