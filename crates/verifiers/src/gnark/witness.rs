//! The file that gnark writes for a public witness.

use crate::{
    VerifyError,
    circuit::inputs::WORD,
    limits::{MAX_PUBLIC_VALUES_BYTES, within},
};

/// Numbers of public and of secret inputs, and of all of them: four bytes each.
const HEADER: usize = 12;

/// Public inputs as the verifiers take them, from the bytes of a public witness's `MarshalBinary`.
///
/// # Errors
/// The file is something else, or a full witness, which holds secrets.
pub fn public_inputs(file: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let malformed = |reason: &str| VerifyError::MalformedPublicInputs { reason: reason.to_owned() };
    let remedy = "make a hash of them the only public input";
    within("the public inputs", file.len(), MAX_PUBLIC_VALUES_BYTES + HEADER, remedy)?;
    let number = |at: usize| {
        let bytes = file.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes).ok_or_else(|| malformed("no header of gnark's witness"))
    };
    let (public, secret, all) = (number(0)?, number(4)?, number(8)?);
    if secret != 0 {
        return Err(malformed("this witness has secret inputs; save the public part only"));
    }
    let words = file.get(HEADER..).unwrap_or_default();
    let expected = usize::try_from(public).ok().and_then(|count| count.checked_mul(WORD));
    if public != all || expected != Some(words.len()) {
        return Err(malformed("the numbers in the witness's header do not fit its length"));
    }
    Ok(words.to_vec())
}
