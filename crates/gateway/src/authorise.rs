//! Whether an account signed: with its key, or by its contract's word (EIP-1271).

use std::time::Duration;

use alloy::{
    contract::Error as CallError,
    primitives::{Address, B256, Bytes},
    providers::DynProvider,
    sol,
    transports::RpcError,
};
use collimate_api::{ProblemCode, recover};
use tokio::{sync::Semaphore, time::timeout};

use crate::fault::Fault;

sol! {
    #[sol(rpc)]
    interface IERC1271 {
        function isValidSignature(bytes32 hash, bytes memory signature) external view returns (bytes4);
    }
}

/// `isValidSignature`'s answer to a signature that it takes: its own selector.
const MAGIC: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];

/// Gas that a contract may spend on its answer.
const GAS: u64 = 5_000_000;

/// Questions to the node at once, so that contract wallets cannot occupy it.
const QUESTIONS: usize = 8;

/// A signature over a hash, claimed to be an account's.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) account: Address,
    pub(crate) hash: B256,
    pub(crate) signature: Bytes,
}

#[derive(Debug)]
pub(crate) struct Signatures {
    provider: DynProvider,
    questions: Semaphore,
    node_timeout: Duration,
}

impl Claim {
    /// Whether the account's own key signed.
    pub(crate) fn is_of_key(&self) -> bool {
        recover(&self.hash, &self.signature) == Ok(self.account)
    }
}

impl Signatures {
    pub(crate) fn new(provider: DynProvider, node_timeout: Duration) -> Self {
        Self { provider, questions: Semaphore::new(QUESTIONS), node_timeout }
    }

    /// Asks the account's contract. An account without code has none that could agree.
    pub(crate) async fn check_contract(&self, claim: &Claim) -> Result<(), Fault> {
        let wallet = IERC1271::new(claim.account, &self.provider);
        let call = wallet.isValidSignature(claim.hash, claim.signature.clone()).gas(GAS);
        let answer = timeout(self.node_timeout, async {
            let _turn = self.questions.acquire().await;
            call.call().await
        })
        .await
        .map_err(|_| Fault::node_away())?;
        match answer {
            Ok(word) if word.0 == MAGIC => Ok(()),
            Err(CallError::TransportError(error)) if !matches!(error, RpcError::ErrorResp(_)) => {
                Err(Fault::node_away())
            }
            // It denied, reverted, or is no such contract.
            Ok(_) | Err(_) => Err(bad_signature(claim)),
        }
    }
}

pub(crate) fn bad_signature(claim: &Claim) -> Fault {
    let detail = format!(
        "the signature is not {}'s over this proof, program, nonce and deadline in this service's domain; \
         read chain id and payment service from /v1/info, and sign the SHA-256 of the proof file; a contract's account \
         is asked only once it has credits",
        claim.account
    );
    Fault::new(ProblemCode::BadSignature, detail)
}
