//! The statuses, and which may follow which. The database enforces the same tables with triggers.

use std::fmt;
use std::str::FromStr;

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef, Postgres};

/// An enum that is text in the database, in the interfaces and in logs: the same word everywhere.
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value, in the order of a normal course.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == word)
                    .ok_or_else(|| UnknownWord { kind: stringify!($name), word: word.into() })
            }
        }

        impl sqlx::Type<Postgres> for $name {
            fn type_info() -> PgTypeInfo {
                <str as sqlx::Type<Postgres>>::type_info()
            }
        }

        impl<'r> sqlx::Decode<'r, Postgres> for $name {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                Ok(<&str as sqlx::Decode<'r, Postgres>>::decode(value)?.parse()?)
            }
        }
    };
}

/// A word that names no value of the enum.
#[derive(Debug, thiserror::Error)]
#[error("{word:?} is no {kind}")]
pub struct UnknownWord {
    kind: &'static str,
    word: String,
}

text_enum! {
    /// The system a proof was made with.
    ProofSystem {
        /// SP1, compressed form.
        Sp1 = "sp1",
    }
}

text_enum! {
    /// Where a proof stands.
    ProofStatus {
        /// Stored, not looked at.
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
        /// Refused at the door. The code says why.
        Rejected = "rejected",
        /// Accepted, and ended without being aggregated. The code says why.
        Failed = "failed",
    }
}

text_enum! {
    /// Where a run stands.
    RunStatus {
        /// Its jobs are being proven.
        Proving = "proving",
        /// The final proof exists; operators verify and sign it.
        Attesting = "attesting",
        /// Everything that the contract needs exists; the transaction is to be sent.
        Submitting = "submitting",
        /// Sent, or registered by somebody else; waiting for confirmations.
        Confirming = "confirming",
        /// On chain, with all confirmations.
        Final = "final",
        /// Given up. The code says why; its proofs went back to the queue or failed.
        Failed = "failed",
    }
}

text_enum! {
    /// Where a proving job stands.
    JobStatus {
        /// To be proven.
        Wanted = "wanted",
        /// Handed to the proving process.
        Proving = "proving",
        /// Its output is in the object store.
        Done = "done",
        /// It died too often. The code says why.
        Failed = "failed",
    }
}

text_enum! {
    /// Where a payment stands.
    PaymentStatus {
        /// In a block, without all confirmations.
        Seen = "seen",
        /// Confirmed: its credits can be spent.
        Credited = "credited",
        /// A reorganisation deeper than the confirmations took it back.
        Revoked = "revoked",
    }
}

text_enum! {
    /// Where a group of fast mode stands.
    GroupStatus {
        /// Waits for a batch.
        Accepted = "accepted",
        /// In a batch whose task is on its way.
        Batched = "batched",
        /// Its task is on chain.
        Open = "open",
        /// A quorum verified its batch.
        Verified = "verified",
        /// Dropped before it was charged. The code says why.
        Rejected = "rejected",
        /// Its task ended without being verified, and its charge was given back. The code says why.
        Failed = "failed",
    }
}

text_enum! {
    /// Where a batch of fast mode stands.
    BatchStatus {
        /// Chosen, not published yet.
        Closed = "closed",
        /// Published; the transaction that creates its task is on its way.
        Sent = "sent",
        /// Its task can be answered.
        Open = "open",
        /// A quorum answered.
        Verified = "verified",
        /// Its payment was given to the batcher.
        Settled = "settled",
        /// Nobody answered in time.
        Expired = "expired",
        /// Its payment was given back.
        Refunded = "refunded",
        /// It could not be sent; its groups wait for another one.
        Dissolved = "dissolved",
    }
}

impl GroupStatus {
    /// Whether `next` may follow.
    pub const fn may_become(self, next: Self) -> bool {
        use GroupStatus::*;
        matches!(
            (self, next),
            (Accepted, Batched | Rejected | Open | Verified | Failed)
                | (Batched, Accepted | Rejected | Open | Verified | Failed)
                | (Open, Verified | Failed | Batched)
                | (Verified, Open | Batched)
                | (Failed, Open | Batched)
        )
    }

    /// Whether nothing but a reorg can change it any more.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Verified | Self::Rejected | Self::Failed)
    }
}

impl ProofStatus {
    /// Whether `next` may follow.
    pub const fn may_become(self, next: Self) -> bool {
        use ProofStatus::*;
        matches!(
            (self, next),
            (Received, Verified | Rejected)
                | (Verified, Queued | Rejected)
                | (Queued, Proving)
                | (Proving, Aggregated | Queued | Failed)
                | (Aggregated, Submitted | Queued | Failed | Proving)
                | (Submitted, Final | Aggregated)
                | (Final, Aggregated)
        )
    }

    /// Whether nothing but a reorg can change it any more.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Final | Self::Rejected | Self::Failed)
    }
}

impl RunStatus {
    /// Whether `next` may follow.
    pub const fn may_become(self, next: Self) -> bool {
        use RunStatus::*;
        matches!(
            (self, next),
            (Proving, Attesting | Failed)
                | (Attesting, Submitting | Proving | Failed)
                | (Submitting, Confirming | Attesting | Proving | Failed)
                | (Confirming, Final | Submitting)
                | (Final, Submitting)
        )
    }
}

impl PaymentStatus {
    /// Whether `next` may follow.
    pub const fn may_become(self, next: Self) -> bool {
        use PaymentStatus::*;
        matches!((self, next), (Seen, Credited) | (Credited, Revoked))
    }
}

impl JobStatus {
    /// Whether `next` may follow.
    pub const fn may_become(self, next: Self) -> bool {
        use JobStatus::*;
        matches!(
            (self, next),
            (Wanted, Proving | Done)
                | (Proving, Done | Failed)
                | (Failed, Proving | Done)
                | (Done, Wanted)
        )
    }
}
