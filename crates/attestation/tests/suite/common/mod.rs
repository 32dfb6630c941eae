//! Operators on real ports: honest ones with a real verifier, and those that misbehave.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use alloy::primitives::{Address, B256, U256, keccak256};
use axum::{
    Router,
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use collimate_attestation::{
    AttestationRequest, AttestedProgram, OperatorConfig, OperatorEndpoint, SecretKey,
    ServiceConfig, SigningContext,
};
use collimate_core::ProgramId;
use serde_json::json;
use tokio::net::TcpListener;

pub(crate) const CONTEXT: SigningContext =
    SigningContext { chain_id: 31_337, verifier: Address::repeat_byte(0x11) };

pub(crate) fn key(index: u8) -> SecretKey {
    SecretKey::from_seed(&[index; 32]).unwrap()
}

/// The real compressed proof made by others as a request; nothing, said loudly, where it is not there.
pub(crate) fn real_request() -> Option<AttestationRequest> {
    let fixtures = std::env::var_os("COLLIMATE_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let folder = fixtures.join("sp1/compressed-v6.1.0");
    if !folder.is_dir() {
        eprintln!("!!! SKIPPED: {} is not there; set COLLIMATE_FIXTURES", folder.display());
        return None;
    }
    let id = "0x00e3f2f3dd11e3c2b28234e713a91d6b248fd3ca81619d8bcc6f4ecd7b57a292";
    Some(AttestationRequest {
        context: CONTEXT,
        program_id: id.parse().unwrap(),
        public_values: fs::read(folder.join("public_values.bin")).unwrap(),
        proof: fs::read(folder.join("proof.bin")).unwrap(),
    })
}

/// A request that only pretending operators sign.
pub(crate) fn small_request() -> AttestationRequest {
    AttestationRequest {
        context: CONTEXT,
        program_id: ProgramId([1; 32]),
        public_values: vec![2; 128],
        proof: vec![3; 1000],
    }
}

/// The made-by-others program is no final program of a run: here its public values are about their first eight bytes.
pub(crate) fn program(id: ProgramId) -> AttestedProgram {
    AttestedProgram::with_subject(id, |public_values| Ok(keccak256(&public_values[..8])))
}

pub(crate) fn operator_config(id: ProgramId, journal: &Path) -> OperatorConfig {
    OperatorConfig {
        address: Address::repeat_byte(9),
        context: CONTEXT,
        program: program(id),
        journal: journal.to_owned(),
    }
}

pub(crate) fn service_config(id: ProgramId, journal: &Path) -> ServiceConfig {
    ServiceConfig::new(([127, 0, 0, 1], 0).into(), operator_config(id, journal))
}

/// Operator `id` with the key of that index.
pub(crate) fn endpoint(id: u32, stake: u64, url: String) -> OperatorEndpoint {
    OperatorEndpoint {
        id,
        address: Address::repeat_byte(id as u8),
        public_key: key(id as u8).public_key(),
        stake: U256::from(stake),
        url,
    }
}

/// How a pretending operator answers.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Signs whatever it is asked, without looking at the proof.
    Signs { key: u8, message: B256 },
    /// Fails with 503 so many times, then signs.
    Recovers { failures: u32, key: u8, message: B256 },
    /// Fails with 503 until another operator was asked twice: its first answer has arrived then. Then signs.
    SignsAfter { other: Arc<AtomicU32>, key: u8, message: B256 },
    /// Refuses for good.
    Refuses,
    /// Answers with this.
    Says(String),
    /// Accepts the connection and never answers.
    Hangs,
    /// Sends bytes without end.
    Floods,
}

/// Serves a pretending operator until the test ends; returns its address and how often it was asked.
pub(crate) async fn pretend(behaviour: Behaviour) -> (String, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::clone(&asked);
    let answer = move || {
        let attempt = count.fetch_add(1, Ordering::SeqCst);
        let behaviour = behaviour.clone();
        async move { respond(behaviour, attempt).await }
    };
    let router = Router::new().route("/v1/attest", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

async fn respond(behaviour: Behaviour, attempt: u32) -> Response {
    match behaviour {
        Behaviour::Signs { key: index, message } => signature(index, message),
        Behaviour::Recovers { failures, .. } if attempt < failures => busy(),
        Behaviour::SignsAfter { other, .. } if other.load(Ordering::SeqCst) < 2 => busy(),
        Behaviour::Recovers { key: index, message, .. }
        | Behaviour::SignsAfter { key: index, message, .. } => signature(index, message),
        Behaviour::Refuses => {
            let refusal = json!({"code": "VER-012", "message": "false", "retryable": false});
            (StatusCode::UNPROCESSABLE_ENTITY, refusal.to_string()).into_response()
        }
        Behaviour::Says(text) => text.into_response(),
        Behaviour::Hangs => std::future::pending().await,
        Behaviour::Floods => {
            let endless =
                futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'a'; 4096]));
            Body::from_stream(endless).into_response()
        }
    }
}

fn busy() -> Response {
    let refusal = json!({"code": "ATT-013", "message": "busy", "retryable": true});
    (StatusCode::SERVICE_UNAVAILABLE, refusal.to_string()).into_response()
}

fn signature(index: u8, message: B256) -> Response {
    let signature = hex::encode(key(index).sign(message).to_bytes());
    json!({"signature": format!("0x{signature}")}).to_string().into_response()
}

/// An address on which nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
