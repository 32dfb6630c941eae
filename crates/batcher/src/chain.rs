//! The contracts as the batcher sees them, and the newest block.

use std::{sync::Arc, time::Duration};

use alloy::{
    contract::Error as CallError,
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, aliases::U96},
    providers::{DynProvider, Provider},
    rpc::types::{TransactionInput, TransactionRequest},
    sol,
    sol_types::SolCall,
    transports::RpcError,
};
use collimate_chain::ChainError;
use collimate_contracts::{
    AlignedLayerServiceManager,
    BatcherPaymentService::{self, BatcherPaymentServiceInstance},
    fast_mode::Authorization,
};
use collimate_tasks::ServiceManager;
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    BatcherError,
    limits::{NODE_QUESTIONS, WALLET_GAS},
};

sol! {
    interface IERC1271 {
        function isValidSignature(bytes32 hash, bytes memory signature) external view returns (bytes4);
    }
}

/// A wallet's answer to a signature that it takes: the question's selector, as a word.
const MAGIC: [u8; 32] =
    alloy::hex!("1626ba7e00000000000000000000000000000000000000000000000000000000");

/// What the newest block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) number: u64,
    /// Seconds since 1970: the clock of deadlines.
    pub(crate) timestamp: u64,
    /// Wei a gas.
    pub(crate) base_fee: u128,
    /// Proof systems that governance disabled, as bits by id.
    pub(crate) disabled: U96,
    /// Whether no tasks can be created.
    pub(crate) paused: bool,
}

/// A user's account with this batcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainAccount {
    pub(crate) balance: u128,
    pub(crate) nonce: u64,
    /// Second from which it cannot be charged; zero if it is locked.
    pub(crate) unlocked_from: u64,
}

/// Why the contract would not charge an authorisation: `BatcherPaymentService.Refusal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unlocked,
    WrongNonce,
    DeadlinePassed,
    BalanceTooLow,
    InvalidSignature,
    /// Those that the batcher's own checks exclude.
    Other(u8),
}

#[derive(Debug)]
pub(crate) struct Chain {
    provider: DynProvider,
    manager: ServiceManager,
    payments: Address,
    batcher: Address,
    max_priority_fee: u128,
    questions: Semaphore,
}

impl Chain {
    /// The contracts behind a payment service, for this batcher.
    pub(crate) async fn open(
        provider: DynProvider,
        payments: Address,
        batcher: Address,
    ) -> Result<Self, BatcherError> {
        let contract = BatcherPaymentService::new(payments, &provider);
        let manager = match contract.SERVICE_MANAGER().call().await {
            Ok(manager) => manager,
            Err(error) if is_answer(&error) => {
                let reason = error.to_string();
                return Err(BatcherError::NoPaymentService { address: payments, reason });
            }
            Err(error) => return Err(failed("SERVICE_MANAGER")(error)),
        };
        let tasks = AlignedLayerServiceManager::new(manager, &provider);
        let max_priority_fee =
            tasks.MAX_PRIORITY_FEE().call().await.map_err(failed("MAX_PRIORITY_FEE"))?;
        let manager = ServiceManager::open(provider.clone(), manager).await?;
        let questions = Semaphore::new(NODE_QUESTIONS);
        let max_priority_fee = max_priority_fee.into();
        Ok(Self { provider, manager, payments, batcher, max_priority_fee, questions })
    }

    pub(crate) const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    pub(crate) const fn chain_id(&self) -> u64 {
        self.manager.chain_id()
    }

    pub(crate) const fn payments(&self) -> Address {
        self.payments
    }

    pub(crate) const fn batcher(&self) -> Address {
        self.batcher
    }

    pub(crate) const fn manager(&self) -> &ServiceManager {
        &self.manager
    }

    /// Most that a responder is paid above the base fee, in wei a gas.
    pub(crate) const fn max_priority_fee(&self) -> u128 {
        self.max_priority_fee
    }

    pub(crate) async fn head(&self) -> Result<Head, BatcherError> {
        let header = self.provider.get_header_by_number(BlockNumberOrTag::Latest).await;
        let header = header.map_err(ChainError::node("eth_getBlockByNumber"))?;
        let header = header.ok_or_else(|| BatcherError::Call {
            action: "reading the newest block",
            reason: "the node has none".to_owned(),
        })?;
        let manager = AlignedLayerServiceManager::new(self.manager.address(), &self.provider);
        let paused = manager.paused().call().await.map_err(failed("paused"))?;
        Ok(Head {
            number: header.number,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas.unwrap_or(0).into(),
            disabled: self.manager.disabled_systems().await?,
            paused,
        })
    }

    /// A user's account, in the newest block or in that one.
    pub(crate) async fn account(
        &self,
        user: Address,
        at: Option<u64>,
    ) -> Result<ChainAccount, BatcherError> {
        let _turn = self.turn().await;
        let call = self.contract();
        let call = call.account(self.batcher, user).block(block(at));
        let found = call.call().await.map_err(failed("account"))?;
        Ok(ChainAccount {
            balance: found.balance,
            nonce: found.nonce,
            unlocked_from: found.unlockedFrom,
        })
    }

    /// Whether the contract would charge this authorisation in the block after that one, and why not.
    pub(crate) async fn refusal(
        &self,
        fee_per_proof: u128,
        authorization: Authorization,
        at: u64,
    ) -> Result<Option<Refusal>, BatcherError> {
        let _turn = self.turn().await;
        let call = self.contract();
        let call = call.refusal(self.batcher, fee_per_proof, authorization).block(block(Some(at)));
        // The order of the contract's enum.
        Ok(match call.call().await.map_err(failed("refusal"))? {
            0 => None,
            2 => Some(Refusal::Unlocked),
            3 => Some(Refusal::WrongNonce),
            4 => Some(Refusal::DeadlinePassed),
            6 => Some(Refusal::BalanceTooLow),
            7 => Some(Refusal::InvalidSignature),
            other => Some(Refusal::Other(other)),
        })
    }

    /// Whether a wallet takes a signature (EIP-1271), with the gas that the payment service gives it.
    pub(crate) async fn wallet_agrees(
        &self,
        wallet: Address,
        digest: B256,
        signature: &Bytes,
    ) -> Result<bool, BatcherError> {
        let _turn = self.turn().await;
        let call = IERC1271::isValidSignatureCall { hash: digest, signature: signature.clone() };
        let input = Bytes::from(call.abi_encode());
        let request = TransactionRequest {
            to: Some(wallet.into()),
            gas: Some(WALLET_GAS.saturating_add(own_gas(&input))),
            input: TransactionInput::new(input),
            ..TransactionRequest::default()
        };
        match self.provider.call(request).await {
            // Its own selector, in a whole word.
            Ok(answer) => Ok(answer.get(..32).is_some_and(|word| word == MAGIC)),
            // It reverted, ran out of gas, or is no such contract.
            Err(RpcError::ErrorResp(_)) => Ok(false),
            Err(error) => Err(ChainError::node("asking a wallet")(error).into()),
        }
    }

    fn contract(&self) -> BatcherPaymentServiceInstance<&DynProvider> {
        BatcherPaymentService::new(self.payments, &self.provider)
    }

    /// Few questions at once, so that crowds and slow wallets cannot occupy the node.
    async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.questions.acquire().await.ok()
    }
}

/// Gas of a transaction's own: its price, and that of its data.
fn own_gas(input: &[u8]) -> u64 {
    let bytes = input.iter().map(|byte| if *byte == 0 { 4_u64 } else { 16 });
    bytes.fold(21_000, u64::saturating_add)
}

fn block(at: Option<u64>) -> BlockId {
    at.map_or(BlockId::latest(), BlockId::number)
}

/// Whether the node answered, and the answer is the contract's fault: it is another one, or none.
fn is_answer(error: &CallError) -> bool {
    match error {
        CallError::TransportError(error) => {
            error.as_error_resp().is_some_and(|answer| answer.as_revert_data().is_some())
        }
        _ => true,
    }
}

/// Wraps a failed call.
fn failed(action: &'static str) -> impl FnOnce(CallError) -> BatcherError {
    move |error| match error {
        CallError::TransportError(error)
            if error.as_error_resp().is_none_or(|answer| answer.as_revert_data().is_none()) =>
        {
            ChainError::node(action)(error).into()
        }
        other => BatcherError::Call { action, reason: other.to_string() },
    }
}

/// The newest block, with when it was seen.
pub(crate) type SeenHead = Option<(Head, Instant)>;

/// Looks at the newest block again and again until `stop`.
pub(crate) async fn watch_head(
    chain: Arc<Chain>,
    interval: Duration,
    seen: watch::Sender<SeenHead>,
    stop: CancellationToken,
) {
    let mut away = false;
    loop {
        match chain.head().await {
            Ok(head) => {
                away = false;
                seen.send_replace(Some((head, Instant::now())));
            }
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!(%error, "the newest block cannot be read");
                }
            }
        }
        tokio::select! {
            () = sleep(interval) => {}
            () = stop.cancelled() => return,
        }
    }
}
