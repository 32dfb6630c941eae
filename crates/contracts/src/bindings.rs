//! Calls, events, errors and deployment code of each contract.
//!
//! Generated from `contracts/artifacts`; the Solidity sources carry the documentation. A contract's structs, such as
//! `BLS12381::G2Point`, are types of its own module: [`crate::points`] converts.

macro_rules! binding {
    ($module:ident, $contract:ident, $artifact:literal) => {
        #[doc = concat!("Bindings of `", stringify!($contract), "`.")]
        #[allow(
            missing_docs,
            missing_debug_implementations,
            unreachable_pub,
            clippy::all,
            clippy::unwrap_used,
            clippy::expect_used,
            clippy::panic,
            clippy::indexing_slicing,
            reason = "generated code"
        )]
        pub mod $module {
            alloy::sol!(
                #[sol(rpc, abi)]
                #[derive(Debug, PartialEq, Eq)]
                $contract,
                $artifact
            );
        }
    };
}

binding!(
    aggregation_mode_payment_service,
    AggregationModePaymentService,
    "../../contracts/artifacts/AggregationModePaymentService.json"
);
binding!(
    aligned_layer_service_manager,
    AlignedLayerServiceManager,
    "../../contracts/artifacts/AlignedLayerServiceManager.json"
);
binding!(
    aligned_proof_aggregation_service,
    AlignedProofAggregationService,
    "../../contracts/artifacts/AlignedProofAggregationService.json"
);
binding!(
    batcher_payment_service,
    BatcherPaymentService,
    "../../contracts/artifacts/BatcherPaymentService.json"
);
binding!(operator_registry, OperatorRegistry, "../../contracts/artifacts/OperatorRegistry.json");
binding!(
    quorum_sp1_verifier,
    QuorumSP1Verifier,
    "../../contracts/artifacts/QuorumSP1Verifier.json"
);
binding!(
    sp1_groth16_verifier,
    SP1Groth16Verifier,
    "../../contracts/artifacts/SP1Groth16Verifier.json"
);
binding!(isp1_verifier, ISP1Verifier, "../../contracts/artifacts/ISP1Verifier.json");
binding!(
    irisc_zero_verifier,
    IRiscZeroVerifier,
    "../../contracts/artifacts/IRiscZeroVerifier.json"
);
// The example app of `contracts/src/consumer`, for tests of the whole way.
binding!(petition, Petition, "../../contracts/artifacts/Petition.json");

/// What is asked of SP1's gateways, which are Succinct's contracts.
#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "generated code"
)]
pub mod sp1_gateway {
    alloy::sol! {
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        interface ISP1VerifierGateway {
            function routes(bytes4 selector) external view returns (address verifier, bool frozen);
        }
    }
}
