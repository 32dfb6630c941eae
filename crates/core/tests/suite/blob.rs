//! The blob codec: every list of commitments has one form, and nothing else is read.

use collimate_core::{
    Commitment, Error, MAX_PROOFS_PER_RUN,
    blob::{self, BYTES_PER_BLOB, COMMITMENTS_PER_BLOB},
    keccak256,
};
use proptest::prelude::*;

fn commitments(count: usize) -> Vec<Commitment> {
    (0..count as u64).map(|i| Commitment(keccak256(&[b"blob", &i.to_be_bytes()]))).collect()
}

#[test]
fn sizes_are_those_of_the_specification() {
    assert_eq!(BYTES_PER_BLOB, 131_072);
    assert_eq!(COMMITMENTS_PER_BLOB, 3_968);
    assert_eq!(MAX_PROOFS_PER_RUN, 23_808);
}

#[test]
fn every_count_takes_the_fewest_blobs_and_comes_back() {
    let all = commitments(MAX_PROOFS_PER_RUN);
    // Every count around each blob's borders, and every 61st between them.
    let counts = (0..=MAX_PROOFS_PER_RUN).filter(|count| {
        let in_blob = count % COMMITMENTS_PER_BLOB;
        !(40..COMMITMENTS_PER_BLOB - 2).contains(&in_blob) || count % 61 == 0
    });
    for count in counts {
        let blobs = blob::encode(&all[..count]).unwrap();
        assert_eq!(blobs.len(), count.div_ceil(COMMITMENTS_PER_BLOB));
        assert_eq!(blob::decode(&blobs, count).unwrap(), &all[..count]);
    }
}

#[test]
fn more_than_a_run_does_not_fit() {
    let count = MAX_PROOFS_PER_RUN + 1;
    assert_eq!(blob::encode(&commitments(count)), Err(Error::TooManyProofs { count }));
    let blobs = vec![vec![0; BYTES_PER_BLOB]; 7];
    assert_eq!(blob::decode(&blobs, count), Err(Error::TooManyProofs { count }));
}

#[test]
fn what_is_not_of_the_codec_is_refused() {
    let good = blob::encode(&commitments(COMMITMENTS_PER_BLOB + 5)).unwrap();
    let count = COMMITMENTS_PER_BLOB + 5;
    let decode = |damage: fn(&mut Vec<Vec<u8>>)| {
        let mut blobs = good.clone();
        damage(&mut blobs);
        blob::decode(&blobs, count).unwrap_err()
    };

    assert_eq!(decode(|b| b.truncate(1)), Error::WrongBlobCount { count, expected: 2, found: 1 });
    assert_eq!(
        decode(|b| b.push(vec![0; BYTES_PER_BLOB])),
        Error::WrongBlobCount { count, expected: 2, found: 3 }
    );
    assert_eq!(
        decode(|b| b[1].truncate(131_071)),
        Error::WrongBlobSize { blob: 1, found: 131_071 }
    );
    assert_eq!(decode(|b| b[0].push(0)), Error::WrongBlobSize { blob: 0, found: 131_073 });
    assert_eq!(decode(|b| b[1].clear()), Error::WrongBlobSize { blob: 1, found: 0 });
    assert_eq!(decode(|b| b[0][0] = 1), Error::NonZeroFirstByte { blob: 0, element: 0 });
    assert_eq!(decode(|b| b[1][131_040] = 1), Error::NonZeroFirstByte { blob: 1, element: 4095 });
    assert_eq!(decode(|b| b[1][131_071] = 1), Error::NonZeroPadding { blob: 1 });
    // Five commitments are 160 bytes: five elements of 31, and five bytes of the sixth.
    assert_eq!(decode(|b| b[1][5 * 32 + 6] = 1), Error::NonZeroPadding { blob: 1 });
}

#[test]
fn a_smaller_count_than_was_written_is_refused() {
    let blobs = blob::encode(&commitments(5)).unwrap();
    for count in 1..5 {
        assert_eq!(blob::decode(&blobs, count), Err(Error::NonZeroPadding { blob: 0 }));
    }
    assert!(matches!(blob::decode(&blobs, 0), Err(Error::WrongBlobCount { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn garbage_is_refused_or_has_one_form(
        blobs in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                prop::collection::vec(any::<u8>(), 0..300).prop_map(|mut bytes| {
                    bytes.resize(BYTES_PER_BLOB, 0);
                    bytes.iter_mut().step_by(32).for_each(|byte| *byte = 0);
                    bytes
                }),
            ],
            0..4,
        ),
        count in prop_oneof![0..20_usize, 0..=MAX_PROOFS_PER_RUN, Just(usize::MAX)],
    ) {
        if let Ok(commitments) = blob::decode(&blobs, count) {
            prop_assert_eq!(commitments.len(), count);
            prop_assert_eq!(blob::encode(&commitments).unwrap(), blobs);
        }
    }
}
