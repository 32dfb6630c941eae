//! What the chain says: accounts with batchers, and what the operators verified.

use std::time::Duration;

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::{DynProvider, Provider},
};
use collimate_api::fast::Wei;
use collimate_batch::auxiliary_commitment;
use collimate_contracts::{
    AlignedLayerServiceManager::{self, AlignedLayerServiceManagerInstance},
    BatcherPaymentService::{self, BatcherPaymentServiceInstance},
};
use collimate_tasks::ServiceManager;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{FastError, VerificationBundle, error::of_proof, limits::CHAIN_POLL};
use crate::{
    FastModeProfile, SdkError,
    connect::{check_contracts, no_answer},
};

/// Reads fast mode's contracts. Holds no key.
#[derive(Clone, Debug)]
pub struct FastContracts {
    pub(super) manager: ServiceManager,
    payments: Address,
    unlock_delay: Duration,
}

/// What a user has with a batcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FastAccount {
    /// Who may charge it.
    pub batcher: Address,
    /// Whose it is.
    pub user: Address,
    /// What it has. Decimal text in JSON, whose numbers lose the last digits of wei.
    pub balance_wei: Wei,
    /// Nonce of the user's next proof.
    pub nonce: u64,
    /// Whether it can be charged, or withdrawn from.
    pub state: LockState,
    /// Second of the chain's clock from which it can be withdrawn from and not charged, if that was announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlocked_from: Option<u64>,
}

/// Whether an account can be charged, or withdrawn from: never both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LockState {
    /// It can be charged.
    Locked,
    /// It can be charged still; a withdrawal was announced.
    Unlocking,
    /// It can be withdrawn from.
    Unlocked,
}

impl FastContracts {
    /// Fast mode's contracts, after checking the node's chain and that they are what they are taken for.
    ///
    /// # Errors
    /// [`SdkError::Chain`] for another chain or a node that is away, [`SdkError::NoContract`], [`FastError::WrongContract`].
    pub async fn connect(
        provider: DynProvider,
        profile: &FastModeProfile,
        expected_chain: Option<u64>,
    ) -> Result<Self, SdkError> {
        let contracts = [profile.service_manager, profile.batcher_payments];
        check_contracts(&provider, expected_chain, &contracts).await?;
        let manager = match ServiceManager::open(provider.clone(), profile.service_manager).await {
            Ok(manager) => manager,
            Err(collimate_tasks::TaskError::Call { reason, .. }) => {
                let (contract, expected) = (profile.service_manager, "AlignedLayerServiceManager");
                return Err(FastError::WrongContract { contract, expected, reason }.into());
            }
            Err(error) => return Err(FastError::from(error).into()),
        };
        let contract = profile.batcher_payments;
        let payments = BatcherPaymentService::new(contract, &provider);
        let wrong = |reason: String| {
            let expected = "BatcherPaymentService";
            SdkError::from(FastError::WrongContract { contract, expected, reason })
        };
        let named = payments.SERVICE_MANAGER().call().await;
        let named = named.map_err(|error| no_answer("SERVICE_MANAGER", error, wrong))?;
        if named != profile.service_manager {
            return Err(wrong(format!("it is that of the service manager {named}")));
        }
        let delay = payments.UNLOCK_DELAY().call().await;
        let delay = delay.map_err(|error| no_answer("UNLOCK_DELAY", error, wrong))?;
        Ok(Self { manager, payments: contract, unlock_delay: Duration::from_secs(delay) })
    }

    /// The chain that the node serves.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.manager.chain_id()
    }

    /// The `AlignedLayerServiceManager`.
    #[must_use]
    pub fn service_manager(&self) -> Address {
        self.manager.address()
    }

    /// The `BatcherPaymentService`.
    #[must_use]
    pub fn batcher_payments(&self) -> Address {
        self.payments
    }

    /// Time from the announcement of a withdrawal to the end of charges.
    #[must_use]
    pub fn unlock_delay(&self) -> Duration {
        self.unlock_delay
    }

    /// Blocks after a task's own in which it can be answered.
    #[must_use]
    pub fn response_blocks(&self) -> u64 {
        self.manager.response_blocks()
    }

    /// What a user has with a batcher, in the newest block.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn account(&self, batcher: Address, user: Address) -> Result<FastAccount, SdkError> {
        let account = self.payments_contract().account(batcher, user).call().await;
        let account = account.map_err(SdkError::call("account"))?;
        let unlocked_from = (account.unlockedFrom != 0).then_some(account.unlockedFrom);
        let state = match unlocked_from {
            None => LockState::Locked,
            Some(from) if self.chain_time().await? < from => LockState::Unlocking,
            Some(_) => LockState::Unlocked,
        };
        let (balance_wei, nonce) = (Wei(account.balance), account.nonce);
        Ok(FastAccount { batcher, user, balance_wei, nonce, state, unlocked_from })
    }

    /// Second of the newest block: what deadlines are compared with.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn chain_time(&self) -> Result<u64, SdkError> {
        const ACTION: &str = "eth_getBlockByNumber";
        let block = self.manager.provider().get_block_by_number(BlockNumberOrTag::Latest).await;
        let block = block.map_err(SdkError::node(ACTION))?.ok_or_else(|| SdkError::Node {
            action: ACTION,
            reason: "it has no newest block".to_owned(),
        })?;
        Ok(block.header.timestamp)
    }

    /// Block in which a sender's batch was verified first.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn verified_in(&self, root: B256, sender: Address) -> Result<Option<u64>, SdkError> {
        let block = self.manager_contract().verifiedIn(root, sender).call().await;
        let block = block.map_err(SdkError::call("verifiedIn"))?;
        Ok((!block.is_zero()).then(|| u64::try_from(block).unwrap_or(u64::MAX)))
    }

    /// Verifies a bundle: offline, and against the contract, which must confirm it by both of its functions and deny two
    /// forgeries of it. Returns the block in which the batch was verified.
    ///
    /// # Errors
    /// [`FastError::NotVerified`] if the operators have not verified the batch, or not yet; [`FastError::BundleInconsistent`],
    /// [`FastError::OtherProof`] for a bundle of another network, [`FastError::Untrustworthy`], [`SdkError::Node`].
    pub async fn verify(&self, bundle: &VerificationBundle) -> Result<u64, SdkError> {
        bundle.verify_offline()?;
        self.check_network(bundle)?;
        let (root, sender) = (bundle.batch_root, bundle.sender);
        let Some(block) = self.verified_in(root, sender).await? else {
            return Err(FastError::NotVerified { root, sender }.into());
        };
        let untrustworthy = |reason| -> Result<u64, SdkError> {
            let contract = self.service_manager();
            Err(FastError::Untrustworthy { contract, root, reason }.into())
        };
        if !self.is_verified(bundle).await? {
            return untrustworthy("it denies a proof of a batch that it says is verified");
        }
        if !self.verifies_inclusion(bundle).await? {
            return untrustworthy("verifyBatchInclusion denies what isVerified confirms");
        }
        let mut altered = bundle.clone();
        altered.public_inputs = forged(&bundle.public_inputs);
        if self.is_verified(&altered).await? {
            return untrustworthy("it confirms altered public inputs");
        }
        let mut other = bundle.clone();
        let [first, ..] = &mut other.program_id.0;
        *first ^= 1;
        if self.is_verified(&other).await? {
            return untrustworthy("it confirms another program");
        }
        Ok(block)
    }

    /// Waits until a bundle verifies, in a block with so many confirmations, counting its own.
    ///
    /// # Errors
    /// [`FastError::NotVerified`] after `limit`, [`FastError::Expired`] as soon as the bundle's task is; otherwise those of
    /// [`verify`](Self::verify).
    pub async fn wait_verified(
        &self,
        bundle: &VerificationBundle,
        confirmations: u64,
        limit: Duration,
    ) -> Result<u64, SdkError> {
        let started = Instant::now();
        loop {
            let error = match self.verify(bundle).await {
                Ok(block) => match self.confirmed(block, confirmations).await? {
                    true => return Ok(block),
                    false => {
                        FastError::NotVerified { root: bundle.batch_root, sender: bundle.sender }
                    }
                },
                Err(SdkError::Fast(error @ FastError::NotVerified { .. })) => error,
                Err(other) => return Err(other),
            };
            if let Some(task) = bundle.task_id {
                self.check_not_expired(task).await?;
            }
            if started.elapsed() >= limit {
                return Err(error.into());
            }
            sleep(CHAIN_POLL.min(limit.saturating_sub(started.elapsed()))).await;
        }
    }

    async fn confirmed(&self, block: u64, confirmations: u64) -> Result<bool, SdkError> {
        if confirmations <= 1 {
            return Ok(true);
        }
        let head = self.manager.provider().get_block_number().await;
        let head = head.map_err(SdkError::node("eth_blockNumber"))?;
        Ok(head.saturating_add(1) >= block.saturating_add(confirmations))
    }

    fn check_network(&self, bundle: &VerificationBundle) -> Result<(), FastError> {
        of_proof("chain", &self.chain_id(), &bundle.chain_id)?;
        of_proof("the service manager", &self.service_manager(), &bundle.service_manager)
    }

    async fn is_verified(&self, bundle: &VerificationBundle) -> Result<bool, SdkError> {
        let contract = self.manager_contract();
        let call = contract.isVerified(
            bundle.proving_system,
            bundle.program_id.0.into(),
            bundle.public_inputs.clone(),
            bundle.proof_commitment,
            bundle.generator,
            bundle.path.clone(),
            bundle.sender,
        );
        call.call().await.map_err(SdkError::call("isVerified"))
    }

    async fn verifies_inclusion(&self, bundle: &VerificationBundle) -> Result<bool, SdkError> {
        let auxiliary = auxiliary_commitment(bundle.proving_system, &bundle.program_id);
        let contract = self.manager_contract();
        let call = contract.verifyBatchInclusion(
            bundle.proof_commitment,
            keccak256(&bundle.public_inputs),
            auxiliary.into(),
            bundle.generator,
            bundle.batch_root,
            bundle.path.clone(),
            // Ignored by the contract.
            U256::ZERO,
            bundle.sender,
        );
        call.call().await.map_err(SdkError::call("verifyBatchInclusion"))
    }

    pub(super) fn manager_contract(&self) -> AlignedLayerServiceManagerInstance<&DynProvider> {
        AlignedLayerServiceManager::new(self.manager.address(), self.manager.provider())
    }

    fn payments_contract(&self) -> BatcherPaymentServiceInstance<&DynProvider> {
        BatcherPaymentService::new(self.payments, self.manager.provider())
    }
}

/// Other public inputs: one bit is changed, or there are some where there were none.
fn forged(public_inputs: &Bytes) -> Bytes {
    let mut forged = public_inputs.to_vec();
    match forged.first_mut() {
        Some(first) => *first ^= 1,
        None => forged.push(1),
    }
    forged.into()
}
