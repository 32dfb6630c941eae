//! A user's side: groups of proofs, signed and sent.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::{
    primitives::{Address, B256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use bytes::Bytes;
use collimate_api::{
    fast::{
        BatcherProblem, BatcherProblemCode, FastItem, GROUPS, GroupAccepted, SignedAuthorization,
        Wei, field,
    },
    problem::CONTENT_TYPE,
};
use collimate_batch::{Item, group_root};
use collimate_contracts::fast_mode::ProofAuthorization;
use reqwest::{
    Response, StatusCode,
    multipart::{Form, Part},
};

use crate::{
    services::Running,
    support::samples::Sample,
    world::{CHAIN, ETHER, World},
};

/// More than any of the tests' groups costs.
pub(crate) const MAX_FEE: u128 = ETHER / 10;

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A group whose every part a test can spoil.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) authorization: SignedAuthorization,
    pub(crate) items: Vec<FastItem>,
    pub(crate) files: Vec<(String, Bytes)>,
}

/// What is signed.
pub(crate) fn message(
    world: &World,
    user: Address,
    first_nonce: u64,
    max_fee: u128,
    samples: &[Sample],
) -> ProofAuthorization {
    let commitments: Vec<_> = samples.iter().map(|sample| sample.item.commitment()).collect();
    ProofAuthorization {
        user,
        batcher: world.batcher,
        proofsRoot: group_root(&commitments).unwrap().into(),
        proofCount: samples.len() as u32,
        firstNonce: first_nonce,
        maxFee: max_fee,
        deadline: now() + 3_600,
    }
}

/// A group with the fee that is always enough.
pub(crate) fn group(
    world: &World,
    user: &PrivateKeySigner,
    first_nonce: u64,
    samples: &[Sample],
) -> Request {
    let message = message(world, user.address(), first_nonce, MAX_FEE, samples);
    signed(world, user, message, samples)
}

pub(crate) fn signed(
    world: &World,
    user: &PrivateKeySigner,
    message: ProofAuthorization,
    samples: &[Sample],
) -> Request {
    let digest = message.digest(CHAIN, world.payments);
    let signature = user.sign_hash_sync(&digest).unwrap().as_bytes().to_vec();
    request(message, signature, samples)
}

pub(crate) fn request(
    message: ProofAuthorization,
    signature: Vec<u8>,
    samples: &[Sample],
) -> Request {
    let authorization = SignedAuthorization {
        user: message.user,
        batcher: message.batcher,
        proofs_root: message.proofsRoot,
        proof_count: message.proofCount,
        first_nonce: message.firstNonce,
        max_fee: Wei(message.maxFee),
        deadline: message.deadline,
        signature: signature.into(),
    };
    let files: BTreeMap<String, Bytes> = samples.iter().flat_map(Sample::files).collect();
    Request {
        authorization,
        items: samples.iter().map(|sample| item(&sample.item)).collect(),
        files: files.into_iter().collect(),
    }
}

/// The interface's form of an item is the manifest's, byte for byte.
fn item(item: &Item) -> FastItem {
    serde_json::from_value(serde_json::to_value(item).unwrap()).unwrap()
}

impl Request {
    /// The group's name.
    pub(crate) fn id(&self, world: &World) -> B256 {
        let authorization = &self.authorization;
        let message = ProofAuthorization {
            user: authorization.user,
            batcher: authorization.batcher,
            proofsRoot: authorization.proofs_root,
            proofCount: authorization.proof_count,
            firstNonce: authorization.first_nonce,
            maxFee: authorization.max_fee.0,
            deadline: authorization.deadline,
        };
        message.digest(CHAIN, world.payments)
    }

    pub(crate) fn form(&self) -> Form {
        let mut form = Form::new()
            .text(field::AUTHORIZATION, serde_json::to_string(&self.authorization).unwrap())
            .text(field::ITEMS, serde_json::to_string(&self.items).unwrap());
        for (name, bytes) in &self.files {
            form = form.part(name.clone(), Part::bytes(bytes.to_vec()).file_name("file"));
        }
        form
    }
}

impl World {
    pub(crate) async fn send(&self, batcher: &Running, request: &Request) -> Response {
        self.send_form(batcher, request.form()).await
    }

    pub(crate) async fn send_form(&self, batcher: &Running, form: Form) -> Response {
        let url = format!("{}{GROUPS}", batcher.url);
        self.http.post(url).multipart(form).send().await.unwrap()
    }

    pub(crate) async fn accepted(&self, batcher: &Running, request: &Request) -> GroupAccepted {
        let response = self.send(batcher, request).await;
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{text}");
        let accepted: GroupAccepted = serde_json::from_str(&text).unwrap();
        assert_eq!(accepted.id, request.id(self));
        accepted
    }

    pub(crate) async fn refused(
        &self,
        batcher: &Running,
        request: &Request,
        code: BatcherProblemCode,
    ) -> BatcherProblem {
        problem(self.send(batcher, request).await, code).await
    }
}

/// The problem that a response is, after checking its form.
pub(crate) async fn problem(response: Response, code: BatcherProblemCode) -> BatcherProblem {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let problem: BatcherProblem =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{status} {text:?}: {e}"));
    assert_eq!(problem.code, code, "{text}");
    assert_eq!(status.as_u16(), code.status());
    assert_eq!(headers["content-type"], CONTENT_TYPE);
    assert_eq!(headers["x-request-id"], problem.request_id.clone().unwrap().as_str());
    let retry = headers.get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
    assert_eq!(retry, problem.retry_after);
    problem
}
