//! From a record to signed bytes, and from those to the form that is sent.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::{
    consensus::{SignableTransaction, Signed, TxEip1559, TxEip4844, TxEip4844WithSidecar},
    eips::eip2930::AccessList,
    primitives::{Bytes, TxKind},
    signers::SignerSync,
};

use crate::{
    error::ChainError,
    kzg::Sidecar,
    signer::Signer,
    tx::{
        fees::Fees,
        record::{AttemptRecord, TransactionRecord},
    },
};

/// Signs the transaction with this nonce and these prices. `sidecar` is the record's.
pub(crate) fn sign_attempt(
    signer: &Signer,
    record: &TransactionRecord,
    sidecar: Option<&Sidecar>,
    nonce: u64,
    fees: Fees,
) -> Result<AttemptRecord, ChainError> {
    let (hash, raw) = match (sidecar, fees.max_fee_per_blob_gas, record.to) {
        (None, None, to) => sign(
            signer,
            TxEip1559 {
                chain_id: record.chain_id,
                nonce,
                gas_limit: record.gas_limit,
                max_fee_per_gas: fees.max_fee_per_gas,
                max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
                to: to.map_or(TxKind::Create, TxKind::Call),
                value: record.value,
                access_list: AccessList::default(),
                input: record.input.clone(),
            },
        )?,
        (Some(sidecar), Some(max_fee_per_blob_gas), Some(to)) => sign(
            signer,
            TxEip4844 {
                chain_id: record.chain_id,
                nonce,
                gas_limit: record.gas_limit,
                max_fee_per_gas: fees.max_fee_per_gas,
                max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
                to,
                value: record.value,
                access_list: AccessList::default(),
                blob_versioned_hashes: sidecar.versioned_hashes(),
                max_fee_per_blob_gas,
                input: record.input.clone(),
            },
        )?,
        _ => {
            let reason = "blobs, blob price and receiver do not go together".into();
            return Err(ChainError::StoredMismatch { key: record.key.clone(), reason });
        }
    };
    Ok(AttemptRecord { hash, nonce, fees, raw, signed_at_ms: unix_millis() })
}

fn sign<T>(
    signer: &Signer,
    transaction: T,
) -> Result<(alloy::primitives::TxHash, Bytes), ChainError>
where
    T: SignableTransaction<alloy::primitives::Signature>
        + alloy::consensus::transaction::RlpEcdsaEncodableTx,
{
    let signature = signer
        .inner()
        .sign_hash_sync(&transaction.signature_hash())
        .map_err(|_| ChainError::Signing { account: signer.address() })?;
    let signed = transaction.into_signed(signature);
    let mut raw = Vec::new();
    signed.eip2718_encode(&mut raw);
    Ok((*signed.hash(), raw.into()))
}

/// Bytes for `eth_sendRawTransaction`: blob transactions travel with their sidecar (EIP-4844, "network form"; EIP-7594).
pub(crate) fn network_form(
    key: &str,
    attempt: &AttemptRecord,
    sidecar: Option<&Sidecar>,
) -> Result<Bytes, ChainError> {
    let Some(sidecar) = sidecar else { return Ok(attempt.raw.clone()) };
    let mismatch = |reason: String| ChainError::StoredMismatch { key: key.to_owned(), reason };
    let signed = Signed::<TxEip4844>::eip2718_decode(&mut attempt.raw.as_ref())
        .map_err(|error| mismatch(format!("attempt {} cannot be read: {error}", attempt.hash)))?;
    let (transaction, signature, hash) = signed.into_parts();
    if hash != attempt.hash {
        return Err(mismatch(format!("attempt {} holds transaction {hash}", attempt.hash)));
    }
    if transaction.blob_versioned_hashes != sidecar.versioned_hashes() {
        return Err(mismatch(format!("attempt {hash} is for other blobs")));
    }
    let complete =
        TxEip4844WithSidecar::from_tx_and_sidecar(transaction, sidecar.as_eip7594().clone());
    let signed = Signed::new_unchecked(complete, signature, hash);
    let mut bytes = Vec::with_capacity(signed.eip2718_encoded_length());
    signed.eip2718_encode(&mut bytes);
    Ok(bytes.into())
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
