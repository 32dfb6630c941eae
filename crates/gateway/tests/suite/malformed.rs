//! Whatever a stranger may send: an answer in the 400s that says what is wrong, and nothing spent.

use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use collimate_api::{
    ProblemCode,
    paths::{self, field},
};
use collimate_store::Deployment;
use reqwest::multipart::{Form, Part};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{CHAIN, Sample, World, problem, sample, signed};

const SQL: &str = "'; DROP TABLE proofs; --";

#[tokio::test(flavor = "multi_thread")]
async fn malformed_fields_are_named() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    let good = signed(&sample("fibonacci"), &alice, 0);
    let big = "9".repeat(30);
    let long = "ab".repeat(200);
    let cases = [
        (field::ADDRESS, None, ProblemCode::Malformed),
        (field::ADDRESS, Some("0x12"), ProblemCode::Malformed),
        (field::ADDRESS, Some("0xzz"), ProblemCode::Malformed),
        (field::ADDRESS, Some(SQL), ProblemCode::Malformed),
        (field::NONCE, None, ProblemCode::Malformed),
        (field::NONCE, Some("-1"), ProblemCode::Malformed),
        (field::NONCE, Some(&big), ProblemCode::Malformed),
        (field::NONCE, Some("18446744073709551615"), ProblemCode::WrongNonce),
        (field::NONCE, Some("1 OR 1=1"), ProblemCode::Malformed),
        (field::DEADLINE, None, ProblemCode::Malformed),
        (field::DEADLINE, Some("tomorrow"), ProblemCode::Malformed),
        (field::SIGNATURE, None, ProblemCode::Malformed),
        (field::SIGNATURE, Some("0xabc"), ProblemCode::Malformed),
        (field::SIGNATURE, Some(SQL), ProblemCode::Malformed),
        (field::PROOF_SYSTEM, None, ProblemCode::Malformed),
        (field::PROOF_SYSTEM, Some("groth17"), ProblemCode::UnknownProofSystem),
        (field::PROOF_SYSTEM, Some(SQL), ProblemCode::UnknownProofSystem),
        (field::PROGRAM_ID, Some("0x00"), ProblemCode::Malformed),
        (field::PROGRAM_ID, Some(SQL), ProblemCode::Malformed),
        (field::PROGRAM_ID, Some(&long), ProblemCode::TooLarge),
        ("surprise", Some("x"), ProblemCode::Malformed),
    ];
    for (name, value, code) in cases {
        let problem = world.refused(&good.clone().with(name, value), code).await;
        if code == ProblemCode::Malformed {
            assert!(problem.detail.contains(name), "{name} {value:?}: {problem}");
        }
    }
    let mut neither = good.clone();
    neither.with_vk = false;
    world.refused(&neither, ProblemCode::Malformed).await;
    let mut garbage = good.clone();
    garbage.sample.vk = vec![0xff; 104];
    world.refused(&garbage, ProblemCode::UnknownProgram).await;
    let twice = good.form().text(field::NONCE, "0");
    let response = world.http.post(world.url(paths::PROOFS)).multipart(twice).send().await.unwrap();
    problem(response, ProblemCode::Malformed).await;
    assert_eq!(world.purse(alice.address()).await, (1, 0));
    world.accepted(&good).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_that_are_none_are_rejected_with_the_verifiers_code() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    let Sample { proof, vk } = sample("fibonacci");
    let cases: [(Vec<u8>, &str); 4] = [
        (vec![], "VER-001"),
        (b"PK\x03\x04 surely a proof".to_vec(), "VER-003"),
        (proof[..proof.len() - 100].to_vec(), "VER-003"),
        ([proof.as_slice(), b"more"].concat(), "VER-003"),
    ];
    for (proof, code) in cases {
        let request = signed(&Sample { proof, vk: vk.clone() }, &alice, 0);
        let problem = world.refused(&request, ProblemCode::ProofRejected).await;
        assert_eq!(problem.verifier_code.as_deref(), Some(code), "{problem}");
    }
    assert_eq!(world.purse(alice.address()).await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_with_and_without_a_stated_length() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    let vk = sample("fibonacci").vk;
    let huge = signed(&Sample { proof: vec![1; 9 << 20], vk }, &alice, 0);
    world.refused(&huge, ProblemCode::TooLarge).await;
    // Chunked: nobody says how much is coming.
    let chunks = (0..144).map(|_| Ok::<_, std::io::Error>(vec![1_u8; 64 << 10]));
    let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
    let form = Form::new().part(field::PROOF, Part::stream(body).file_name("proof"));
    let sent = world.http.post(world.url(paths::PROOFS)).multipart(form).send().await;
    // The gateway may close while the rest is still being sent.
    if let Ok(response) = sent {
        problem(response, ProblemCode::TooLarge).await;
    }
    world.get::<serde_json::Value>(paths::HEALTH).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_form_or_no_whole_one() {
    let world = World::start().await;
    let post = || world.http.post(world.url(paths::PROOFS));
    problem(post().send().await.unwrap(), ProblemCode::UnsupportedMedia).await;
    let json = post().header("content-type", "application/json").body("{}").send().await.unwrap();
    problem(json, ProblemCode::UnsupportedMedia).await;
    let unbounded = post().header("content-type", "multipart/form-data").body("x").send().await;
    problem(unbounded.unwrap(), ProblemCode::UnsupportedMedia).await;
    let form = "multipart/form-data; boundary=b";
    for body in [
        "",
        "--b",
        "--b--\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"proof\"\r\n\r\nbytes without an end",
        "--b\r\nContent-Disposition: form-data; name=\"nonce\"\r\n\r\n1\r\n--b--\r\n",
        "no boundary at all",
    ] {
        let response = post().header("content-type", form).body(body).send().await.unwrap();
        problem(response, ProblemCode::Malformed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_upload_leaves_nothing() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    for sent in [0, 100, 300_000] {
        let mut stream = TcpStream::connect(("127.0.0.1", world.gateway.port())).await.unwrap();
        let head = "POST /v1/proofs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\
                    Content-Type: multipart/form-data; boundary=b\r\n\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"proof\"\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![7; sent]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(stream);
    }
    // Half-closed: the client still reads.
    let mut stream = TcpStream::connect(("127.0.0.1", world.gateway.port())).await.unwrap();
    stream.write_all(b"POST /v1/proofs HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.is_empty() || answer.contains(" 400 "), "{answer}");
    world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await;
    assert!(world.purse(alice.address()).await == (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_make_no_sense() {
    let world = World::start().await;
    let id = uuid::Uuid::now_v7();
    let cases = [
        (format!("/v1/proofs/{id}"), ProblemCode::NotFound),
        (format!("/v1/proofs/{id}/events"), ProblemCode::NotFound),
        (format!("/v1/proofs/{id}/inclusion"), ProblemCode::NotFound),
        ("/v1/proofs/1".into(), ProblemCode::Malformed),
        ("/v1/proofs/%27%20OR%201=1".into(), ProblemCode::Malformed),
        ("/v1/proofs/%ff".into(), ProblemCode::Malformed),
        ("/v1/proofs?limit=0".into(), ProblemCode::Malformed),
        ("/v1/proofs?limit=101".into(), ProblemCode::Malformed),
        ("/v1/proofs?limit=-1".into(), ProblemCode::Malformed),
        ("/v1/proofs?status=done".into(), ProblemCode::Malformed),
        ("/v1/proofs?address=0x1".into(), ProblemCode::Malformed),
        ("/v1/proofs?adress=0x1".into(), ProblemCode::Malformed),
        ("/v1/proofs?after=zzz".into(), ProblemCode::Malformed),
        ("/v1/receipts".into(), ProblemCode::Malformed),
        ("/v1/runs?before=x".into(), ProblemCode::Malformed),
        ("/v1/accounts/alice".into(), ProblemCode::Malformed),
        ("/v1/nonce/0x".into(), ProblemCode::Malformed),
        ("/v1/nothing".into(), ProblemCode::NotFound),
        ("/".into(), ProblemCode::NotFound),
    ];
    for (path, code) in cases {
        let response = world.http.get(world.url(&path)).send().await.unwrap();
        let problem = problem(response, code).await;
        assert!(!problem.detail.is_empty(), "{path}");
    }
    let delete = world.http.delete(world.url(paths::PROOFS)).send().await.unwrap();
    problem(delete, ProblemCode::WrongMethod).await;
    let odd = reqwest::Method::from_bytes(b"PROPFIND").unwrap();
    let odd = world.http.request(odd, world.url("/v1/info")).send().await.unwrap();
    problem(odd, ProblemCode::WrongMethod).await;
    // A request's own id comes back if it is a word.
    let get = world.http.get(world.url("/v1/nothing")).header(paths::REQUEST_ID, "my-id.7");
    let named = problem(get.send().await.unwrap(), ProblemCode::NotFound).await;
    assert_eq!(named.request_id.as_deref(), Some("my-id.7"));
    let get = world.http.get(world.url("/v1/nothing")).header(paths::REQUEST_ID, "a b;c");
    let unnamed = problem(get.send().await.unwrap(), ProblemCode::NotFound).await;
    assert_ne!(unnamed.request_id.as_deref(), Some("a b;c"));
}

/// Whatever a generator makes of the OpenAPI document, and of what contradicts it: no answer is a 5xx.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis and minutes: make test-api"]
async fn schemathesis_finds_no_server_error() {
    let config = collimate_gateway::GatewayConfig { client_rate: None, ..crate::support::quick() };
    let world = World::start_with(config).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    let id = world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await.id;
    // It finds this proof, and would wait for the events of one whose course has not ended.
    let deployment = Deployment { chain_id: CHAIN, contract: [1; 20] };
    let run = world.store.open_run(&deployment, 1).await.unwrap().unwrap();
    world.store.quarantine(run.id, id, "AGG-010", "a test").await.unwrap();
    let program = std::env::var("COLLIMATE_SCHEMATHESIS").unwrap_or("schemathesis".to_owned());
    let run = tokio::process::Command::new(&program)
        .args(["run", &world.url(paths::OPENAPI), "--checks", "not_a_server_error"])
        .args(["--max-examples", "50", "--request-timeout", "10", "--no-color"])
        .args(["--generation-database", "none"])
        // It leaves notes where it runs.
        .current_dir(world.objects_folder())
        .output()
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let report = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{report}");
    println!("{report}");
}
