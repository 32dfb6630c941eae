//! Keys: made, imported, used, and never shown.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use alloy::primitives::{Address, address};
use serde_json::Value;

use crate::command::{code, file, json_in, start};

/// Second account of every development chain: no secret.
const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const ADDRESS: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

fn address_in(answer: &Value) -> Address {
    answer["address"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_new_wallet_is_private_and_its_address_needs_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let with_password = [("COLLIMATE_HOME", home), ("COLLIMATE_PASSWORD", "s3cret")];
    let made = json_in(&with_password, &["wallet", "new"], 0);
    let keystore = file(folder.path(), "wallet.json");
    assert_eq!(made["keystore"], keystore.as_str());
    assert_eq!(fs::metadata(&keystore).unwrap().permissions().mode() & 0o777, 0o600);
    let shown = json_in(&[("COLLIMATE_HOME", home)], &["wallet", "address"], 0);
    assert_eq!(shown["address"], made["address"]);

    // The only copy of a key is not overwritten.
    let again = json_in(&with_password, &["wallet", "new"], 2);
    assert_eq!(code(&again), "CHN-050");
    let shown = json_in(&[("COLLIMATE_HOME", home)], &["wallet", "address"], 0);
    assert_eq!(shown["address"], made["address"]);
}

#[test]
fn a_key_is_imported_from_the_environment_and_opened_with_a_password_file() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let (keystore, password) = (file(folder.path(), "key.json"), file(folder.path(), "password"));
    fs::write(&password, "right\nand no more\n").unwrap();
    let environment = [("COLLIMATE_HOME", home), ("COLLIMATE_PRIVATE_KEY", KEY)];
    let arguments = ["wallet", "import", &keystore, "--password-file", &password];
    assert_eq!(address_in(&json_in(&environment, &arguments, 0)), ADDRESS);

    // Without the label in the file, the address is that of the key, which needs the password.
    let text = fs::read_to_string(&keystore).unwrap();
    let mut unlabelled: serde_json::Value = serde_json::from_str(&text).unwrap();
    unlabelled.as_object_mut().unwrap().remove("address");
    fs::write(&keystore, unlabelled.to_string()).unwrap();
    let address = ["wallet", "address", "--keystore", &keystore];
    let opened = json_in(&[("COLLIMATE_PASSWORD", "right")], &address, 0);
    assert_eq!(address_in(&opened), ADDRESS);
    assert_eq!(code(&json_in(&[("COLLIMATE_PASSWORD", "wr0ng")], &address, 2)), "CHN-050");
    assert_eq!(code(&json_in(&[], &address, 2)), "CLI-004");

    // A key in the environment needs no file; a named file goes first.
    let by_key = json_in(&environment, &["wallet", "address"], 0);
    assert_eq!(address_in(&by_key), ADDRESS);
}

#[test]
fn keys_and_passwords_reach_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], i32);
    let cases: [Case<'_>; 5] = [
        (
            &[("COLLIMATE_PASSWORD", "p4ssword"), ("COLLIMATE_PRIVATE_KEY", KEY)],
            &["wallet", "import"],
            0,
        ),
        (&[("COLLIMATE_PASSWORD", "p4ssw0rd")], &["wallet", "import"], 2),
        (
            &[("COLLIMATE_PRIVATE_KEY", "0x59c6995e998f97a5a0044966f0945389p4ss")],
            &["wallet", "address"],
            2,
        ),
        (&[("COLLIMATE_PASSWORD", "")], &["wallet", "new"], 2),
        (&[], &["wallet", "new"], 2),
    ];
    for (environment, arguments, exit_code) in cases {
        let environment = [environment, &[("COLLIMATE_HOME", home)]].concat();
        let output = start(&environment, arguments);
        assert_eq!(output.status.code(), Some(exit_code), "{arguments:?} {output:?}");
        let shown = format!("{output:?}").to_lowercase();
        assert!(!shown.contains("p4ss") && !shown.contains(&KEY[2..20]), "{shown}");
    }
    // There is no option for a key.
    for option in ["--private-key", "--key", "--password"] {
        let output = start(&[], &["wallet", "address", option, KEY]);
        assert_eq!(output.status.code(), Some(2));
    }
}

/// The command on a terminal of its own: once it shows one of these prompts, the answer is typed. Returns its exit code, and what
/// was shown.
fn on_a_terminal(home: &str, arguments: &str, answers: &[(&str, &str)]) -> (Option<i32>, String) {
    let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_collimate"));
    let mut script = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("COLLIMATE_HOME", home)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("`script` is in Debian's essential packages");
    let (mut keyboard, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let mut shown = vec![];
    for (prompt, answer) in answers {
        while !String::from_utf8_lossy(&shown).contains(prompt) {
            let mut byte = [0];
            screen.read_exact(&mut byte).expect("it asks");
            shown.extend(byte);
        }
        writeln!(keyboard, "{answer}").unwrap();
    }
    screen.read_to_end(&mut shown).unwrap();
    let code = script.wait().unwrap().code();
    // The keyboard stays until the end: its absence would be an end of input.
    drop(keyboard);
    (code, String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn who_has_a_terminal_is_asked_for_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let keystore = file(folder.path(), "wallet.json");
    let twice = [("New password: ", "s3cret"), ("The same again: ", "s3cr3t")];
    let (exit_code, shown) = on_a_terminal(home, "wallet new", &twice);
    assert_eq!(exit_code, Some(2), "{shown}");
    assert!(shown.contains("CLI-003") && !fs::exists(&keystore).unwrap(), "{shown}");

    let twice = [("New password: ", "s3cret"), ("The same again: ", "s3cret")];
    let (exit_code, shown) = on_a_terminal(home, "wallet new", &twice);
    assert_eq!(exit_code, Some(0), "{shown}");
    // What was typed opens it: once the file does not name its address, the key has to.
    let text = fs::read_to_string(&keystore).unwrap();
    let mut unlabelled: Value = serde_json::from_str(&text).unwrap();
    unlabelled.as_object_mut().unwrap().remove("address");
    fs::write(&keystore, unlabelled.to_string()).unwrap();
    let by_password = json_in(
        &[("COLLIMATE_HOME", home), ("COLLIMATE_PASSWORD", "s3cret")],
        &["wallet", "address"],
        0,
    );
    let address = address_in(&by_password).to_string();
    let (exit_code, shown) = on_a_terminal(home, "wallet address", &[("wallet.json: ", "s3cret")]);
    assert!(exit_code == Some(0) && shown.contains(&address), "{address}: {shown}");
}
