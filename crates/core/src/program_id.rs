use crate::{Error, hash::hex_text};

/// KoalaBear, the field of SP1's proofs: 2^31 - 2^24 + 1.
const KOALABEAR_MODULUS: u32 = 0x7f00_0001;

/// What was proven. For SP1 it is `bytes32()` of the verifying key, the value that SP1's tools print and
/// `ISP1Verifier` takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProgramId(pub [u8; 32]);

hex_text!(ProgramId);

impl ProgramId {
    /// Packs the words of a verifying key's `hash_u32()`: eight times 31 bits, big-endian, behind eight
    /// zero bits. Of a word only the lower 31 bits are used; field elements have no others.
    #[must_use]
    pub fn from_sp1_words(words: [u32; 8]) -> Self {
        let mut bytes = [0; 32];
        // A window that is filled from the right and emptied from the left, byte by byte; it starts
        // with the eight zero bits that make 8 · 31 bits a multiple of bytes.
        let (mut window, mut filled, mut next) = (0_u64, 8_u32, 0_usize);
        for word in words {
            window = window << 31 | u64::from(word & 0x7fff_ffff);
            filled += 31;
            while filled >= 8 {
                filled -= 8;
                if let Some(byte) = bytes.get_mut(next) {
                    *byte = (window >> filled) as u8;
                }
                next += 1;
            }
            window &= (1 << filled) - 1;
        }
        Self(bytes)
    }

    /// The eight words that [`Self::from_sp1_words`] packed: what recursive verification uses.
    ///
    /// # Errors
    /// [`Error::NotAnSp1ProgramId`] if the first byte is not zero or a word is no canonical field element;
    /// without this check two different ids could name one key.
    pub fn sp1_words(&self) -> Result<[u32; 8], Error> {
        let [0, rest @ ..] = &self.0 else { return Err(Error::NotAnSp1ProgramId) };
        let mut words = [0; 8];
        let (mut window, mut filled) = (0_u64, 0_u32);
        let mut bytes = rest.iter();
        for word in &mut words {
            while filled < 31 {
                let byte = bytes.next().ok_or(Error::NotAnSp1ProgramId)?;
                window = window << 8 | u64::from(*byte);
                filled += 8;
            }
            filled -= 31;
            *word = (window >> filled) as u32;
            window &= (1 << filled) - 1;
            if *word >= KOALABEAR_MODULUS {
                return Err(Error::NotAnSp1ProgramId);
            }
        }
        Ok(words)
    }
}
