/// What is wrong with a value from outside. Each case has a stable code, the same in logs, API and docs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that is not 32 bytes of hexadecimal.
    #[error("[COR-001] not 32 bytes of hexadecimal: expected 0x and 64 digits")]
    NotHex32,
    /// A program id that packs no SP1 verifying key.
    #[error(
        "[COR-002] not the id of an SP1 program: its words must be below 0x7f000001 and its first byte \
         zero; use the value that `collimate program-id` prints"
    )]
    NotAnSp1ProgramId,
    /// A tree without leaves.
    #[error("[COR-003] a tree needs at least one leaf")]
    EmptyTree,
    /// A path to a leaf that the tree does not have.
    #[error("[COR-004] the tree has {count} leaves: there is no leaf {index}")]
    NoSuchLeaf {
        /// The leaf asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// More proofs than a run can cover.
    #[error("[COR-005] {count} proofs are more than the {max} of one run: split them", max = crate::MAX_PROOFS_PER_RUN)]
    TooManyProofs {
        /// How many there are.
        count: usize,
    },
    /// Not as many blobs as that many commitments take.
    #[error(
        "[COR-006] {count} commitments take {expected} blobs, not {found}: fetch all blobs of the run, in order"
    )]
    WrongBlobCount {
        /// Commitments expected in the blobs.
        count: usize,
        /// Blobs that they take.
        expected: usize,
        /// Blobs that were given.
        found: usize,
    },
    /// A blob of another size than EIP-4844's.
    #[error("[COR-007] blob {blob} has {found} bytes instead of 131072: fetch it again")]
    WrongBlobSize {
        /// Which blob.
        blob: usize,
        /// Its size in bytes.
        found: usize,
    },
    /// A field element whose first byte is not zero.
    #[error(
        "[COR-008] field element {element} of blob {blob} starts with a byte other than zero: not a blob of this codec"
    )]
    NonZeroFirstByte {
        /// Which blob.
        blob: usize,
        /// Which field element in it.
        element: usize,
    },
    /// Something behind the last commitment.
    #[error(
        "[COR-009] blob {blob} goes on behind its last commitment: the number of commitments is wrong, or it is not a blob of this codec"
    )]
    NonZeroPadding {
        /// Which blob.
        blob: usize,
    },
    /// Public values of another size than the statement's.
    #[error(
        "[COR-010] a statement of {expected} bytes was expected, not {found}: public values of another program"
    )]
    WrongStatementSize {
        /// Size of the statement in bytes.
        expected: usize,
        /// Size of what was given.
        found: usize,
    },
    /// A version that this program does not know.
    #[error("[COR-011] the statement's version is not 1: upgrade, or check the program id")]
    UnknownVersion,
    /// A number of leaves that no run has.
    #[error("[COR-012] the statement's number of leaves is not within 1 to {max}", max = crate::MAX_PROOFS_PER_RUN)]
    LeafCountOutOfRange,
    /// A guest's input that ends too early.
    #[error("[COR-013] the guest's input ends too early: encode it with this version's `encode`")]
    InputTooShort,
    /// A guest's input that goes on behind its end.
    #[error(
        "[COR-014] the guest's input has {extra} bytes behind its end: encode it with this version's `encode`"
    )]
    TrailingInput {
        /// How many bytes too many.
        extra: usize,
    },
    /// A form of run input that does not exist.
    #[error(
        "[COR-015] the run's input has the unknown form {form}: encode it with this version's `encode`"
    )]
    UnknownRunForm {
        /// The form's number.
        form: u32,
    },
    /// Nothing to aggregate.
    #[error("[COR-016] no proofs: a run covers at least one")]
    NoProofs,
    /// A chunk size that is no power of two of a run.
    #[error("[COR-017] chunks of 2^{log2} proofs are larger than a run: use at most 2^{max}", max = crate::guest::MAX_CHUNK_SIZE_LOG2)]
    ChunkSizeOutOfRange {
        /// Base-2 logarithm of the chunk size.
        log2: u32,
    },
    /// A chunk that breaks the rule of sizes.
    #[error(
        "[COR-018] chunk {chunk} has {found} proofs: every chunk has {size}, and only the last may have fewer, but one at least"
    )]
    WrongChunkSize {
        /// Which chunk.
        chunk: usize,
        /// Its number of proofs.
        found: usize,
        /// The run's chunk size.
        size: usize,
    },
}

impl Error {
    /// The stable code, as in the message's brackets.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotHex32 => "COR-001",
            Self::NotAnSp1ProgramId => "COR-002",
            Self::EmptyTree => "COR-003",
            Self::NoSuchLeaf { .. } => "COR-004",
            Self::TooManyProofs { .. } => "COR-005",
            Self::WrongBlobCount { .. } => "COR-006",
            Self::WrongBlobSize { .. } => "COR-007",
            Self::NonZeroFirstByte { .. } => "COR-008",
            Self::NonZeroPadding { .. } => "COR-009",
            Self::WrongStatementSize { .. } => "COR-010",
            Self::UnknownVersion => "COR-011",
            Self::LeafCountOutOfRange => "COR-012",
            Self::InputTooShort => "COR-013",
            Self::TrailingInput { .. } => "COR-014",
            Self::UnknownRunForm { .. } => "COR-015",
            Self::NoProofs => "COR-016",
            Self::ChunkSizeOutOfRange { .. } => "COR-017",
            Self::WrongChunkSize { .. } => "COR-018",
        }
    }
}
