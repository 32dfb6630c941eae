//! The demo as a process: everything real but the proving, for which the committed proof of this very
//! run is taken.

#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// `collimated demo` on a state folder, with a free port.
pub(crate) fn proving_demo(state: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_collimated"));
    command
        .current_dir(root())
        .args(["demo", "--json", "--state"])
        .arg(state)
        .args(more)
        .env("COLLIMATE_CHAIN_PORT", "0")
        .env("COLLIMATE_GATEWAY_PORT", "0")
        .env("COLLIMATE_BATCHER_PORT", "0")
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The same without a prover, with the committed proof of the run over the committed samples.
pub(crate) fn demo(state: &Path, more: &[&str]) -> Command {
    let reuse = ["--no-prover", "--reuse", "proofs/run/run.proof"];
    proving_demo(state, &[&reuse[..], more].concat())
}

pub(crate) fn report(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the demo failed:\n{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Reads the child's standard error until a line contains `text`.
pub(crate) fn wait_for_line(child: &mut Child, text: &str, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while errors.read_line(&mut line).is_ok_and(|read| read > 0) {
        let found = line.contains(text);
        if found || Instant::now() > deadline || line.starts_with("error:") {
            if !found {
                eprintln!("{line}");
            }
            // The pipe stays open: a child that cannot write its progress would end.
            child.stderr = Some(errors.into_inner());
            return found;
        }
        line.clear();
    }
    false
}
