//! Whether contracts are what they are taken for.

use alloy::{
    contract,
    primitives::Address,
    providers::{DynProvider, Provider},
    transports::{RpcError, TransportErrorKind},
};
use collimate_chain::provider::check_chain;

use crate::SdkError;

/// The chain that the node serves, after checking that it is the expected one and has all these contracts.
pub(crate) async fn check_contracts(
    provider: &DynProvider,
    expected_chain: Option<u64>,
    contracts: &[Address],
) -> Result<u64, SdkError> {
    let chain_id = check_chain(provider, expected_chain).await?;
    for contract in contracts.iter().copied() {
        let code = provider.get_code_at(contract).await.map_err(SdkError::node("eth_getCode"))?;
        if code.is_empty() {
            return Err(SdkError::NoContract { contract, chain_id });
        }
    }
    Ok(chain_id)
}

/// Why a call gave no answer: a contract that does not know it is another one, which `wrong` tells of; a node that does not is away.
pub(crate) fn no_answer(
    action: &'static str,
    error: contract::Error,
    wrong: impl FnOnce(String) -> SdkError,
) -> SdkError {
    match error {
        contract::Error::TransportError(error) if !is_revert(&error) => {
            SdkError::node(action)(error)
        }
        other => wrong(other.to_string()),
    }
}

/// Whether the node ran the call and the contract refused it. Geth's code for it is 3; others say so in words.
fn is_revert(error: &RpcError<TransportErrorKind>) -> bool {
    error
        .as_error_resp()
        .is_some_and(|answer| answer.code == 3 || answer.message.to_lowercase().contains("revert"))
}
