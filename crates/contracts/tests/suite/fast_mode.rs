//! Fast mode on a real node: users sign, a batcher creates the task, operators answer, and everybody has their ether.

use crate::{
    node::Node,
    operators::{aggregate, deployed_with_operators, sign},
};
use alloy::{
    contract::{CallBuilder, CallDecoder},
    primitives::{Address, B256, Bytes, U256, address, aliases::U96, keccak256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::TransactionReceipt,
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolValue,
};
use blst::min_sig::{SecretKey, Signature};
use collimate_contracts::{
    AlignedLayerServiceManager as Manager, BatcherPaymentService as Payments, ContractsError,
    DeployConfig, Deployment, FastModeConfig, FastModeDeployment, HardVerifier, Sp1Verification,
    decode_revert, deploy, deploy_fast_mode,
    fast_mode::{
        Authorization, Charge, Payment, ProofAuthorization, Task, response_message, task_id,
    },
    signing::SIGNATURE_DOMAIN,
};

const RESPONSE_BLOCKS: u32 = 10;
const PRICE_WEI: u128 = 1_000_000_000_000_000;
const POINTER: &str = "http://127.0.0.1:9000/batches/abc";
/// Proof systems 0 and 2.
const SYSTEMS: u64 = 0b101;
const PROGRAM_ID: B256 = B256::repeat_byte(0x77);
const GENERATOR: Address = address!("0x00000000000000000000000000000000000000a6");
/// Nobody's account on the chain.
const RECEIVER: Address = address!("0x00000000000000000000000000000000000000b7");

fn config(owner: Address) -> FastModeConfig {
    FastModeConfig {
        owner,
        response_blocks: RESPONSE_BLOCKS,
        max_priority_fee_wei: 2_000_000_000,
        unlock_delay_seconds: 60,
    }
}

/// What a batch has of a proof.
struct Proof {
    system: u16,
    public_inputs: Vec<u8>,
    proof: Vec<u8>,
}

impl Proof {
    fn new(system: u16, name: u8) -> Self {
        Self { system, public_inputs: vec![name; 40], proof: vec![name; 200] }
    }

    /// From the text of docs/architecture.md.
    fn leaf(&self) -> B256 {
        let program = keccak256((U256::from(self.system), PROGRAM_ID).abi_encode_params());
        let domain = keccak256("Collimate.FastMode.v1");
        let (proof, inputs) = (keccak256(&self.proof), keccak256(&self.public_inputs));
        let words = (proof, inputs, program, GENERATOR, domain);
        keccak256(keccak256(words.abi_encode_params()))
    }
}

fn node_over(a: B256, b: B256) -> B256 {
    keccak256([a.min(b), a.max(b)].concat())
}

/// A network in which account 0 is the batcher, two users have signed for two proofs and one, and the batch is made of them.
struct Network {
    node: Node,
    deployment: Deployment,
    contracts: FastModeDeployment,
    keys: Vec<SecretKey>,
    users: [PrivateKeySigner; 2],
    proofs: [Proof; 3],
}

impl Network {
    async fn start() -> Self {
        let node = Node::start();
        let owner = node.accounts[0].address();
        let (deployment, keys) = deployed_with_operators(&node, Some(config(owner))).await;
        let users = [0xa1, 0xb2]
            .map(|byte| PrivateKeySigner::from_bytes(&B256::repeat_byte(byte)).unwrap());
        let proofs = [Proof::new(0, 1), Proof::new(2, 2), Proof::new(0, 3)];
        let contracts = deployment.fast_mode.unwrap();
        Self { node, deployment, contracts, keys, users, proofs }
    }

    fn manager(
        &self,
        account: usize,
    ) -> Manager::AlignedLayerServiceManagerInstance<impl Provider> {
        let provider = self.node.provider(&self.node.accounts[account]);
        Manager::new(self.contracts.service_manager, provider)
    }

    fn payments(&self, account: usize) -> Payments::BatcherPaymentServiceInstance<impl Provider> {
        let provider = self.node.provider(&self.node.accounts[account]);
        Payments::new(self.contracts.batcher_payments, provider)
    }

    async fn balance(&self, address: Address) -> U256 {
        self.node.provider(&self.node.accounts[0]).get_balance(address).await.unwrap()
    }

    /// Roots of the users' groups, and that of the batch.
    fn roots(&self) -> ([B256; 2], B256) {
        let [a, b, c] = [0, 1, 2].map(|index: usize| self.proofs[index].leaf());
        let groups = [node_over(a, b), c];
        (groups, node_over(groups[0], groups[1]))
    }

    /// What the users sign, with their keys.
    fn authorizations(&self) -> Vec<Authorization> {
        let batcher = self.node.accounts[0].address();
        let groups = self.users.iter().zip(self.roots().0).zip([2u32, 1]);
        let signed = groups.map(|((user, root), count)| {
            let authorization = ProofAuthorization {
                user: user.address(),
                batcher,
                proofsRoot: root,
                proofCount: count,
                firstNonce: 0,
                maxFee: u128::from(count) * PRICE_WEI,
                deadline: u64::MAX,
            };
            let digest =
                authorization.digest(self.deployment.chain_id, self.contracts.batcher_payments);
            let signature = user.sign_hash_sync(&digest).unwrap();
            authorization.signed(Bytes::from(signature.as_bytes().to_vec()))
        });
        signed.collect()
    }

    /// The batcher deposits for its users and creates the task; more than they pay may be spent on the response, so it adds a
    /// price, and one comes back.
    async fn create(&self) -> (Task, Payment, Vec<Charge>) {
        let (payments, batcher) = (self.payments(0), self.node.accounts[0].address());
        let authorizations = self.authorizations();
        for (user, authorization) in self.users.iter().zip(&authorizations) {
            let deposit = payments.deposit(batcher, user.address());
            mined(deposit.value(U256::from(10 * PRICE_WEI))).await;
            let refusal = payments.refusal(batcher, PRICE_WEI, authorization.clone());
            assert_eq!(refusal.call().await.unwrap(), 0);
        }
        let (_, root) = self.roots();
        let [limit, charged] = [4, 3].map(|prices| U256::from(prices * PRICE_WEI));
        let creation =
            payments.createNewTask(root, POINTER.into(), limit, PRICE_WEI, charged, authorizations);
        let receipt = mined(creation.value(U256::from(2 * PRICE_WEI))).await;

        let task = Task::from(&receipt.decoded_log::<Manager::NewBatchV3>().unwrap().data);
        let paid = receipt.decoded_log::<Payments::TaskPaid>().unwrap().data;
        assert_eq!(task_id(&task), paid.taskId);
        assert_eq!((paid.total, paid.added), (charged, U256::from(PRICE_WEI)));
        assert_eq!((task.batchMerkleRoot, task.respondToTaskFeeLimit), (root, limit));
        assert_eq!(self.balance(self.contracts.service_manager).await, limit);
        (task, Payment::from(&paid), paid.charges)
    }

    /// The call with which an operator hands in what these operators signed.
    async fn respond(&self, task: &Task, signers: &[u8]) -> Result<TransactionReceipt, String> {
        let message = response_message(
            self.deployment.chain_id,
            self.contracts.service_manager,
            task_id(task),
            U96::from(SYSTEMS),
        );
        let signatures: Vec<Signature> = signers
            .iter()
            .map(|id| sign(&self.keys[usize::from(*id)], message, SIGNATURE_DOMAIN))
            .collect();
        let absent = (0..4u8).filter(|id| !signers.contains(id)).map(u32::from).collect();
        let manager = self.manager(1);
        let call = manager.respondToTaskV2(
            task.clone(),
            U96::from(SYSTEMS),
            aggregate(&signatures).into(),
            absent,
        );
        match call.call().await {
            // A node estimates at the gas price zero, at which the response is paid nothing: the payment's gas would be missing.
            Ok(_) => Ok(mined(call.gas(RESPONSE_GAS)).await),
            Err(error) => Err(decode_revert(&error.as_revert_data().unwrap()).unwrap()),
        }
    }

    async fn is_verified(&self, index: usize, path: Vec<B256>, sender: Address) -> bool {
        let proof = &self.proofs[index];
        let (inputs, commitment) = (proof.public_inputs.clone().into(), keccak256(&proof.proof));
        let manager = self.manager(0);
        let call = manager.isVerified(
            proof.system,
            PROGRAM_ID,
            inputs,
            commitment,
            GENERATOR,
            path,
            sender,
        );
        call.call().await.unwrap()
    }

    async fn expire(&self) {
        let provider = self.node.provider(&self.node.accounts[0]);
        provider.anvil_mine(Some(u64::from(RESPONSE_BLOCKS) + 1), None).await.unwrap();
    }
}

/// More gas than a response of four operators takes.
const RESPONSE_GAS: u64 = 400_000;

async fn mined<P: Provider, D: CallDecoder>(call: CallBuilder<P, D>) -> TransactionReceipt {
    let receipt = call.send().await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    receipt
}

fn wei(amount: u128) -> U256 {
    U256::from(amount)
}

#[tokio::test]
async fn a_batch_of_two_users_is_verified_and_its_batcher_paid() {
    let network = Network::start().await;
    let (task, payment, charges) = network.create().await;
    assert_eq!(charges.iter().map(|charge| charge.fee).sum::<U256>(), wei(3 * PRICE_WEI));
    let leaves = [0, 1, 2].map(|index: usize| network.proofs[index].leaf());
    let sender = network.contracts.batcher_payments;
    assert!(!network.is_verified(1, vec![leaves[0], leaves[2]], sender).await);

    let refused = network.respond(&task, &[0, 1]).await.unwrap_err();
    assert!(refused.starts_with("QuorumNotReached("), "{refused}");
    let responder = network.node.accounts[1].address();
    let before = network.balance(responder).await;
    let receipt = network.respond(&task, &[0, 1, 3]).await.unwrap();
    assert!(receipt.gas_used <= 250_000, "{} gas", receipt.gas_used);
    let answered = receipt.decoded_log::<Manager::BatchVerified>().unwrap().data;
    assert_eq!((answered.taskId, answered.responder), (task_id(&task), responder));
    // Whoever responds gets back what it costs, within 3 %, and no more than that.
    let cost = wei(u128::from(receipt.gas_used) * receipt.effective_gas_price);
    assert_eq!(network.balance(responder).await, before - cost + answered.fee);
    assert!(answered.fee.abs_diff(cost) * wei(100) <= cost * wei(3), "{} of {cost}", answered.fee);

    for (index, path) in [
        (0, vec![leaves[1], leaves[2]]),
        (1, vec![leaves[0], leaves[2]]),
        (2, vec![node_over(leaves[0], leaves[1])]),
    ] {
        assert!(network.is_verified(index, path.clone(), sender).await, "proof {index}");
        assert!(!network.is_verified(index, path, responder).await, "proof {index}, other sender");
    }
    assert!(!network.is_verified(0, vec![leaves[0], leaves[2]], sender).await);
    let again = network.respond(&task, &[0, 1, 3]).await.unwrap_err();
    assert!(again.starts_with("TaskNotOpen("), "{again}");

    // Anyone settles; the batcher takes what the response left.
    let batcher = network.node.accounts[0].address();
    mined(network.payments(4).settle(task.into(), payment)).await;
    let earned = wei(4 * PRICE_WEI) - answered.fee;
    assert_eq!(network.payments(0).earnings(batcher).call().await.unwrap(), earned);
    mined(network.payments(0).withdrawEarnings(RECEIVER)).await;
    assert_eq!(network.balance(RECEIVER).await, earned);
    // What the users did not spend is theirs.
    assert_eq!(network.balance(network.contracts.service_manager).await, U256::ZERO);
    assert_eq!(network.balance(sender).await, wei(17 * PRICE_WEI));
}

#[tokio::test]
async fn a_batch_that_nobody_answers_is_refunded() {
    let network = Network::start().await;
    let (task, payment, charges) = network.create().await;
    network.expire().await;
    let late = network.respond(&task, &[0, 1, 2, 3]).await.unwrap_err();
    assert!(late.starts_with("TaskNotOpen("), "{late}");

    mined(network.payments(4).refund(task.into(), payment, charges)).await;
    let (payments, batcher) = (network.payments(0), network.node.accounts[0].address());
    for (user, nonce) in network.users.iter().zip([2, 1]) {
        let account = payments.account(batcher, user.address()).call().await.unwrap();
        assert_eq!((account.balance, account.nonce), (10 * PRICE_WEI, nonce));
    }
    // What the batcher added is the batcher's again.
    assert_eq!(payments.earnings(batcher).call().await.unwrap(), wei(PRICE_WEI));
    let held = network.balance(network.contracts.batcher_payments).await;
    assert_eq!(held, wei(21 * PRICE_WEI));
}

#[tokio::test]
async fn a_sender_without_a_batcher_reclaims_what_its_response_did_not_cost() {
    let network = Network::start().await;
    let sender = network.node.accounts[0].address();
    let (manager, limit) = (network.manager(0), wei(4 * PRICE_WEI));
    let root = network.proofs[0].leaf();
    let receipt = mined(manager.createNewTask(root, POINTER.into(), limit).value(limit)).await;
    let task = Task::from(&receipt.decoded_log::<Manager::NewBatchV3>().unwrap().data);
    let receipt = network.respond(&task, &[0, 1, 2, 3]).await.unwrap();
    let fee = receipt.decoded_log::<Manager::BatchVerified>().unwrap().data.fee;
    assert!(network.is_verified(0, vec![], sender).await);

    let receipt = mined(manager.reclaim(task)).await;
    let reclaimed = receipt.decoded_log::<Manager::TaskReclaimed>().unwrap().data;
    assert_eq!((reclaimed.sender, reclaimed.amount), (sender, limit - fee));
    assert_eq!(network.balance(network.contracts.service_manager).await, U256::ZERO);
}

#[tokio::test]
async fn fast_mode_without_operators_is_not_deployed() {
    let node = Node::start();
    let owner = node.accounts[0].address();
    let deploy_config = DeployConfig {
        program_id: B256::ZERO,
        verification: Sp1Verification::Hard(HardVerifier::Existing(owner)),
        risc0: None,
        payments: None,
        fast_mode: Some(config(owner)),
    };
    let provider = node.provider(&node.accounts[0]);
    let error = deploy(&provider, &deploy_config).await.unwrap_err();
    assert!(matches!(error, ContractsError::NoRegistry), "{error}");
    assert_eq!(provider.get_block_number().await.unwrap(), 0, "nothing is deployed");

    let error = deploy_fast_mode(&provider, owner, &config(owner)).await.unwrap_err();
    assert!(error.to_string().contains("RegistryWithoutCode("), "{error}");
}
