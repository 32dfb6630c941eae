//! The development node itself: it starts, says why it does not, keeps its state, and leaves no process behind.

use std::{net::TcpListener, path::Path, time::Duration};

use crate::common::until;
use alloy::providers::Provider;
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, Mining},
    provider::{Timeouts, check_chain, connect},
};

fn is_running(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn a_dropped_guard_ends_the_process_and_frees_the_port() {
    let anvil = Anvil::start(AnvilOptions::default()).await.expect("starts");
    let (pid, port) = (anvil.pid(), anvil.port());
    assert!(is_running(pid));
    drop(anvil);
    assert!(!is_running(pid));
    TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Anvil::start(AnvilOptions { port, ..AnvilOptions::default() }).await;
    let error = error.expect_err("the port is taken");
    assert_eq!(error.code(), "CHN-072");
    assert!(error.to_string().to_lowercase().contains("in use"), "{error}");
}

#[tokio::test]
async fn another_chain_id_is_refused() {
    let anvil = Anvil::start(AnvilOptions::default()).await.expect("starts");
    let provider = connect(&anvil.url(), Timeouts::default()).unwrap();
    assert_eq!(check_chain(&provider, Some(31_337)).await.unwrap(), 31_337);
    let error = check_chain(&provider, Some(1)).await.expect_err("not mainnet");
    assert_eq!(error.code(), "CHN-003");
}

#[tokio::test]
async fn state_survives_an_orderly_stop() {
    let folder = tempfile::tempdir().unwrap();
    let options = || AnvilOptions {
        mining: Mining::Manual,
        state: Some(folder.path().join("state.json")),
        ..AnvilOptions::default()
    };
    let anvil = Anvil::start(options()).await.expect("starts");
    let provider = connect(&anvil.url(), Timeouts::default()).unwrap();
    crate::common::rpc(&provider, "anvil_mine", serde_json::json!(["0x7"])).await;
    anvil.stop(Duration::from_secs(20)).await.expect("ends in order");
    let anvil = Anvil::start(options()).await.expect("starts again");
    let provider = connect(&anvil.url(), Timeouts::default()).unwrap();
    assert_eq!(provider.get_block_number().await.unwrap(), 7);
}

#[tokio::test]
async fn a_node_that_an_earlier_process_left_is_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let options = || AnvilOptions {
        pid_file: Some(folder.path().join("anvil.pid")),
        // Outlives the first guard.
        log: Some(folder.path().join("anvil.log")),
        ..AnvilOptions::default()
    };
    let first = Anvil::start(options()).await.expect("starts");
    let (pid, port) = (first.pid(), first.port());
    first.keep_running();
    let second = Anvil::start(options()).await.expect("adopts");
    assert_eq!((second.pid(), second.port()), (pid, port));
    drop(second);
    until("it has ended", || async {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A zombie of this test process counts as ended.
        (!is_running(pid) || state.contains(") Z ")).then_some(())
    })
    .await;
    let third = Anvil::start(options()).await.expect("starts anew, in spite of an old file");
    assert_ne!(third.pid(), pid);
}
