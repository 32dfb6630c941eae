//! The command as its users start it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// A command without the caller's environment.
pub(crate) fn collimate(arguments: &[&str]) -> Output {
    start(&[], arguments)
}

/// A command with this environment alone.
pub(crate) fn start(environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_collimate"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the command starts")
}

/// Runs with `--json`, checks the exit code and parses stdout.
pub(crate) fn json(arguments: &[&str], exit_code: i32) -> Value {
    json_in(&[], arguments, exit_code)
}

/// The same with this environment.
pub(crate) fn json_in(environment: &[(&str, &str)], arguments: &[&str], exit_code: i32) -> Value {
    let output = start(environment, &[arguments, &["--json"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(exit_code), "{arguments:?}: {stderr}{stdout}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    serde_json::from_str(&stdout).expect("stdout is JSON and nothing else")
}

/// Code of an error or of a verdict.
pub(crate) fn code(answer: &Value) -> &str {
    answer["code"].as_str().or(answer["error"]["code"].as_str()).expect("a code")
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A real proof with its key beside it.
pub(crate) fn real_proof() -> Option<String> {
    let proof = repository().join("proofs/fibonacci.proof");
    if proof.is_file() {
        return Some(proof.to_str().unwrap().to_owned());
    }
    eprintln!("!!! SKIPPED: {} is not there", proof.display());
    None
}

pub(crate) fn file(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}
