//! Any bytes as a compressed proof: no panic, no allocation out of proportion, nothing accepted that says something
//! else than the real proofs of the corpus.
//!
//! Run with a nightly compiler; a real proof makes a good corpus:
//! `mkdir -p corpus/compressed && cp <proof file> corpus/compressed/`, then
//! `cargo +nightly fuzz run compressed -- -max_len=1400000 -rss_limit_mb=2048`.

#![no_main]

use std::sync::LazyLock;

use collimate_core::ProgramId;
use collimate_verifiers::{ProgramKey, ProofSystem, Submission, sp1::Sp1Compressed};
use libfuzzer_sys::fuzz_target;

/// Of the proof in the fixtures, `sp1/compressed-v6.1.0`.
const PROGRAM: &str = "0x00e3f2f3dd11e3c2b28234e713a91d6b248fd3ca81619d8bcc6f4ecd7b57a292";

static VERIFIER: LazyLock<Sp1Compressed> = LazyLock::new(Sp1Compressed::default);

fuzz_target!(|proof: &[u8]| {
    let program_id: ProgramId = PROGRAM.parse().expect("a program id");
    let submission = Submission {
        proof: proof.to_vec(),
        key: ProgramKey::ProgramId(program_id),
        public_values: None,
    };
    // A panic is a finding here, so nothing catches it.
    if let Ok(verified) = VERIFIER.verify(&submission) {
        assert_eq!(verified.program_id, program_id);
    }
    let key = Submission { key: ProgramKey::VerifyingKey(proof.to_vec()), ..submission };
    let _ = VERIFIER.program_id(&key.key);
});
