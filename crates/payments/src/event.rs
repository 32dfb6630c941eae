//! A purchase, as the contract's log tells of it.

use alloy::{primitives::U256, rpc::types::Log, sol_types::SolEvent};
use collimate_contracts::AggregationModePaymentService::CreditsPurchased;
use collimate_store::NewPayment;

use crate::PaymentsError;

/// Reads a log of `CreditsPurchased`.
///
/// # Errors
/// [`PaymentsError::Malformed`] for a log that is not in a block, is no such event, or has numbers that no purchase has.
pub fn decode(log: &Log) -> Result<NewPayment, PaymentsError> {
    let malformed = |reason: &str| PaymentsError::Malformed {
        contract: log.address(),
        tx_hash: log.transaction_hash.map_or_else(|| "unknown".to_owned(), |hash| hash.to_string()),
        reason: reason.to_owned(),
    };
    let event = CreditsPurchased::decode_log(&log.inner)
        .map_err(|error| malformed(&error.to_string()))?
        .data;
    let (Some(tx_hash), Some(log_index), Some(block_number), Some(block_hash)) =
        (log.transaction_hash, log.log_index, log.block_number, log.block_hash)
    else {
        return Err(malformed("it is in no block"));
    };
    if event.amount == U256::ZERO || event.credits == 0 {
        return Err(malformed("it sells nothing, or for nothing"));
    }
    Ok(NewPayment {
        tx_hash: tx_hash.0,
        log_index,
        block_number,
        block_hash: block_hash.0,
        purchase_id: event.id.try_into().map_err(|_| malformed("its number is too large"))?,
        payer: event.payer.into_array(),
        account: event.account.into_array(),
        amount_wei: event.amount,
        credits: event.credits,
        expires_at: event.expiresAt,
        terms_id: event.termsId,
    })
}
