//! Why the gateway gave no answer, or not the one that was hoped for.

use std::time::Duration;

use alloy::primitives::Address;
use collimate_api::{Problem, ProblemCode, ProofId, ProofStatus};
use thiserror::Error;

/// What can go wrong with the gateway.
///
/// | code | meaning |
/// |---|---|
/// | GTW-… | the gateway's own words: [`Problem`] |
/// | SDK-030, 031 | it does not answer, or something else answers in its place |
/// | SDK-032, 033, 036 | it contradicts what is known from elsewhere: do not trust it |
/// | SDK-034, 035, 041 | a proof's end, or no end or no credits in time |
/// | SDK-037, 038, 039 | URL, proof file or key have to change |
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The gateway refused. The code is its own.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// No connection, or no answer in time, also after repeating.
    #[error(
        "[SDK-030] the gateway does not answer when asked for {action} ({reason}, {attempts} attempts); check that it runs and its URL"
    )]
    Unreachable {
        /// What was asked for.
        action: &'static str,
        /// The last attempt's failure, without the URL.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// An answer that is not the gateway's.
    #[error(
        "[SDK-031] asked for {action}, what is at the gateway's URL answered something else (HTTP {status}: {reason}); check the URL, or update this program"
    )]
    Unexpected {
        /// What was asked for.
        action: &'static str,
        /// HTTP status.
        status: u16,
        /// The beginning of it.
        reason: String,
    },
    /// The gateway belongs to another deployment than the profile.
    #[error(
        "[SDK-032] the gateway's {field} is {found}, the profile's is {expected}; it is the gateway of another deployment: correct the profile, or ask its author"
    )]
    OtherDeployment {
        /// What differs.
        field: &'static str,
        /// As known from elsewhere.
        expected: String,
        /// As the gateway says.
        found: String,
    },
    /// The receipt is not for what was sent, or not signed by the service.
    #[error(
        "[SDK-033] the gateway's receipt for proof {id} is worth nothing: {reason}; keep the answer, and ask the operator"
    )]
    BadReceipt {
        /// The proof.
        id: ProofId,
        /// What is wrong with it.
        reason: String,
    },
    /// The proof will not be aggregated.
    #[error("[SDK-034] proof {id} is {status}: {reason}")]
    Ended {
        /// The proof.
        id: ProofId,
        /// How it ended.
        status: ProofStatus,
        /// The service's code and reason.
        reason: String,
    },
    /// It took longer than the caller wanted to wait.
    #[error("[SDK-035] proof {id} is {status} after {} s; wait longer, it goes on", waited.as_secs())]
    NotYet {
        /// The proof.
        id: ProofId,
        /// Where it stands.
        status: ProofStatus,
        /// Time waited.
        waited: Duration,
    },
    /// An account did not get the credits in time.
    #[error(
        "[SDK-041] account {account} has {credits} credits after {} s; a deposit counts once it has its confirmations: wait longer, or look it up on chain", waited.as_secs()
    )]
    CreditsNotYet {
        /// The account.
        account: Address,
        /// What it has.
        credits: u64,
        /// Time waited.
        waited: Duration,
    },
    /// The answer is about something else.
    #[error(
        "[SDK-036] the gateway's answer is about another proof: {field} is {found}, {expected} was asked for; do not use it"
    )]
    OtherProof {
        /// What differs.
        field: &'static str,
        /// As asked for.
        expected: String,
        /// As answered.
        found: String,
    },
    /// A URL that cannot be used.
    #[error(
        "[SDK-037] the gateway's URL is not usable ({reason}); it has to look like http://host:port"
    )]
    BadUrl {
        /// Why not.
        reason: String,
    },
    /// Something that cannot be uploaded.
    #[error("[SDK-038] the proof cannot be uploaded: {reason}")]
    BadUpload {
        /// Why not, and what to do.
        reason: String,
    },
    /// The authorisation could not be signed.
    #[error("[SDK-039] account {account} cannot sign: {reason}")]
    Signing {
        /// Whose signature is needed.
        account: Address,
        /// Why not.
        reason: String,
    },
}

impl GatewayError {
    /// The stable code: the gateway's own where it refused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(problem) => problem.code.as_str(),
            Self::Unreachable { .. } => "SDK-030",
            Self::Unexpected { .. } => "SDK-031",
            Self::OtherDeployment { .. } => "SDK-032",
            Self::BadReceipt { .. } => "SDK-033",
            Self::Ended { .. } => "SDK-034",
            Self::NotYet { .. } => "SDK-035",
            Self::CreditsNotYet { .. } => "SDK-041",
            Self::OtherProof { .. } => "SDK-036",
            Self::BadUrl { .. } => "SDK-037",
            Self::BadUpload { .. } => "SDK-038",
            Self::Signing { .. } => "SDK-039",
        }
    }

    /// The gateway's problem, where it gave one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether the gateway refused with this code.
    #[must_use]
    pub fn is(&self, code: ProblemCode) -> bool {
        self.problem().is_some_and(|problem| problem.code == code)
    }

    /// Whether the same call can succeed later without a change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.is_transient()
            || matches!(self, Self::NotYet { .. } | Self::CreditsNotYet { .. })
            || self.is(ProblemCode::NotIncluded)
    }

    /// Whether the gateway is away or busy, so that asking again in a while is all that is needed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(problem) => problem.code.is_retryable(),
            Self::Unreachable { .. } => true,
            _ => false,
        }
    }
}
