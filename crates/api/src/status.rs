//! The words for where a proof or a run stands, the same in the database, the interface and logs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An enum that is one word in text and JSON.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every value, in the order of a normal course.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownStatus;

            fn from_str(word: &str) -> Result<Self, UnknownStatus> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == word)
                    .ok_or(UnknownStatus { known: concat!($($word, " ",)+) })
            }
        }
    };
}

/// A word that is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown status; there are: {known}")]
pub struct UnknownStatus {
    known: &'static str,
}

words! {
    /// Where a proof stands.
    ProofStatus {
        /// Stored; its verdict is on record as soon as the service looks at it again.
        Received = "received",
        /// Natively verified.
        Verified = "verified",
        /// Waits for a run.
        Queued = "queued",
        /// In a run that is being proven.
        Proving = "proving",
        /// Covered by a run's final proof.
        Aggregated = "aggregated",
        /// The run's transaction is on its way, or mined and not yet final.
        Submitted = "submitted",
        /// On chain, with all confirmations.
        Final = "final",
        /// Refused. The code says why.
        Rejected = "rejected",
        /// Accepted, and ended without being aggregated. The code says why.
        Failed = "failed",
    }
}

words! {
    /// Where a run stands.
    RunStatus {
        /// Its jobs are being proven.
        Proving = "proving",
        /// The final proof exists; operators verify and sign it.
        Attesting = "attesting",
        /// The transaction is to be sent.
        Submitting = "submitting",
        /// Sent; waiting for confirmations.
        Confirming = "confirming",
        /// On chain, with all confirmations.
        Final = "final",
        /// Given up. The code says why; its proofs went back to the queue or failed.
        Failed = "failed",
    }
}

words! {
    /// What stands behind a root that is on chain.
    Guarantee {
        /// Operators that hold a quorum of the stake signed that they verified the proof.
        Soft = "soft",
        /// The contract verified the proof itself.
        Hard = "hard",
    }
}

impl Guarantee {
    /// That of a root on chain, by the block since which it is hard.
    #[must_use]
    pub const fn of(hard_since: Option<u64>) -> Self {
        match hard_since {
            Some(_) => Self::Hard,
            None => Self::Soft,
        }
    }
}

impl ProofStatus {
    /// Whether nothing but a reorganisation of the chain can change it any more.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Final | Self::Rejected | Self::Failed)
    }
}
