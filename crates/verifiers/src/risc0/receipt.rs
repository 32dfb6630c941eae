use collimate_core::{Commitment, ProgramId};
use risc0_zkp::verify::VerificationError;
use risc0_zkvm::{
    Digest, ExitCode, FakeReceipt, Groth16Receipt, InnerAssumptionReceipt, InnerReceipt, Receipt,
    SegmentReceipt, SuccinctReceipt, Unknown, VerifierContext, sha::Digestible,
};
use serde::{Deserialize, Deserializer, de::Error};

use super::{image_id, version::Version};
use crate::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError, canonical,
    limits::{
        MAX_PUBLIC_VALUES_BYTES, MAX_RISC0_COMPOSITE_BYTES, MAX_RISC0_SUCCINCT_BYTES, within,
    },
};

/// RISC Zero's composite receipts, of version 3.0: a proof for each segment of an execution.
#[derive(Debug, Clone, Copy, Default)]
pub struct Risc0Composite;

/// RISC Zero's succinct receipts, of version 3.0: one proof of fixed size.
#[derive(Debug, Clone, Copy, Default)]
pub struct Risc0Succinct;

/// The same of versions 2.2 and 2.3.
#[derive(Debug, Clone, Copy, Default)]
pub struct Risc0SuccinctV2;

impl ProofSystem for Risc0Composite {
    fn name(&self) -> &'static str {
        "risc0-composite"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_RISC0_COMPOSITE_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        image_id(key)
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify(submission, Form::Composite, Version::V3, MAX_RISC0_COMPOSITE_BYTES)
    }
}

impl ProofSystem for Risc0Succinct {
    fn name(&self) -> &'static str {
        "risc0-succinct"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_RISC0_SUCCINCT_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        image_id(key)
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify(submission, Form::Succinct, Version::V3, MAX_RISC0_SUCCINCT_BYTES)
    }
}

impl ProofSystem for Risc0SuccinctV2 {
    fn name(&self) -> &'static str {
        "risc0-succinct-v2"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_RISC0_SUCCINCT_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        image_id(key)
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify(submission, Form::Succinct, Version::V2, MAX_RISC0_SUCCINCT_BYTES)
    }
}

/// Order of the field of RISC Zero's proofs, 15 · 2^27 + 1.
const BABY_BEAR: u32 = 15 << 27 | 1;

/// The forms of receipts, in the order of their numbers in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Composite,
    Succinct,
    Groth16,
    Fake,
}

impl Form {
    fn of(bytes: &[u8]) -> Result<Self, VerifyError> {
        let number = bytes.first_chunk::<4>().copied().map(u32::from_le_bytes);
        match number {
            Some(0) => Ok(Self::Composite),
            Some(1) => Ok(Self::Succinct),
            Some(2) => Ok(Self::Groth16),
            Some(3) => Ok(Self::Fake),
            _ => Err(VerifyError::Malformed { reason: "unknown form of receipt".to_owned() }),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Composite => "composite",
            Self::Succinct => "succinct",
            Self::Groth16 => "Groth16",
            Self::Fake => "fake (development mode)",
        }
    }
}

/// A composite receipt none of whose assumptions is one, either. The library's own type is nested without a bound, and
/// so is its parser: it would run out of stack, which no verifier survives.
#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed to see whether it can be")]
struct FlatComposite {
    segments: Vec<SegmentReceipt>,
    assumptions: Vec<FlatAssumption>,
    verifier_parameters: Digest,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed to see whether it can be")]
enum FlatAssumption {
    Composite(TooDeep),
    Succinct(SuccinctReceipt<Unknown>),
    Groth16(Groth16Receipt<Unknown>),
    Fake(FakeReceipt<Unknown>),
}

enum TooDeep {}

impl<'de> Deserialize<'de> for TooDeep {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("a composite receipt as an assumption; compress that one first"))
    }
}

fn verify(
    submission: &Submission,
    expected: Form,
    version: Version,
    max_bytes: usize,
) -> Result<VerifiedProof, VerifyError> {
    let program_id = image_id(&submission.key)?;
    let receipt = parse(&submission.proof, expected, max_bytes)?;
    let journal = &receipt.journal.bytes;
    if submission.public_values.as_ref().is_some_and(|claimed| claimed != journal) {
        return Err(VerifyError::WrongPublicValues);
    }
    let context = version.context();
    check_labels(&receipt, version, &context)?;
    check_paths(&receipt.inner)?;
    receipt
        .verify_with_context(&context, program_id.0)
        .map_err(|error| explain(&receipt, program_id, version, &error))?;
    Ok(VerifiedProof {
        program_id,
        public_values: journal.clone(),
        commitment: Commitment::new(journal, &program_id),
        sp1: None,
    })
}

fn parse(bytes: &[u8], expected: Form, max_bytes: usize) -> Result<Receipt, VerifyError> {
    if bytes.is_empty() {
        return Err(VerifyError::Empty);
    }
    within("the proof", bytes.len(), max_bytes, "compress the receipt to a succinct one")?;
    let found = Form::of(bytes)?;
    if found != expected {
        return Err(VerifyError::WrongForm { found: found.name(), expected: expected.name() });
    }
    let malformed = |reason| VerifyError::Malformed { reason };
    if let (Form::Composite, Some(body)) = (found, bytes.get(4..)) {
        canonical::read::<FlatComposite>(body).map_err(malformed)?;
    }
    let (receipt, rest) = canonical::read::<Receipt>(bytes).map_err(malformed)?;
    if !rest.is_empty() || !canonical::is_encoding_of(bytes, &receipt) {
        return Err(VerifyError::Malformed {
            reason: "its encoding is not the canonical one".to_owned(),
        });
    }
    let remedy = "commit a hash of the journal's content in the program";
    within("the journal", receipt.journal.bytes.len(), MAX_PUBLIC_VALUES_BYTES, remedy)?;
    Ok(receipt)
}

/// Numbers and parameters that the library does not look at in a composite receipt: with others, the same proof would
/// have other encodings.
fn check_labels(
    receipt: &Receipt,
    version: Version,
    context: &VerifierContext,
) -> Result<(), VerifyError> {
    let Ok(composite) = receipt.inner.composite() else { return Ok(()) };
    let whole = context.composite_verifier_parameters().map(|parameters| parameters.digest());
    if Some(composite.verifier_parameters) != whole {
        return Err(version.wrong_parameters(&composite.verifier_parameters));
    }
    let segment =
        context.segment_verifier_parameters.as_ref().map(|parameters| parameters.digest());
    let mut labels = composite.segments.iter().map(|segment| &segment.verifier_parameters);
    if let Some(other) = labels.find(|label| Some(**label) != segment) {
        return Err(version.wrong_parameters(other));
    }
    if !(0..).zip(&composite.segments).all(|(index, segment)| segment.index == index) {
        return Err(VerifyError::Malformed { reason: "its segments are not in order".to_owned() });
    }
    Ok(())
}

/// The paths of succinct receipts to their control root: the library panics on a digest that Poseidon2 cannot take.
fn check_paths(receipt: &InnerReceipt) -> Result<(), VerifyError> {
    let reduced = match receipt {
        InnerReceipt::Succinct(succinct) => has_reduced_path(succinct),
        InnerReceipt::Composite(composite) => {
            composite.assumption_receipts.iter().all(|assumption| match assumption {
                InnerAssumptionReceipt::Succinct(succinct) => has_reduced_path(succinct),
                _ => true,
            })
        }
        _ => true,
    };
    if reduced {
        Ok(())
    } else {
        Err(VerifyError::Malformed { reason: "a digest is not reduced".to_owned() })
    }
}

fn has_reduced_path<Claim>(receipt: &SuccinctReceipt<Claim>) -> bool {
    receipt.hashfn != "poseidon2"
        || receipt
            .control_inclusion_proof
            .digests
            .iter()
            .all(|digest| digest.as_words().iter().all(|word| *word < BABY_BEAR))
}

/// What the library calls a mismatch of claims, named by what differs.
fn explain(
    receipt: &Receipt,
    expected: ProgramId,
    version: Version,
    error: &VerificationError,
) -> VerifyError {
    match error {
        VerificationError::VerifierParametersMismatch { received, .. } => {
            version.wrong_parameters(received)
        }
        VerificationError::ClaimDigestMismatch { .. } => mismatch(receipt, expected)
            .unwrap_or_else(|| VerifyError::Rejected { reason: error.to_string() }),
        other => VerifyError::Rejected { reason: other.to_string() },
    }
}

fn mismatch(receipt: &Receipt, expected: ProgramId) -> Option<VerifyError> {
    let claim = receipt.claim().ok()?;
    let claim = claim.as_value().ok()?;
    let image = claim.pre.digest();
    if image != Digest::from(expected.0) {
        let found = ProgramId(image.into());
        return Some(VerifyError::WrongKey {
            found: found.to_string(),
            expected: expected.to_string(),
        });
    }
    if claim.exit_code != ExitCode::Halted(0) {
        return Some(VerifyError::ProgramFailed { exit_code: format!("{:?}", claim.exit_code) });
    }
    Some(VerifyError::WrongPublicValues)
}
