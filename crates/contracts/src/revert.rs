//! Revert data as text.

use std::{collections::HashMap, sync::LazyLock};

use alloy::{
    dyn_abi::{DynSolValue, JsonAbiExt},
    json_abi::{Error, JsonAbi},
    primitives::Selector,
    sol_types::{Panic, Revert, SolError},
};

use crate::bindings::{
    aggregation_mode_payment_service::AggregationModePaymentService,
    aligned_layer_service_manager::AlignedLayerServiceManager,
    aligned_proof_aggregation_service::AlignedProofAggregationService,
    batcher_payment_service::BatcherPaymentService, operator_registry::OperatorRegistry,
    quorum_sp1_verifier::QuorumSP1Verifier, sp1_groth16_verifier::SP1Groth16Verifier,
};

/// Every custom error of every contract. Two contracts may have one error in common, never two of one selector that differ.
static ERRORS: LazyLock<HashMap<Selector, Error>> = LazyLock::new(|| {
    [
        AggregationModePaymentService::abi::contract(),
        AlignedLayerServiceManager::abi::contract(),
        AlignedProofAggregationService::abi::contract(),
        BatcherPaymentService::abi::contract(),
        OperatorRegistry::abi::contract(),
        QuorumSP1Verifier::abi::contract(),
        SP1Groth16Verifier::abi::contract(),
    ]
    .into_iter()
    .flat_map(|abi: JsonAbi| abi.errors.into_values().flatten())
    .map(|error| (error.selector(), error))
    .collect()
});

/// Names the error in a revert's data, with its arguments: `QuorumNotReached(presentStake: 1, totalStake: 4)`.
///
/// Knows the custom errors of all contracts and Solidity's own `Error(string)` and `Panic(uint256)`. `None` for data of
/// another origin, which includes a revert without data.
#[must_use]
pub fn decode_revert(data: &[u8]) -> Option<String> {
    if let Ok(revert) = Revert::abi_decode(data) {
        return Some(format!("Error({:?})", revert.reason));
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return Some(panic.to_string());
    }
    let (selector, arguments) = data.split_first_chunk::<4>()?;
    let error = ERRORS.get(&Selector::from(*selector))?;
    let values = error.abi_decode_input(arguments).ok()?;
    let arguments: Vec<String> = error
        .inputs
        .iter()
        .zip(&values)
        .map(|(parameter, value)| format!("{}: {}", parameter.name, text(value)))
        .collect();
    Some(format!("{}({})", error.name, arguments.join(", ")))
}

/// An argument as one would write it.
fn text(value: &DynSolValue) -> String {
    match value {
        DynSolValue::Bool(value) => value.to_string(),
        DynSolValue::Uint(value, _) => value.to_string(),
        DynSolValue::Int(value, _) => value.to_string(),
        DynSolValue::Address(value) => value.to_string(),
        DynSolValue::FixedBytes(value, size) => {
            alloy::hex::encode_prefixed(value.get(..*size).unwrap_or_default())
        }
        DynSolValue::Bytes(value) => alloy::hex::encode_prefixed(value),
        DynSolValue::String(value) => format!("{value:?}"),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, B256, U256};

    #[test]
    fn names_custom_errors_of_every_contract_with_their_arguments() {
        use crate::bindings::{
            aggregation_mode_payment_service::AggregationModePaymentService as Payments,
            aligned_layer_service_manager::AlignedLayerServiceManager as Manager,
            aligned_proof_aggregation_service::AlignedProofAggregationService as Service,
            batcher_payment_service::BatcherPaymentService as Batcher,
            operator_registry::OperatorRegistry as Registry,
            quorum_sp1_verifier::QuorumSP1Verifier as Verifier,
            sp1_groth16_verifier::SP1Groth16Verifier as Groth16,
        };
        let root = B256::repeat_byte(7);
        let cases = [
            (
                Service::AlreadyAggregated { root }.abi_encode(),
                format!("AlreadyAggregated(root: {root})"),
            ),
            (Registry::TooManyOperators {}.abi_encode(), "TooManyOperators()".to_owned()),
            (
                Registry::NotOwner { caller: Address::repeat_byte(1) }.abi_encode(),
                "NotOwner(caller: 0x0101010101010101010101010101010101010101)".to_owned(),
            ),
            (
                Verifier::QuorumNotReached { presentStake: U256::ONE, totalStake: U256::from(4) }
                    .abi_encode(),
                "QuorumNotReached(presentStake: 1, totalStake: 4)".to_owned(),
            ),
            (
                Groth16::WrongVerifierSelector {
                    received: [1, 2, 3, 4].into(),
                    expected: [5, 6, 7, 8].into(),
                }
                .abi_encode(),
                "WrongVerifierSelector(received: 0x01020304, expected: 0x05060708)".to_owned(),
            ),
            (
                Payments::TermsNotCurrent { termsId: U256::ONE, current: U256::from(2) }
                    .abi_encode(),
                "TermsNotCurrent(termsId: 1, current: 2)".to_owned(),
            ),
            (
                Manager::TaskStillOpen { taskId: root }.abi_encode(),
                format!("TaskStillOpen(taskId: {root})"),
            ),
            (
                Batcher::ExceedsBalance { amount: U256::from(2), balance: U256::ONE }.abi_encode(),
                "ExceedsBalance(amount: 2, balance: 1)".to_owned(),
            ),
            (Revert::from("no").abi_encode(), "Error(\"no\")".to_owned()),
        ];
        for (data, expected) in cases {
            assert_eq!(decode_revert(&data).as_deref(), Some(expected.as_str()));
        }
        assert!(decode_revert(&Panic::from(0x11).abi_encode()).unwrap().contains("overflow"));
    }

    #[test]
    fn leaves_unknown_and_truncated_data_unnamed() {
        let known = QuorumSP1Verifier::QuorumNotReached {
            presentStake: U256::ONE,
            totalStake: U256::from(4),
        }
        .abi_encode();
        assert_eq!(decode_revert(&[]), None);
        assert_eq!(decode_revert(&[1, 2, 3]), None);
        assert_eq!(decode_revert(&[0xde, 0xad, 0xbe, 0xef]), None);
        assert_eq!(decode_revert(&known[..known.len() - 1]), None);
    }
}
