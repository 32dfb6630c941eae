//! Why a call reverts, in words.

use std::{fmt, sync::Arc};

use alloy::{
    eips::BlockId,
    primitives::Bytes,
    providers::{DynProvider, Provider},
    rpc::{json_rpc::ErrorPayload, types::TransactionRequest},
    sol_types::{GenericContractError, SolInterface},
    transports::RpcError,
};

use crate::error::NodeError;

type Decode = dyn Fn(&[u8]) -> Option<String> + Send + Sync;

/// Turns revert data into words: with the function of whoever knows the contracts' custom errors, and for the rest with
/// Solidity's `Error(string)` and `Panic(uint256)`.
#[derive(Clone)]
pub struct RevertDecoder(Arc<Decode>);

impl RevertDecoder {
    /// A decoder that asks `decode` first.
    pub fn new(decode: impl Fn(&[u8]) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(decode))
    }

    /// Words for this revert data.
    pub fn describe(&self, data: &[u8]) -> String {
        if data.is_empty() {
            return "reverted without a reason".to_owned();
        }
        (self.0)(data)
            .or_else(|| Some(GenericContractError::abi_decode(data).ok()?.to_string()))
            .unwrap_or_else(|| format!("revert data 0x{}", hex::encode(data)))
    }

    /// Words for a node's answer to a call, if it says that the call reverts.
    pub(crate) fn describe_failed_call(&self, error: &NodeError) -> Option<String> {
        let RpcError::ErrorResp(payload) = error else { return None };
        let words = payload.message.to_lowercase();
        match revert_data(payload) {
            Some(data) if !data.is_empty() => Some(self.describe(&data)),
            _ if words.contains("revert") => Some(payload.message.to_string()),
            _ if [
                "gas required exceeds",
                "out of gas",
                "outofgas",
                "invalid opcode",
                "stack underflow",
            ]
            .iter()
            .any(|phrase| words.contains(phrase)) =>
            {
                Some(payload.message.to_string())
            }
            _ => None,
        }
    }

    /// Runs a transaction that was mined and reverted again, on the state before its block.
    pub(crate) async fn replay(
        &self,
        provider: &DynProvider,
        call: TransactionRequest,
        block: u64,
        used_all_gas: bool,
    ) -> String {
        let before = BlockId::number(block.saturating_sub(1));
        match provider.call(call).block(before).await {
            Err(error) => match self.describe_failed_call(&error) {
                Some(reason) => reason,
                None => "the node cannot say why".to_owned(),
            },
            Ok(_) if used_all_gas => "it ran out of gas".to_owned(),
            Ok(_) => "it does not revert on the state before its block: another transaction of the same block came first".to_owned(),
        }
    }
}

impl Default for RevertDecoder {
    fn default() -> Self {
        Self::new(|_| None)
    }
}

impl fmt::Debug for RevertDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RevertDecoder")
    }
}

fn revert_data(payload: &ErrorPayload) -> Option<Bytes> {
    payload.as_revert_data().or_else(|| payload.try_data_as::<Bytes>()?.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_errors_come_first_then_soliditys_then_hex() {
        let decoder = RevertDecoder::new(|data| {
            data.starts_with(&[1, 2, 3, 4]).then(|| "RootKnown()".into())
        });
        assert_eq!(decoder.describe(&[1, 2, 3, 4]), "RootKnown()");
        let error_string = hex::decode(
            "08c379a00000000000000000000000000000000000000000000000000000000000000020\
             000000000000000000000000000000000000000000000000000000000000000568656c6c6f000000000000000000000000000000000000000000000000000000",
        )
        .expect("hex");
        assert!(decoder.describe(&error_string).contains("hello"));
        // Bytes that happen to be text stay bytes.
        assert_eq!(decoder.describe(b"abcd"), "revert data 0x61626364");
        assert_eq!(decoder.describe(&[]), "reverted without a reason");
    }
}
