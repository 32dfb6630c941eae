//! The operator's HTTP service, end to end with a real proof and with hostile clients.

use std::{net::SocketAddr, num::NonZeroUsize, path::Path, time::Duration};

use crate::common::{Behaviour, endpoint, key, nobody, pretend, real_request, service_config};
use collimate_attestation::{
    AttestationError, Collector, CollectorConfig, OperatorService, OperatorState, PublicKey,
    ServiceConfig,
};
use collimate_core::ProgramId;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), AttestationError>>,
}

impl Running {
    async fn start(config: ServiceConfig, index: u8) -> Self {
        let service = OperatorService::bind(config, key(index)).await.unwrap();
        let (address, shutdown) = (service.local_addr(), CancellationToken::new());
        let task = tokio::spawn(service.run(shutdown.clone()));
        Self { address, shutdown, task }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn config(journal: &Path) -> ServiceConfig {
    service_config(ProgramId([1; 32]), journal)
}

async fn post(running: &Running, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let url = format!("{}/v1/attest", running.url());
    let response = reqwest::Client::new().post(url).body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn four_operators_attest_a_real_proof_with_one_down_and_one_lying() {
    let Some(request) = real_request() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut running = Vec::new();
    for index in [1, 2, 3] {
        let journal = folder.path().join(format!("journal-{index}"));
        let config = service_config(request.program_id, &journal);
        running.push(Running::start(config, index).await);
    }
    let lies = Behaviour::Signs { key: 4, message: Default::default() };
    let mut operators: Vec<_> =
        (1..).zip(&running).map(|(id, running)| endpoint(id, 30, running.url())).collect();
    operators.push(endpoint(4, 20, pretend(lies).await.0));
    operators.push(endpoint(5, 10, nobody().await));
    let collector = Collector::new(operators, CollectorConfig::default()).unwrap();

    let result = collector.collect(request.clone(), None, CancellationToken::new()).await.unwrap();
    assert_eq!((&result.signers[..], &result.non_signers[..]), (&[1, 2, 3][..], &[4, 5][..]));
    let keys: Vec<_> = [1, 2, 3].map(|index| key(index).public_key()).into();
    assert!(result.signature.verify(request.message(), &PublicKey::aggregate(&keys).unwrap()));

    // Tampered, every honest operator refuses it with the verifier's code, so no quorum is possible.
    let mut tampered = request;
    let middle = tampered.proof.len() / 2;
    tampered.proof[middle] ^= 1;
    tampered.public_values[0] ^= 1;
    let error = collector.collect(tampered, None, CancellationToken::new()).await.unwrap_err();
    let AttestationError::Refused(report) = &error else { panic!("{error}") };
    assert!(report.operators.iter().any(|operator| matches!(
        &operator.state,
        OperatorState::Refused { code, .. } if code == "VER-008"
    )));
    for running in running {
        running.stop().await;
    }
}

#[tokio::test]
async fn health_names_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(&folder.path().join("journal")), 1).await;
    let url = format!("{}/v1/health", running.url());
    let health: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let public_key = format!("0x{}", hex::encode(key(1).public_key().to_bytes()));
    assert_eq!(health["publicKey"], json!(public_key));
    assert_eq!(health["address"], json!(format!("0x{}", "09".repeat(20))));
    assert_eq!(health["context"]["chainId"], json!(31_337));
    assert_eq!(health["programId"], json!(format!("0x{}", "01".repeat(32))));
    running.stop().await;
}

#[tokio::test]
async fn malformed_requests_get_a_code_and_a_4xx() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(&folder.path().join("journal")), 1).await;
    for body in ["", "{", "[]", "{\"proof\":\"0x\"}", "\u{0}\u{1}"] {
        let (status, answer) = post(&running, body).await;
        assert_eq!((status, &answer["code"]), (400, &json!("ATT-012")), "{body:?}: {answer}");
        assert_eq!(answer["retryable"], json!(false));
    }
    let (status, answer) = post(&running, vec![b' '; 20 << 20]).await;
    assert_eq!((status, &answer["code"]), (413, &json!("ATT-012")));
    running.stop().await;
}

/// A request whose body never comes.
async fn unfinished_request(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/attest HTTP/1.1\r\nhost: operator\r\ncontent-length: 1000000\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_never_ends_its_request_takes_one_place_for_a_limited_time() {
    let folder = tempfile::tempdir().unwrap();
    let config = ServiceConfig {
        max_requests: NonZeroUsize::MIN,
        request_timeout: Duration::from_secs(1),
        ..config(&folder.path().join("journal"))
    };
    let running = Running::start(config, 1).await;
    let mut unfinished = unfinished_request(running.address).await;
    // Busy as soon as the only place is taken ...
    loop {
        let (status, answer) = post(&running, "{").await;
        if status == 503 {
            assert_eq!(answer["code"], json!("ATT-013"));
            assert_eq!(answer["retryable"], json!(true));
            break;
        }
    }
    // ... until the request is dropped ...
    let mut answer = [0; 12];
    unfinished.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    // ... and then free again.
    assert_eq!(post(&running, "{").await.0, 400);
    running.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(&folder.path().join("journal-1")), 1).await;
    let second =
        ServiceConfig { listen: running.address, ..config(&folder.path().join("journal-2")) };
    let error = OperatorService::bind(second, key(2)).await.unwrap_err();
    assert_eq!(error.code(), "ATT-011");
    assert!(error.to_string().contains(&running.address.to_string()));
    running.stop().await;
}

#[tokio::test]
async fn a_clean_stop_frees_port_and_journal() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let running = Running::start(config(&journal), 1).await;
    let address = running.address;
    running.stop().await;
    let again = ServiceConfig { listen: address, ..config(&journal) };
    Running::start(again, 1).await.stop().await;
}

#[tokio::test]
async fn a_client_that_never_ends_cannot_hold_up_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let quick = ServiceConfig { request_timeout: Duration::from_secs(1), ..config(&journal) };
    let running = Running::start(quick, 1).await;
    let address = running.address;
    let mut unfinished = TcpStream::connect(address).await.unwrap();
    unfinished.write_all(b"POST /v1/attest HTTP/1.1\r\nhost: ope").await.unwrap();
    // The service has the connection once it answers a later one.
    assert_eq!(post(&running, "{").await.0, 400);
    running.stop().await;
    let again = ServiceConfig { listen: address, ..config(&journal) };
    Running::start(again, 1).await.stop().await;
    drop(unfinished);
}
