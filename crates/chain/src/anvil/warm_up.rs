use alloy::{
    eips::eip4844::kzg_to_versioned_hash,
    primitives::{Address, B256, Bytes, address},
    providers::Provider,
    rpc::types::TransactionRequest,
};

use crate::{
    error::ChainError,
    provider::{Timeouts, connect},
};

/// The precompile that checks the value of a blob's polynomial at a point (EIP-4844).
const POINT_EVALUATION: Address = address!("000000000000000000000000000000000000000a");

/// Calls the precompile, which needs the trusted setup, and waits for the answer.
pub(super) async fn evaluate_a_point(url: &str) -> Result<Bytes, ChainError> {
    let provider = connect(url, Timeouts::default())?;
    let call = TransactionRequest::default().to(POINT_EVALUATION).input(zero_is_zero().into());
    provider.call(call).await.map_err(ChainError::node("eth_call"))
}

/// The polynomial zero is zero at the point zero: commitment and proof are the point at infinity.
fn zero_is_zero() -> Bytes {
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    let versioned_hash = kzg_to_versioned_hash(&infinity);
    let (point, value) = (B256::ZERO, B256::ZERO);
    [versioned_hash.as_slice(), point.as_slice(), value.as_slice(), &infinity, &infinity]
        .concat()
        .into()
}
