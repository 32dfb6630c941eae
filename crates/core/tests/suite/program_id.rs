//! Program ids: text form, packing, and what no SP1 program can be named.

use collimate_core::{Commitment, Error, ProgramId};
use proptest::prelude::*;

const MODULUS: u32 = 0x7f00_0001;

#[test]
fn text_is_hexadecimal_with_an_optional_prefix() {
    let id = ProgramId([0xab; 32]);
    let text = format!("0x{}", "ab".repeat(32));
    assert_eq!(id.to_string(), text);
    assert_eq!(text.parse::<ProgramId>().unwrap(), id);
    assert_eq!("AB".repeat(32).parse::<ProgramId>().unwrap(), id);
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<ProgramId>(&format!("\"{text}\"")).unwrap(), id);
    assert_eq!(text.parse::<Commitment>().unwrap(), Commitment([0xab; 32]));
}

#[test]
fn other_text_is_refused() {
    let long = format!("0x{}", "ab".repeat(33));
    for text in ["", "0x", "0xab", &"zz".repeat(32), &long, &format!(" 0x{}", "ab".repeat(32))] {
        assert_eq!(text.parse::<ProgramId>(), Err(Error::NotHex32), "{text}");
    }
}

#[test]
fn an_id_with_a_first_byte_is_no_sp1_program() {
    let mut id = ProgramId::from_sp1_words([1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(id.sp1_words().is_ok());
    id.0[0] = 1;
    assert_eq!(id.sp1_words(), Err(Error::NotAnSp1ProgramId));
}

#[test]
fn words_that_are_no_field_elements_are_refused_at_each_place() {
    for place in 0..8 {
        for (word, canonical) in [
            (0, true),
            (MODULUS - 1, true),
            (MODULUS, false),
            (MODULUS + 1, false),
            (0x7fff_ffff, false),
        ] {
            let mut words = [7; 8];
            words[place] = word;
            let unpacked = ProgramId::from_sp1_words(words).sp1_words();
            let expected = if canonical { Ok(words) } else { Err(Error::NotAnSp1ProgramId) };
            assert_eq!(unpacked, expected, "{word} at {place}");
        }
    }
}

proptest! {
    #[test]
    fn packing_loses_nothing(words in prop::array::uniform8(0..MODULUS)) {
        prop_assert_eq!(ProgramId::from_sp1_words(words).sp1_words(), Ok(words));
    }

    #[test]
    fn one_id_names_one_key(bytes in prop::array::uniform31(any::<u8>())) {
        let mut id = [0; 32];
        id[1..].copy_from_slice(&bytes);
        if let Ok(words) = ProgramId(id).sp1_words() {
            prop_assert_eq!(ProgramId::from_sp1_words(words), ProgramId(id));
        }
    }
}
