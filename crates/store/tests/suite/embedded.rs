//! The embedded server's life and deaths. Each test has a server of its own.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{DEPLOYMENT, proof, queued};
use collimate_store::{EmbeddedPostgres, ProofStatus, Store, StoreError};

const SOON: Duration = Duration::from_secs(60);

fn kill_9(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_starts_again_with_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let server = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let pid = server.pid().unwrap();
    let id = Store::connect(server.url()).await.unwrap().insert_proof(&proof(1)).await.unwrap().id;
    server.stop().await.unwrap();
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "it has stopped when stop() returns");

    let server = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let store = Store::connect(server.url()).await.unwrap();
    assert!(store.proof(id).await.unwrap().is_some());
    let pid = server.pid().unwrap();
    drop(server);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "dropping stops it, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_server() {
    let dir = tempfile::tempdir().unwrap();
    let server = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let refused = EmbeddedPostgres::start(dir.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::DataDirInUse(_)), "{refused}");
    assert!(Store::connect(server.url()).await.is_ok(), "the first is unharmed");
    let beside = EmbeddedPostgres::url_of_running(dir.path()).unwrap();
    assert_eq!(beside, server.url(), "whoever is not its owner can still use it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_comes_back_with_everything_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let server = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let store = Store::connect(server.url()).await.unwrap();
    for round in 0..3_u32 {
        let ids = queued(&store, round * 100, 5).await;
        let run = store.open_run(&DEPLOYMENT, 100).await.unwrap().unwrap();
        let pid = server.pid().unwrap();
        kill_9(pid);
        until("the server is started again", || server.pid().is_some_and(|now| now != pid)).await;
        // Connections of the pool died with it; a new one finds the data.
        let store = Store::connect(server.url()).await.unwrap();
        assert_eq!(store.run(run.id).await.unwrap(), Some(run));
        for id in ids {
            let proof = store.proof(id).await.unwrap().unwrap();
            assert_eq!(proof.status, ProofStatus::Proving);
            assert_eq!(store.proof_events(id).await.unwrap().len(), 4);
        }
    }
    store.ping().await.expect("the old pool has reconnected");
    server.stop().await.unwrap();
}

/// Writers that are cut off in the middle: what was answered is there, and nothing is half there.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_among_writers_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let server = EmbeddedPostgres::start(dir.path()).await.unwrap();
    let store = Store::connect(server.url()).await.unwrap();
    let killed = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4_u32)
        .map(|writer| {
            let (store, killed) = (store.clone(), Arc::clone(&killed));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0..10_000 {
                    if killed.load(Ordering::SeqCst) {
                        break;
                    }
                    match store.insert_proof(&proof(writer * 10_000 + n)).await {
                        Ok(submission) => acknowledged.push(submission.id),
                        Err(_) => break,
                    }
                }
                acknowledged
            })
        })
        .collect();
    let first = proof(3 * 10_000 + 20);
    let deadline = Instant::now() + SOON;
    while !store
        .proofs_page(None, None, 1000)
        .await
        .unwrap()
        .iter()
        .any(|p| p.proof_hash == first.proof_hash)
    {
        assert!(Instant::now() < deadline, "writers write");
    }
    kill_9(server.pid().unwrap());
    killed.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    let store = Store::connect(server.url()).await.unwrap();
    assert!(acknowledged.len() > 20);
    for id in acknowledged {
        assert!(store.proof(id).await.unwrap().is_some(), "{id} was acknowledged");
    }
}

/// Runs the body of `a_parent_that_waits` in a process of its own and returns it with its server's pid.
#[allow(clippy::zombie_processes, reason = "whoever gets the child waits for it")]
fn parent_with_server(dir: &Path) -> (std::process::Child, u32) {
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::a_parent_that_waits", "--ignored", "--nocapture"])
        .env("COLLIMATE_TEST_DATA_DIR", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid_file = dir.join("server-pid");
    let deadline = Instant::now() + SOON;
    loop {
        let text = fs::read_to_string(&pid_file).unwrap_or_default();
        // The dot at the end says that the file is whole.
        if let Some(pid) = text.strip_suffix('.').and_then(|pid| pid.parse().ok()) {
            return (parent, pid);
        }
        if Instant::now() > deadline {
            parent.kill().unwrap();
            parent.wait().unwrap();
            panic!("the parent did not start");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the parent process of the two tests below, which start it"]
async fn a_parent_that_waits() {
    let Some(dir) = std::env::var_os("COLLIMATE_TEST_DATA_DIR") else { return };
    let dir = Path::new(&dir);
    let server = EmbeddedPostgres::start(dir).await.unwrap();
    let store = Store::connect(server.url()).await.unwrap();
    store.insert_proof(&proof(1)).await.unwrap();
    fs::write(dir.join("server-pid"), format!("{}.", server.pid().unwrap())).unwrap();
    // Until killed; the other end of stdin closes when the test dies.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_of_a_killed_parent_stops_and_a_start_right_after_works() {
    let dir = tempfile::tempdir().unwrap();
    // Later and later after the kill, so that the start meets the old server running, stopping and just gone.
    for pause_ms in [0, 5, 20, 50, 100, 200] {
        let (mut parent, server_pid) = parent_with_server(dir.path());
        parent.kill().unwrap();
        parent.wait().unwrap();
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        let server = EmbeddedPostgres::start(dir.path()).await.unwrap();
        assert_ne!(server.pid(), Some(server_pid));
        let store = Store::connect(server.url()).await.unwrap();
        assert!(!store.insert_proof(&proof(1)).await.unwrap().is_new, "its data is there");
        server.stop().await.unwrap();
        fs::remove_file(dir.path().join("server-pid")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_of_a_killed_parent_does_not_outlive_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut parent, server_pid) = parent_with_server(dir.path());
    parent.kill().unwrap();
    parent.wait().unwrap();
    let proc = format!("/proc/{server_pid}");
    until("the kernel told the server to stop", || !Path::new(&proc).exists()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leftovers_of_a_crash_do_not_keep_it_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    EmbeddedPostgres::start(dir.path()).await.unwrap().stop().await.unwrap();
    let pid_file = dir.path().join("cluster/postmaster.pid");
    // Nobody has this number any more; this process has it now; nonsense.
    for leftover in
        ["4194304\n/x\n".to_owned(), format!("{}\n/x\n", std::process::id()), "?".into()]
    {
        fs::write(&pid_file, &leftover).unwrap();
        let server = EmbeddedPostgres::start(dir.path()).await.expect(&leftover);
        server.stop().await.unwrap();
    }
    // initdb was killed.
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("cluster.unfinished/base")).unwrap();
    EmbeddedPostgres::start(dir.path()).await.unwrap().stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_and_strange_and_private_folders_work() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a folder, 100 % Größe & more?x=1#y".repeat(4)).join("z".repeat(80));
    fs::create_dir_all(&deep).unwrap();
    // As /root is: nobody else may pass.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let server = EmbeddedPostgres::start(&deep).await.unwrap();
    Store::connect(server.url()).await.unwrap().ping().await.unwrap();
    // The path is too long for a socket, which is in /tmp then, for its owner only, and goes with the server.
    let socket_dir = server.url().split_once("?host=").unwrap().1.to_owned();
    assert!(socket_dir.starts_with("/tmp/collimate-"), "{socket_dir}");
    assert_eq!(fs::metadata(&socket_dir).unwrap().permissions().mode() & 0o777, 0o700);
    server.stop().await.unwrap();
    assert!(!Path::new(&socket_dir).exists());

    let strange = dir.path().join("ä b");
    let server = EmbeddedPostgres::start(&strange).await.unwrap();
    Store::connect(server.url()).await.unwrap().ping().await.unwrap();
    let other = server.create_database("other").await.unwrap();
    Store::connect(&other).await.unwrap().ping().await.unwrap();
    for name in ["", "Upper", "semi;colon", "quo\"te", &"x".repeat(64)] {
        assert!(server.create_database(name).await.is_err(), "{name:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_cannot_start_says_why_and_where_its_log_is() {
    let dir = tempfile::tempdir().unwrap();
    EmbeddedPostgres::start(dir.path()).await.unwrap().stop().await.unwrap();
    let mut conf =
        fs::File::options().append(true).open(dir.path().join("cluster/postgresql.conf")).unwrap();
    conf.write_all(b"\nno_such_setting = 1\n").unwrap();
    let refused = EmbeddedPostgres::start(dir.path()).await.unwrap_err();
    assert_eq!(refused.code(), "STO-007");
    let text = refused.to_string();
    assert!(text.contains("no_such_setting") && text.contains("postgres.log"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_is_named_without_its_password() {
    for url in ["", "mysql://u:hunter2@h/d", "postgres://u:hunter2@h:notaport/d"] {
        let refused = Store::connect(url).await.unwrap_err().to_string();
        assert!(refused.contains("DATABASE_URL") && !refused.contains("hunter2"), "{refused}");
    }
}
