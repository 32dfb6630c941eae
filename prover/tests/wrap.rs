//! A real wrap on this machine: a development set-up, a committed proof wrapped under it, killed on the way, verified
//! natively, and everything that it does not hold for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use collimate_core::ProgramId;
use collimate_verifiers::{
    ProgramKey, Submission, VerifyError,
    sp1::{Sp1Groth16, Sp1Groth16Under},
    verify_guarded,
};

const SECOND: Duration = Duration::from_secs(1);

fn prover(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_collimate-prover"));
    command.args(arguments).stdout(Stdio::piped());
    command
}

/// What the command prints; it must succeed.
fn answer(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Waits until a file is there, while the process runs.
fn wait_for(path: &Path, child: &mut Child) {
    while !path.exists() {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("ended with {status} before it made {}", path.display());
        }
        sleep(SECOND);
    }
}

/// The first committed proof, and its program.
fn sample() -> (PathBuf, ProgramId, Vec<u8>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proofs");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_proof = |path: &&PathBuf| path.extension().is_some_and(|e| e == "proof");
    let path = paths.iter().find(is_proof).unwrap().clone();
    let key = bincode::deserialize(&fs::read(path.with_extension("vk")).unwrap()).unwrap();
    let proof: collimate_engine::SP1ProofWithPublicValues =
        bincode::deserialize(&fs::read(&path).unwrap()).unwrap();
    (path, ProgramId(collimate_engine::program_id(&key).0), proof.public_values.to_vec())
}

#[test]
#[ignore = "makes a development set-up where there is none, and wraps a proof: half an hour, 18 GB of memory, 8 GB of disk"]
fn proving_a_wrap_survives_a_kill_and_holds_for_nothing_else() {
    // The usual cache, so that a machine makes it once.
    let key_hash = answer(prover(&["artifacts", "build", "--mode", "dev"]));
    let contract_key: serde_json::Value =
        serde_json::from_str(&answer(prover(&["artifacts", "key", "--circuit", "dev"]))).unwrap();
    assert_eq!(contract_key["verifierHash"], key_hash);

    let folder = tempfile::tempdir().unwrap();
    let (proof, program_id, public_values) = sample();
    let (out, bytes, work) =
        (folder.path().join("out"), folder.path().join("bytes"), folder.path().join("work"));
    let wrap = || {
        let mut command = prover(&["wrap", "--circuit", "dev"]);
        command.arg(&proof).args(["--program-id", &program_id.to_string()]);
        command.arg("--out").arg(&out).arg("--contract-bytes").arg(&bytes).arg("--work").arg(&work);
        command
    };

    // Killed while it shrinks, and killed again while it proves the circuit.
    let mut child = wrap().spawn().unwrap();
    wait_for(&work.join("compressed.bin"), &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = wrap().spawn().unwrap();
    wait_for(&work.join("witness.json"), &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let output = wrap().stderr(Stdio::piped()).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    assert!(!log.contains("wrapped in"), "what was wrapped before the kill is used: {log}");
    assert!(!work.exists());

    let home = std::env::var("HOME").unwrap();
    let root = std::env::var("COLLIMATE_ARTIFACTS")
        .unwrap_or_else(|_| format!("{home}/.cache/collimate/circuits"));
    let circuit = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.display().to_string().contains("groth16-dev-"))
        .unwrap();
    let key = fs::read(circuit.join("groth16_vk.bin")).unwrap();
    let system = Sp1Groth16Under::new(key);
    let honest = Submission {
        proof: fs::read(&bytes).unwrap(),
        key: ProgramKey::ProgramId(program_id),
        public_values: Some(public_values),
    };
    assert_eq!(honest.proof.len(), 356);
    let check = |change: &dyn Fn(&mut Submission)| -> Result<(), VerifyError> {
        let mut submission = honest.clone();
        change(&mut submission);
        verify_guarded(&system, &submission).map(drop)
    };
    check(&|_| ()).unwrap();
    // Selector, exit code, root, nonce, and each coordinate of the three points.
    for at in [0, 3].into_iter().chain((4..356).step_by(32)).chain((35..356).step_by(32)) {
        assert!(check(&|s| s.proof[at] ^= 1).is_err(), "byte {at}");
    }
    assert!(check(&|s| s.proof.truncate(355)).is_err());
    assert!(check(&|s| s.public_values.as_mut().unwrap().push(0)).is_err());
    assert!(check(&|s| s.key = ProgramKey::ProgramId(ProgramId([1; 32]))).is_err());
    // A development set-up is worth nothing where SP1's own counts.
    assert!(verify_guarded(&Sp1Groth16, &honest).is_err());
}
