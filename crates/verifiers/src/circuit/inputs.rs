//! Public inputs of circuits: words of 32 bytes, each a reduced scalar.

use super::encoding::Element;
use crate::VerifyError;

/// Bytes of a public input.
pub(crate) const WORD: usize = 32;

/// Reads exactly as many public inputs as the key has. A second encoding of an input, with the field's order added,
/// is refused: it would be another statement to whoever hashes it.
pub(crate) fn read<F: Element>(words: &[u8], expected: usize) -> Result<Vec<F>, VerifyError> {
    let malformed = |reason: String| VerifyError::MalformedPublicInputs { reason };
    let (count, rest) = (words.len() / WORD, words.len() % WORD);
    if rest != 0 {
        return Err(malformed(format!("{} bytes are not a number of words", words.len())));
    }
    if count != expected {
        return Err(malformed(format!("there are {count}, the circuit has {expected}")));
    }
    words
        .chunks_exact(WORD)
        .enumerate()
        .map(|(index, word)| {
            F::read(word).ok_or_else(|| malformed(format!("number {index} is not reduced")))
        })
        .collect()
}
