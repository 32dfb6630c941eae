//! Typed bindings and deployment of the contracts.
//!
//! The bindings are made from `contracts/artifacts`, which are committed; `contracts/bin/artifacts --check` fails when they
//! are not those of the Solidity sources.
//!
//! | module | what it holds |
//! |---|---|
//! | [`bindings`] | one module a contract: calls, events, errors, deployment code |
//! | [`deploy`] | [`deploy::deploy`] puts everything on a chain and returns a [`Deployment`] |
//! | [`fast_mode`] | names of tasks, what operators and users of fast mode sign, deployment of its contracts |
//! | [`groth16`] | keys of the Groth16 verifier, and what a development key is |
//! | [`hard`] | verifiers of the proof itself: SP1's gateways, or one that is deployed |
//! | [`payments`] | terms of sale, and deployment of the payment service |
//! | [`points`] | BLS12-381 points, between blst's encoding and the contracts' |
//! | [`signing`] | what operators sign, byte for byte as the contracts compute it |
//! | [`quorum`] | the `proofBytes` of `QuorumSP1Verifier` |
//! | [`revert`] | revert data as text, across all contracts |

pub mod bindings;
pub mod deploy;
mod error;
pub mod fast_mode;
pub mod groth16;
pub mod hard;
pub mod payments;
pub mod points;
pub mod quorum;
pub mod revert;
pub mod signing;

pub use bindings::{
    aggregation_mode_payment_service::AggregationModePaymentService,
    aligned_layer_service_manager::AlignedLayerServiceManager,
    aligned_proof_aggregation_service::AlignedProofAggregationService,
    batcher_payment_service::BatcherPaymentService, operator_registry::OperatorRegistry,
    petition::Petition, quorum_sp1_verifier::QuorumSP1Verifier,
    sp1_groth16_verifier::SP1Groth16Verifier,
};
pub use deploy::{DeployConfig, Deployment, QuorumConfig, Sp1Verification, deploy};
pub use error::ContractsError;
pub use fast_mode::{FastModeConfig, FastModeDeployment, deploy_fast_mode};
pub use groth16::Groth16Key;
pub use hard::{HardVerifier, sp1_gateway, takes_circuit_key};
pub use payments::{Package, PaymentsConfig, Terms, deploy_payments};
pub use points::{G1Point, G2Point};
pub use quorum::QuorumProof;
pub use revert::decode_revert;
