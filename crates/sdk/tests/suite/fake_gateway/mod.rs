//! A fake gateway: answers what a test tells it to, in order, and remembers what it was asked. For what a real one does not
//! do on demand: fail, lie, and hang up.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::primitives::{Address, B256, Bytes};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use collimate_sdk::{
    Expected, GatewayClient, GatewaySettings, Problem, ProblemCode, SignedReceipt, Signer,
    api::{Info, Limits, SigningDomain},
};
use serde::Serialize;

pub(crate) const CHAIN: u64 = 31_337;
pub(crate) const PAYMENTS: Address = Address::repeat_byte(0xaa);
pub(crate) const SERVICE: Address = Address::repeat_byte(0xbb);

/// What is answered to one request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

type Script = Arc<Mutex<Recorded>>;

#[derive(Default)]
struct Recorded {
    answers: HashMap<String, VecDeque<Answer>>,
    asked: Vec<Asked>,
}

pub(crate) struct FakeGateway {
    script: Script,
    pub(crate) url: String,
    /// Signs its receipts.
    pub(crate) signer: Signer,
}

impl FakeGateway {
    pub(crate) async fn start() -> Self {
        let script = Script::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let fake = Self { script, url, signer: Signer::random() };
        fake.always("/v1/info", Answer::json(&fake.info()));
        fake
    }

    /// The next answer to requests of this path. The last one is repeated for ever.
    pub(crate) fn always(&self, path: &str, answer: Answer) {
        let mut script = self.script.lock().unwrap();
        script.answers.entry(path.to_owned()).or_default().push_back(answer);
    }

    /// The answer to requests of this path from now on, instead of those before.
    pub(crate) fn instead(&self, path: &str, answer: Answer) {
        self.script.lock().unwrap().answers.insert(path.to_owned(), [answer].into());
    }

    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let script = self.script.lock().unwrap();
        script.asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    pub(crate) fn info(&self) -> Info {
        Info {
            chain_id: CHAIN,
            payment_service: PAYMENTS,
            aggregation_service: SERVICE,
            receipt_signer: self.signer.address(),
            proof_systems: vec!["sp1".to_owned()],
            limits: Limits {
                max_proof_bytes: 1,
                max_public_values_bytes: 1,
                max_vk_bytes: 1,
                upload_seconds: 1,
                inclusion_seconds: 1,
            },
            aligned_form: false,
            version: "fake".to_owned(),
        }
    }

    pub(crate) fn expected(&self) -> Expected {
        Expected {
            chain_id: Some(CHAIN),
            payment_service: Some(PAYMENTS),
            aggregation_service: Some(SERVICE),
            receipt_signer: Some(self.signer.address()),
        }
    }

    /// A client that is patient for a second.
    pub(crate) fn client(&self) -> GatewayClient {
        self.client_with(self.expected(), Duration::from_secs(5))
    }

    pub(crate) fn client_with(&self, expected: Expected, patience: Duration) -> GatewayClient {
        let settings = GatewaySettings {
            patience,
            timeout: Duration::from_secs(2),
            poll: Duration::from_millis(20),
            longest_pause: Duration::from_secs(3),
            ..GatewaySettings::default()
        };
        GatewayClient::new(&self.url, expected, settings).unwrap()
    }

    /// Signs a receipt as the gateway does.
    pub(crate) fn sign(&self, receipt: SignedReceipt) -> SignedReceipt {
        use alloy::signers::SignerSync;
        let hash = receipt.signing_hash(&domain());
        let signature = self.signer.inner().sign_hash_sync(&hash).unwrap();
        SignedReceipt { signature: signature.as_bytes().to_vec().into(), ..receipt }
    }
}

pub(crate) fn domain() -> SigningDomain {
    SigningDomain { chain_id: CHAIN, payment_service: PAYMENTS }
}

pub(crate) fn receipt(proof_hash: B256, commitment: B256, account: Address) -> SignedReceipt {
    SignedReceipt {
        proof_id: "0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e".parse().unwrap(),
        proof_hash,
        commitment,
        account,
        nonce: 0,
        position: 1,
        deadline: 2_000_000_000,
        signature: Bytes::new(),
    }
}

impl Answer {
    pub(crate) fn json(body: &impl Serialize) -> Self {
        Self { status: 200, headers: vec![], body: serde_json::to_vec(body).unwrap() }
    }

    pub(crate) fn problem(problem: &Problem) -> Self {
        Self { status: problem.status, ..Self::json(problem) }
    }

    pub(crate) fn code(code: ProblemCode) -> Self {
        Self::problem(&Problem::new(code, "as the test wants it"))
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self { status, headers: vec![], body: text.as_bytes().to_vec() }
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn events(stream: &str) -> Self {
        Self::text(200, stream).header("content-type", "text/event-stream")
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Asked {
    /// A field of the uploaded form.
    pub(crate) fn field(&self, name: &str) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let part = body
            .split(&format!("name=\"{name}\""))
            .nth(1)
            .unwrap_or_else(|| panic!("no field {name}"));
        let value = part.split("\r\n\r\n").nth(1).unwrap();
        value.split("\r\n--").next().unwrap().to_owned()
    }
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap().to_vec();
    let answer = {
        let mut script = script.lock().unwrap();
        script.asked.push(Asked { path: path.clone(), headers: parts.headers, body });
        match script.answers.get_mut(&path) {
            Some(answers) if answers.len() > 1 => answers.pop_front().unwrap(),
            Some(answers) => answers.front().unwrap().clone(),
            None => Answer::code(ProblemCode::NotFound),
        }
    };
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response.into_response()
}
