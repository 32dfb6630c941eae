//! A fake batcher: answers what a test tells it to. For what a real one does not do on demand: fail, lie, and hang up.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::time::Duration;

use alloy::{
    primitives::{Address, Bytes},
    signers::SignerSync,
};
use collimate_api::fast::{
    BatcherAccount, BatcherInfo, BatcherLimits, BatcherProblem, BatcherProblemCode, GroupAccepted,
    GroupAnswer, GroupStatus, SignedAuthorization, SignedGroupReceipt, Wei, account,
};
use collimate_sdk::{BatcherClient, ExpectedBatcher, GatewaySettings, SignedGroup, Signer};

use crate::fake_gateway::{Answer, FakeGateway};

pub(crate) const GROUPS: &str = "/v1/batcher/groups";

pub(crate) struct FakeBatcher {
    pub(crate) server: FakeGateway,
    /// Charges, and signs receipts.
    pub(crate) signer: Signer,
    pub(crate) expected: ExpectedBatcher,
}

impl FakeBatcher {
    /// A batcher of some network.
    pub(crate) async fn start() -> Self {
        let signer = Signer::random();
        let expected = ExpectedBatcher {
            chain_id: 31_337,
            service_manager: Address::repeat_byte(0xc0),
            payment_service: Address::repeat_byte(0x5e),
            batcher: Some(signer.address()),
        };
        Self::of(expected, signer).await
    }

    pub(crate) async fn of(expected: ExpectedBatcher, signer: Signer) -> Self {
        let server = FakeGateway::start().await;
        let fake = Self { server, signer, expected };
        fake.server.always("/v1/batcher/info", Answer::json(&fake.info()));
        fake
    }

    pub(crate) fn info(&self) -> BatcherInfo {
        BatcherInfo {
            chain_id: self.expected.chain_id,
            payment_service: self.expected.payment_service,
            service_manager: self.expected.service_manager,
            batcher: self.signer.address(),
            proving_systems: (0..10).collect(),
            limits: BatcherLimits {
                max_proofs: 100,
                max_group_bytes: 1 << 20,
                upload_seconds: 30,
                min_deadline_seconds: 60,
                max_deadline_seconds: 7_200,
                max_pending_groups: 10,
            },
            version: "fake".to_owned(),
        }
    }

    /// A client that is patient for some seconds.
    pub(crate) fn client(&self) -> BatcherClient {
        self.client_with(self.expected)
    }

    pub(crate) fn client_with(&self, expected: ExpectedBatcher) -> BatcherClient {
        let settings = GatewaySettings {
            patience: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            poll: Duration::from_millis(20),
            longest_pause: Duration::from_secs(3),
            ..GatewaySettings::default()
        };
        BatcherClient::new(&self.server.url, expected, settings).unwrap()
    }

    /// What an honest batcher answers to a group.
    pub(crate) fn accept(&self, signed: &SignedGroup) -> GroupAccepted {
        let authorization = signed.authorization();
        let receipt = SignedGroupReceipt {
            group_id: signed.id(),
            user: authorization.user,
            proofs_root: authorization.proofs_root,
            proof_count: authorization.proof_count,
            first_nonce: authorization.first_nonce,
            accepted_at: 1_800_000_000,
            deadline: authorization.deadline,
            signature: Bytes::new(),
        };
        GroupAccepted {
            id: signed.id(),
            status: GroupStatus::Accepted,
            commitments: signed.group().proofs().iter().map(|proof| proof.commitment()).collect(),
            receipt: self.sign(receipt),
        }
    }

    /// Signs a receipt as the batcher does.
    pub(crate) fn sign(&self, receipt: SignedGroupReceipt) -> SignedGroupReceipt {
        let ExpectedBatcher { chain_id, payment_service, .. } = self.expected;
        let hash = receipt.signing_hash(chain_id, payment_service);
        let signature = self.signer.inner().sign_hash_sync(&hash).unwrap();
        SignedGroupReceipt { signature: signature.as_bytes().to_vec().into(), ..receipt }
    }

    /// What the account is told to have next; the last is repeated.
    pub(crate) fn tell_account(&self, address: Address, next_nonce: u64) {
        self.server.always(&account(&address), Self::account(address, next_nonce));
    }

    /// What the account is told to have from now on.
    pub(crate) fn tell_account_instead(&self, address: Address, next_nonce: u64) {
        self.server.instead(&account(&address), Self::account(address, next_nonce));
    }

    fn account(address: Address, next_nonce: u64) -> Answer {
        Answer::json(&BatcherAccount {
            address,
            next_nonce,
            chain_nonce: 0,
            balance: Wei(1),
            reserved: Wei(0),
            pending_groups: 0,
            unlocked_from: None,
        })
    }

    /// The authorisations that were sent, in order.
    pub(crate) fn sent(&self) -> Vec<SignedAuthorization> {
        let asked = self.server.asked(GROUPS);
        asked
            .iter()
            .map(|asked| serde_json::from_str(&asked.field("authorization")).unwrap())
            .collect()
    }
}

/// A refusal.
pub(crate) fn refusal(code: BatcherProblemCode) -> Answer {
    refused(&BatcherProblem::new(code, "as the test wants it"))
}

pub(crate) fn refused(problem: &BatcherProblem) -> Answer {
    Answer::json(problem).with_status(problem.status)
}

/// Where a group stands.
pub(crate) fn answer(signed: &SignedGroup, status: GroupStatus, at: u64) -> GroupAnswer {
    let authorization = signed.authorization();
    GroupAnswer {
        id: signed.id(),
        status,
        code: None,
        reason: None,
        user: authorization.user,
        proofs_root: authorization.proofs_root,
        proof_count: authorization.proof_count,
        first_nonce: authorization.first_nonce,
        max_fee: authorization.max_fee,
        charged: None,
        deadline: authorization.deadline,
        batch: None,
        proofs: vec![],
        created_at: 1,
        updated_at: at,
    }
}
