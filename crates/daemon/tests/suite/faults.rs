//! What goes wrong around a run: operators, a second daemon, a full disk, wrong settings.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use crate::common::{demo, report, root, wait_for_line};

const PATIENCE: Duration = Duration::from_secs(120);

fn error_line(output: &Output) -> String {
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{errors}");
    errors.lines().find(|line| line.starts_with("error:")).unwrap_or_default().to_owned()
}

fn kill(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// An operator that takes every request and gives this answer, or none at all.
fn false_operator(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut silent = vec![];
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let Some(answer) = answer else {
                silent.push(connection);
                continue;
            };
            thread::spawn(move || {
                // Whoever closes early is not this operator's concern.
                let _ = connection.read(&mut [0; 1024]);
                let _ = connection.write_all(answer.as_bytes());
                let _ = std::io::copy(&mut connection, &mut std::io::sink());
            });
        }
    });
    format!("http://{address}")
}

/// Well-formed, and the generator of the group: not a signature over anything of ours.
const WRONG_SIGNATURE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 116\r\nconnection: close\r\n\r\n{\"signature\":\"0x97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb\"}  ";

#[test]
fn an_operator_that_signs_garbage_does_not_keep_the_run_from_finishing() {
    finishes_with(&format!("1={}", false_operator(Some(WRONG_SIGNATURE))));
}

#[test]
fn an_operator_that_never_answers_does_not_keep_the_run_from_finishing() {
    finishes_with(&format!("2={}", false_operator(None)));
}

fn finishes_with(operator: &str) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let report = report(&demo(&state, &["--operator", operator]).output().unwrap());
    assert_eq!(report["proofs"].as_array().unwrap().len(), 4);
    assert!(report["gas"].as_u64().unwrap() <= 300_000, "{}", report["gas"]);
}

#[test]
fn without_a_quorum_the_run_waits_and_says_who_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut child = demo(&state, &["--absent", "1,2", "--no-fast-mode", "--keep"]).spawn().unwrap();
    assert!(wait_for_line(&mut child, "wei are needed; operator 1 (0x", PATIENCE));
    kill("-TERM", child.id());
    let output = child.wait_with_output().unwrap();
    assert!(error_line(&output).contains("DMN-040"), "it stops cleanly, and says how to go on");
    // The operators are back: the same run goes on.
    let report = report(&demo(&state, &[]).output().unwrap());
    assert_eq!(report["proofs"].as_array().unwrap().len(), 4);
}

#[test]
fn a_second_daemon_on_the_same_state_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut first = demo(&state, &[]).spawn().unwrap();
    assert!(wait_for_line(&mut first, "Ethereum node", PATIENCE));
    let second = demo(&state, &[]).output().unwrap();
    assert!(error_line(&second).contains("DMN-002"));
    // The first did not notice.
    report(&first.wait_with_output().unwrap());
}

#[test]
fn a_disk_that_fills_up_costs_a_clear_error_and_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), 512) else {
        eprintln!("SKIPPED: mounting a small disk needs root");
        return;
    };
    let state = disk.0.join("state");
    // Everything is set up and the proofs are verified, but none is stored yet.
    let mut child = demo(&state, &["--keep"]).spawn().unwrap();
    assert!(wait_for_line(&mut child, "[2/", PATIENCE));
    kill("-TERM", child.id());
    child.wait_with_output().unwrap();

    let ballast = disk.0.join("ballast");
    fill(&ballast);
    let output = demo(&state, &["--keep"]).output().unwrap();
    let error = error_line(&output);
    assert!(error.contains('[') && error.to_lowercase().contains("space"), "{error}");

    std::fs::remove_file(&ballast).unwrap();
    let report = report(&demo(&state, &[]).output().unwrap());
    assert_eq!(report["proofs"].as_array().unwrap().len(), 4);
}

/// A file system of so many MiB in memory, unmounted at the end.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, mib: u32) -> Option<Self> {
        let size = format!("size={mib}m,mode=755");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder);
        mount.status().is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A disk that stays mounted is gone with the machine.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Writes until the disk is full.
fn fill(file: &Path) {
    let mut file = std::fs::File::create(file).unwrap();
    let block = vec![0_u8; 64 << 10];
    while file.write_all(&block).is_ok() {}
}

#[test]
fn a_devnet_says_where_it_is_and_stops_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut devnet = Command::new(env!("CARGO_BIN_EXE_collimated"))
        .current_dir(root())
        .args([
            "devnet",
            "--json",
            "--no-prover",
            "--chain-port",
            "0",
            "--gateway-port",
            "0",
            "--batcher-port",
            "0",
            "--state",
        ])
        .arg(&state)
        .env_remove("DATABASE_URL")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(devnet.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = ready["rpc_url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    assert!(ready["deployment"]["service"].as_str().unwrap().starts_with("0x"));
    assert!(TcpStream::connect(&url).is_ok(), "the node answers");

    kill("-TERM", devnet.id());
    assert!(devnet.wait().unwrap().success());
    assert!(TcpStream::connect(&url).is_err(), "the node is gone");
    assert!(!state.exists());
}

#[test]
fn wrong_settings_get_a_coded_error_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    for (more, words) in [
        (["--chunk-size", "3"], "power of two"),
        (["--chain-port", "http"], "--chain-port"),
        (["--operator", "9=http://localhost"], "numbers below 4"),
        (["--operator", "1=nowhere"], "nowhere"),
    ] {
        let error = error_line(&demo(&state, &more).output().unwrap());
        assert!(error.contains("DMN-003") && error.contains(words), "{error}");
    }
    let mut command = demo(&state, &[]);
    let error = error_line(&command.env("COLLIMATE_CHUNK_SIZE", "many").output().unwrap());
    assert!(error.contains("DMN-003") && error.contains("many"), "{error}");
    assert!(!state.exists(), "nothing was begun");
}

#[test]
fn what_is_missing_or_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = error_line(&demo(&state, &["--chain-port", &port]).output().unwrap());
    assert!(error.contains(&port) && error.contains("[CHN-"), "{error}");

    let mut command = demo(&state, &[]);
    let error = error_line(&command.env("COLLIMATE_ANVIL", "/nowhere/anvil").output().unwrap());
    assert!(error.contains("anvil") && error.contains("[CHN-"), "{error}");

    let output = demo(&state, &["--database-url", "postgres://nobody@127.0.0.1:1/none"]).output();
    let error = error_line(&output.unwrap());
    assert!(error.contains("[STO-"), "{error}");
}
