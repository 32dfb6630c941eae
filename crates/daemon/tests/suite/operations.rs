//! What whoever runs the service does: backs it up and restores it, watches it, and has its settings checked.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, routing::post};
use collimate_store::{EmbeddedPostgres, Store};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Attribute,
};
use prost::Message;
use serde_json::Value;
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep};

use crate::common::{demo, report, root};

const PATIENCE: Duration = Duration::from_secs(60);

fn collimated(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_collimated"));
    command
        .current_dir(root())
        .args(arguments)
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A process that is told to stop when the test is over, however it ends.
struct Service(Child);

impl Service {
    fn start(command: &mut Command) -> Self {
        // Nobody reads what it logs: a pipe would fill up.
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }

    fn stop(&mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// A devnet that keeps its state, and where its node is.
fn devnet(state: &Path) -> (Service, String) {
    let fixed = ["devnet", "--json", "--no-prover", "--keep", "--chain-port", "0"];
    let mut command = collimated(&fixed);
    command.args(["--gateway-port", "0", "--batcher-port", "0", "--state"]).arg(state);
    let mut devnet = Service::start(&mut command);
    let mut line = String::new();
    BufReader::new(devnet.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    (devnet, ready["rpc_url"].as_str().unwrap().to_owned())
}

/// Settings of services beside a devnet.
struct Settings {
    folder: PathBuf,
    text: String,
}

impl Settings {
    fn new(
        folder: &Path,
        deployment: &Path,
        objects: &Path,
        rpc_url: &str,
        database: &str,
    ) -> Self {
        let text = format!(
            "deployment = {deployment:?}\nobjects = {objects:?}\n[database]\nurl = {database:?}\n\
             [chain]\nrpc_url = {rpc_url:?}\nconfirmations = 2\n"
        );
        Self { folder: folder.to_owned(), text }
    }

    fn file(&self, more: &str) -> String {
        let file = self.folder.join("collimated.toml");
        std::fs::write(&file, format!("{}{more}", self.text)).unwrap();
        file.display().to_string()
    }

    fn audit(&self) -> (bool, Value, String) {
        let output = collimated(&["audit", "--json", "--config", &self.file("")]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|error| panic!("{error}: {errors}"));
        (output.status.success(), report, errors)
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// PostgreSQL's own program, as the documentation names it.
fn postgres(program: &str) -> Command {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin").join(program))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    Command::new(found.pop().unwrap_or_else(|| program.into()))
}

fn done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The backup of docs/operations.md: the database first, then the objects, while all goes on.
fn back_up(state: &Path, backup: &Path) {
    let mut dump = postgres("pg_dump");
    dump.args(["-Fc", "-U", "collimate", "-d", "collimate", "-h"]);
    dump.arg(state.join("postgres/socket")).arg("-f").arg(backup.join("collimate.dump"));
    done(&dump.output().unwrap());
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(state.join("objects")).arg(backup.join("objects"));
    done(&copy.output().unwrap());
}

async fn restore(folder: &Path, backup: &Path) -> EmbeddedPostgres {
    let server = EmbeddedPostgres::start(&folder.join("postgres")).await.unwrap();
    let mut restore = postgres("pg_restore");
    restore.args(["--exit-on-error", "-d", server.url()]).arg(backup.join("collimate.dump"));
    done(&restore.output().unwrap());
    server
}

/// A collector: what it hears are the ids of requests.
async fn collector() -> (String, UnboundedReceiver<String>) {
    let (to, heard) = tokio::sync::mpsc::unbounded_channel();
    let take = move |body: Bytes| async move {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let id = span.attributes.into_iter().find(|attribute| attribute.key == "id");
            if let Some(Attribute::StringValue(id)) = id.and_then(|id| id.value?.value) {
                // The test may have heard enough.
                let _ = to.send(id);
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (endpoint, heard)
}

async fn get(url: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = reqwest::Client::new().get(url).header("x-request-id", "seen-by-the-test");
        match request.send().await.and_then(reqwest::Response::error_for_status) {
            Ok(answer) => return answer.text().await.unwrap(),
            Err(error) if Instant::now() > deadline => panic!("{url}: {error}"),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_live_store_is_whole_and_serves_and_what_it_lacks_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (state, backup) = (folder.path().join("state"), folder.path().join("backup"));
    std::fs::create_dir(&backup).unwrap();
    report(&demo(&state, &["--keep"]).output().unwrap());
    let (_devnet, rpc_url) = devnet(&state);

    back_up(&state, &backup);
    let server = restore(folder.path(), &backup).await;
    let (deployment, objects) = (state.join("deployment.json"), backup.join("objects"));
    let settings = Settings::new(folder.path(), &deployment, &objects, &rpc_url, server.url());
    let (good, report, errors) = settings.audit();
    assert!(good, "{report} {errors}");
    assert_eq!((&report["proofs"], &report["final_runs"]), (&4.into(), &1.into()), "{report}");
    assert!(report["purchases"].as_u64().unwrap() > 0, "{report}");

    // What the contract does not call hard is not hard, whatever the rows say.
    let store = Store::connect(server.url()).await.unwrap();
    store.mark_hard(1, None, 5, false).await.unwrap();
    let (good, report, errors) = settings.audit();
    assert!(!good && errors.contains("DMN-070"), "{report} {errors}");
    assert!(report["findings"][0]["rule"].as_str().unwrap().contains("hard"), "{report}");
    store.undo_hard(1).await.unwrap();
    store.close().await;

    // Services go on from it, and are watched: by request, and by a page of metrics that needs no gateway.
    let (endpoint, mut heard) = collector().await;
    let (gateway, metrics) = (free_address(), free_address());
    let file = settings.file(&format!(
        "[gateway]\nlisten = \"{gateway}\"\nkey.environment.variable = \"RECEIPT_KEY\"\n\
         [telemetry]\notlp_endpoint = \"{endpoint}\"\nmetrics_listen = \"{metrics}\"\n"
    ));
    let mut command = collimated(&["serve", "--config", &file]);
    let mut serve = Service::start(command.env("RECEIPT_KEY", "77".repeat(32)));
    let page: Value =
        serde_json::from_str(&get(&format!("http://{gateway}/v1/proofs?status=final")).await)
            .unwrap();
    let proofs = page["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 4);
    let id = proofs[0]["id"].as_str().unwrap();
    get(&format!("http://{gateway}/v1/proofs/{id}/inclusion")).await;
    assert!(get(&format!("http://{metrics}/metrics")).await.contains("collimate_runs_live"));
    serve.stop();
    assert_eq!(heard.recv().await.as_deref(), Some("seen-by-the-test"));

    // A copy that lacks something is not taken for whole.
    let lost = object_file(&objects, proofs[0]["proof_hash"].as_str().unwrap());
    std::fs::remove_file(&lost).unwrap();
    let (good, report, errors) = settings.audit();
    assert!(!good && errors.contains("DMN-070"), "{lost:?}: {report} {errors}");
    server.stop().await.unwrap();
}

#[test]
fn a_collector_that_is_away_is_no_reason_not_to_serve() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (_devnet, rpc_url) = devnet(&state);
    let socket = state.join("postgres/socket");
    let database = format!("postgres://collimate@localhost/collimate?host={}", socket.display());
    let (deployment, objects) = (state.join("deployment.json"), state.join("objects"));
    let settings = Settings::new(folder.path(), &deployment, &objects, &rpc_url, &database);
    let (gateway, nobody) = (free_address(), free_address());
    let file = settings.file(&format!(
        "[gateway]\nlisten = \"{gateway}\"\nkey.environment.variable = \"RECEIPT_KEY\"\n\
         [telemetry]\notlp_endpoint = \"http://{nobody}\"\n"
    ));
    let mut command = collimated(&["serve", "gateway", "--config", &file]);
    let mut serve = Service::start(command.env("RECEIPT_KEY", "77".repeat(32)));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(get(&format!("http://{gateway}/healthz")));
    let began = Instant::now();
    for _ in 0..200 {
        runtime.block_on(get(&format!("http://{gateway}/v1/info")));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let began = Instant::now();
    serve.stop();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn checking_the_settings_names_everything_that_is_wrong_with_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (taken, twice) = (taken.local_addr().unwrap(), free_address());
    let file = folder.path().join("collimated.toml");
    // The batcher's folder has the objects of somebody else.
    std::fs::create_dir_all(folder.path().join("private/objects")).unwrap();
    std::fs::write(folder.path().join("private/objects/a-proof"), "").unwrap();
    let text = format!(
        "deployment = 'nowhere.json'\n[chain]\nrpc_url = 'http://127.0.0.1:9'\n\
         [gateway]\nlisten = '{taken}'\nkey.environment.variable = 'NO_SUCH_KEY'\nlimits.spool_folder = 'missing'\n\
         [operator]\naccount = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'\nkeystore = 'none.json'\n\
         password_file = 'none'\nlisten = '{twice}'\njournal = 'gone/journal'\n\
         [aggregator]\nkey.environment.variable = 'NO_SENDER'\nmax_cost_eth = 'plenty'\nprover_url = 'http://127.0.0.1:9'\n\
         hard.circuit_key = 'no.key'\nhard.prover_url = 'http://127.0.0.1:9'\n\
         [signatures]\nkey.environment.variable = 'NO_RESPONDER'\nlisten = '127.0.0.1:0'\nsubsidy_eth = 'some'\n\
         [batcher]\nkey.environment.variable = 'NO_BATCHER'\nlisten = '127.0.0.1:0'\nmirrors = []\n\
         objects = 'private'\nspool_folder = 'lost'\n\
         [data]\nlisten = '{taken}'\nfolder = 'private'\nbucket = 'No Bucket'\n\
         [watcher]\nlisten = '127.0.0.1:0'\nshare = 2.0\n\
         [telemetry]\nmetrics_listen = '{twice}'\notlp_endpoint = 'collector'\n"
    );
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let output = collimated(&["config", "check", "--json", "--config", &file]).output().unwrap();
    assert!(!output.status.success());
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = result["findings"].as_array().unwrap();
    let detail = |what: &str| {
        let found = findings.iter().find(|finding| finding["what"] == what);
        let found = found.unwrap_or_else(|| panic!("nothing about {what}: {result}"));
        (found["good"].as_bool().unwrap(), found["detail"].as_str().unwrap())
    };
    for (what, named) in [
        ("chain", "nowhere.json"),
        ("payments", "DMN-062"),
        ("aggregator.run", "aggregator.max_cost_eth"),
        ("aggregator.key", "NO_SENDER"),
        ("aggregator.prover_url", "collimate-prover"),
        ("aggregator.operators", "DMN-062"),
        ("aggregator.hard", "DMN-024"),
        ("aggregator.hard.prover_url", "collimate-prover"),
        ("signatures", "signatures.subsidy_eth"),
        ("signatures.key", "NO_RESPONDER"),
        ("batcher", "batcher.mirrors"),
        ("batcher.key", "NO_BATCHER"),
        ("batcher.objects", "DAT-003"),
        ("batcher.spool_folder", "lost"),
        ("data", "DAT-001"),
        ("data.folder", "DAT-003"),
        ("data.listen", &*taken.to_string()),
        ("watcher", "WAT-001"),
        ("telemetry.otlp_endpoint", "DMN-068"),
        ("gateway.listen", &*taken.to_string()),
        ("gateway.key", "NO_SUCH_KEY"),
        ("gateway.limits.spool_folder", "missing"),
        ("operator.keystore", "none"),
        ("operator.journal", "gone"),
        ("telemetry.metrics_listen", &*twice.to_string()),
    ] {
        let (good, detail) = detail(what);
        assert!(!good && detail.contains(named), "{what}: {detail}");
    }
    for what in
        ["operator.listen", "objects", "database", "signatures.transactions", "watcher.folder"]
    {
        let (good, detail) = detail(what);
        assert!(good, "{what}: {detail}");
    }
    assert!(!folder.path().join("private/public").exists(), "a check does not publish a folder");
}

/// The file of an object, whose name ends with its hash.
fn object_file(folder: &Path, hash: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if hash.ends_with(&*entry.file_name().to_string_lossy()) {
                return entry.path();
            }
        }
    }
    panic!("no object {hash} in {}", folder.display());
}
