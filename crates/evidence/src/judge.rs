//! What the verifier's answer means for those who signed.

use collimate_batch::Item;
use collimate_verifiers::{ProgramKey, Submission, VerifiedProof, VerifyError};

/// What the verifier's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// The proof shows what the manifest says of it.
    Holds,
    /// It does not: nobody who verified it can have signed.
    Refused(VerifyError),
    /// The answer says more of the machine, or of the program's version, than of the proof.
    Undecided(VerifyError),
}

/// What is verified of an item with these parts.
#[must_use]
pub fn submission(
    item: &Item,
    proof: Vec<u8>,
    public_inputs: Vec<u8>,
    verification_key: Option<Vec<u8>>,
) -> Submission {
    let key = match verification_key {
        Some(key) => ProgramKey::VerifyingKey(key),
        None => ProgramKey::ProgramId(item.program_id),
    };
    Submission { proof, key, public_values: Some(public_inputs) }
}

/// Holds the verifier's answer against what the manifest says of the proof.
#[must_use]
pub fn judge(
    item: &Item,
    public_inputs: &[u8],
    answer: Result<VerifiedProof, VerifyError>,
) -> Judgement {
    match answer {
        Ok(found) if found.program_id != item.program_id => {
            let (found, expected) = (found.program_id.to_string(), item.program_id.to_string());
            Judgement::Refused(VerifyError::WrongKey { found, expected })
        }
        Ok(found) if found.public_values != public_inputs => {
            Judgement::Refused(VerifyError::WrongPublicValues)
        }
        Ok(_) => Judgement::Holds,
        Err(error) if is_of_the_proof(&error) => Judgement::Refused(error),
        Err(error) => Judgement::Undecided(error),
    }
}

/// Whether every verifier of the proof system refuses the same bytes. New kinds of errors are not, until they are listed here.
fn is_of_the_proof(error: &VerifyError) -> bool {
    matches!(
        error,
        VerifyError::Empty
            | VerifyError::Malformed { .. }
            | VerifyError::CoreProof
            | VerifyError::WrongForm { .. }
            | VerifyError::WrongVersion { .. }
            | VerifyError::WrongKey { .. }
            | VerifyError::WrongPublicValues
            | VerifyError::Blake3Digest
            | VerifyError::MalformedKey { .. }
            | VerifyError::ProgramFailed { .. }
            | VerifyError::Rejected { .. }
            | VerifyError::MissingPublicValues
            | VerifyError::MalformedPublicInputs { .. }
    )
}

#[cfg(test)]
mod tests {
    use collimate_batch::Part;
    use collimate_core::{Commitment, ProgramId};
    use collimate_verifiers::VerifiedProof;

    use super::*;

    fn item() -> Item {
        Item {
            proving_system: 0,
            program_id: ProgramId([7; 32]),
            proof: Part::of(b"proof"),
            public_inputs: Part::of(b"inputs"),
            verification_key: None,
            generator: Default::default(),
        }
    }

    fn verified(program: u8, values: &[u8]) -> Result<VerifiedProof, VerifyError> {
        let program_id = ProgramId([program; 32]);
        let commitment = Commitment::new(values, &program_id);
        Ok(VerifiedProof { program_id, public_values: values.to_vec(), commitment, sp1: None })
    }

    #[test]
    fn a_proof_of_something_else_is_refused() {
        assert_eq!(judge(&item(), b"inputs", verified(7, b"inputs")), Judgement::Holds);
        let other_program = judge(&item(), b"inputs", verified(8, b"inputs"));
        assert!(matches!(other_program, Judgement::Refused(VerifyError::WrongKey { .. })));
        let other_inputs = judge(&item(), b"inputs", verified(7, b"others"));
        assert_eq!(other_inputs, Judgement::Refused(VerifyError::WrongPublicValues));
    }

    #[test]
    fn what_a_machine_or_version_lacks_is_no_refusal() {
        let large = VerifyError::TooLarge { part: "proof", bytes: 2, limit: 1, remedy: "" };
        let kind = VerifyError::Unsupported { what: "x", remedy: "" };
        let panicked = VerifyError::Panicked { reason: String::new() };
        for error in [large, kind, panicked, VerifyError::Busy, VerifyError::Stopped] {
            let judged = judge(&item(), b"inputs", Err(error.clone()));
            assert_eq!(judged, Judgement::Undecided(error));
        }
        let rejected = VerifyError::Rejected { reason: String::new() };
        let judged = judge(&item(), b"inputs", Err(rejected.clone()));
        assert_eq!(judged, Judgement::Refused(rejected));
    }
}
