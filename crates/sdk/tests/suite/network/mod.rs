//! A real node with the real contract behind a verifier that accepts everything, so that tests can register any run. The
//! transactions and blobs are real. What is not tested here is who verifies: the contracts' own tests do that.
#![allow(dead_code, reason = "each test file uses its own part")]

use alloy::{
    network::{EthereumWallet, TransactionBuilder, TransactionBuilder4844},
    primitives::{Address, B256, Bytes, TxHash, hex},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, development_signer},
    blobs::{AnvilBlobs, BlobReader},
    kzg::Sidecar,
};
use collimate_contracts::{
    AlignedProofAggregationService::{self, verifySP1Call},
    DeployConfig, Deployment, HardVerifier, Package, PaymentsConfig, Sp1Verification, Terms,
    deploy,
};
use collimate_core::{
    Commitment, ProgramId, blob,
    statement::{RunStatement, blobs_hash},
    tree,
};

/// Deploys a contract whose code is one STOP: every call succeeds, so every "proof" is accepted.
/// `mstore8(0, 0); return(0, 1)`.
const FAKE_VERIFIER_THAT_ACCEPTS_EVERYTHING: [u8; 10] = hex!("600060005360016000f3");

/// Price of a credit: a thousandth of an ether.
pub(crate) const PRICE_WEI: u128 = 1_000_000_000_000_000;

pub(crate) struct Network {
    pub(crate) anvil: Anvil,
    pub(crate) provider: DynProvider,
    pub(crate) deployment: Deployment,
}

impl Network {
    pub(crate) async fn start() -> Self {
        let anvil = Anvil::start(AnvilOptions::default()).await.expect("anvil starts");
        let signer = development_signer(0).unwrap();
        let wallet = EthereumWallet::from(signer.inner().clone());
        let url = anvil.url().parse().unwrap();
        let provider = ProviderBuilder::new().wallet(wallet).connect_http(url).erased();
        let verifier = deploy_code(&provider, &FAKE_VERIFIER_THAT_ACCEPTS_EVERYTHING).await;
        let config = DeployConfig {
            program_id: B256::repeat_byte(1),
            verification: Sp1Verification::Hard(HardVerifier::Existing(verifier)),
            risc0: None,
            payments: Some(PaymentsConfig {
                owner: signer.address(),
                delay_seconds: 60,
                terms: Terms {
                    price_wei: PRICE_WEI,
                    validity_seconds: 30 * 86_400,
                    daily_cap: 1_000,
                    packages: vec![Package { credits: 10, price_wei: 8 * PRICE_WEI }],
                },
            }),
            fast_mode: None,
        };
        let deployment = deploy(provider.clone(), &config).await.expect("deploys");
        Self { anvil, provider, deployment }
    }

    /// A network whose service has two verifiers that accept everything: what is registered is soft, until [`Self::harden`].
    pub(crate) async fn with_two_guarantees() -> Self {
        let mut network = Self::start().await;
        let (verifier, program_id) =
            (network.deployment.sp1_verifier, network.deployment.program_id);
        let builder = AlignedProofAggregationService::deploy_builder(
            network.provider.clone(),
            verifier,
            program_id,
            Address::ZERO,
            B256::ZERO,
            verifier,
        );
        network.deployment.service = builder.deploy().await.expect("deploys");
        network
    }

    pub(crate) fn blobs(&self) -> BlobReader {
        BlobReader::new(vec![Box::new(AnvilBlobs::new(self.provider.clone()))])
    }

    /// Registers a run of these commitments.
    pub(crate) async fn register(&self, commitments: &[Commitment]) -> (TxHash, B256) {
        self.register_root(root_of(commitments), commitments).await
    }

    /// Registers a root beside blobs that need not be its leaves'.
    pub(crate) async fn register_root(
        &self,
        root: B256,
        commitments: &[Commitment],
    ) -> (TxHash, B256) {
        (self.submit(root, commitments, Bytes::new(), true).await, root)
    }

    /// Brings the proof of a run, with its blobs or, if its statement is registered, without.
    pub(crate) async fn harden(&self, commitments: &[Commitment], with_blobs: bool) -> TxHash {
        // A verifier's selector is not zero.
        let proof = Bytes::from_static(&[1, 2, 3, 4]);
        self.submit(root_of(commitments), commitments, proof, with_blobs).await
    }

    async fn submit(
        &self,
        root: B256,
        commitments: &[Commitment],
        proof: Bytes,
        with_blobs: bool,
    ) -> TxHash {
        self.keep_slots().await;
        let blobs: Vec<Bytes> =
            blob::encode(commitments).unwrap().into_iter().map(Bytes::from).collect();
        let sidecar = Sidecar::compute(&blobs).await.unwrap();
        let hashes: Vec<_> = sidecar.versioned_hashes().iter().map(|hash| hash.0).collect();
        let statement = RunStatement {
            root: root.0,
            leaf_count: commitments.len() as u32,
            blobs_hash: blobs_hash(&hashes),
        };
        let call = verifySP1Call { publicValues: statement.abi_encode().into(), proofBytes: proof };
        let mut transaction = TransactionRequest::default()
            .with_to(self.deployment.service)
            .with_input(call.abi_encode())
            .with_gas_limit(2_000_000);
        if with_blobs {
            transaction = transaction
                .with_max_fee_per_blob_gas(1_000_000_000)
                .with_blob_sidecar_7594(sidecar.as_eip7594().clone());
        }
        let pending = self.provider.send_transaction(transaction).await.unwrap();
        let receipt = pending.get_receipt().await.unwrap();
        assert!(receipt.status(), "the contract takes the run");
        receipt.transaction_hash
    }
}

impl Network {
    /// Gives the next block the time at which its number is its slot: anvil's beacon interface takes one for the other.
    async fn keep_slots(&self) {
        let genesis = self.provider.get_block_by_number(0.into()).await.unwrap().unwrap();
        let next = self.provider.get_block_number().await.unwrap() + 1;
        let time = genesis.header.timestamp + 12 * next;
        let method = "evm_setNextBlockTimestamp";
        self.provider.raw_request::<_, serde_json::Value>(method.into(), (time,)).await.unwrap();
    }
}

fn root_of(commitments: &[Commitment]) -> B256 {
    let leaves: Vec<_> = commitments.iter().map(Commitment::leaf).collect();
    tree::root(&leaves).unwrap().into()
}

async fn deploy_code(provider: &DynProvider, code: &[u8]) -> Address {
    let transaction = TransactionRequest::default().with_deploy_code(code.to_vec());
    let receipt =
        provider.send_transaction(transaction).await.unwrap().get_receipt().await.unwrap();
    receipt.contract_address.unwrap()
}

/// Program number `number`, well formed.
pub(crate) fn program(number: u32) -> ProgramId {
    ProgramId::from_sp1_words([number; 8])
}

/// Commitments of programs `numbers`, each with its number as public values.
pub(crate) fn commitments(numbers: std::ops::Range<u32>) -> Vec<Commitment> {
    numbers.map(|number| Commitment::new(&number.to_be_bytes(), &program(number))).collect()
}
