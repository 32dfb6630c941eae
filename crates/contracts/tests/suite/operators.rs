//! Four operators with real BLS keys on a real node.

use crate::node::{Node, ether};
use alloy::{primitives::B256, providers::ext::AnvilApi};
use blst::min_sig::{AggregateSignature, SecretKey, Signature};
use collimate_contracts::{
    DeployConfig, Deployment, FastModeConfig, G1Point, G2Point, OperatorRegistry, QuorumConfig,
    Sp1Verification, deploy,
    signing::{POP_DOMAIN, proof_of_possession_message},
};

pub(crate) const EPOCH_BLOCKS: u64 = 20;
const STAKES_ETHER: [u64; 4] = [32, 32, 32, 32];

pub(crate) fn secret_key(seed: u8) -> SecretKey {
    SecretKey::key_gen(&[seed; 32], &[]).unwrap()
}

pub(crate) fn g1(signature: &Signature) -> G1Point {
    G1Point::from_uncompressed(signature.serialize()).unwrap()
}

pub(crate) fn sign(key: &SecretKey, message: B256, domain: &[u8]) -> Signature {
    key.sign(message.as_slice(), domain, &[])
}

pub(crate) fn aggregate(signatures: &[Signature]) -> G1Point {
    let references: Vec<&Signature> = signatures.iter().collect();
    let sum = AggregateSignature::aggregate(&references, true).unwrap();
    g1(&sum.to_signature())
}

/// Deploys everything and lets the accounts 1 to 4 register as operators 0 to 3; the chain is in the first epoch in which they
/// count.
pub(crate) async fn deployed_with_operators(
    node: &Node,
    fast_mode: Option<FastModeConfig>,
) -> (Deployment, Vec<SecretKey>) {
    let config = DeployConfig {
        program_id: B256::repeat_byte(0x11),
        verification: Sp1Verification::Quorum(QuorumConfig {
            owner: node.accounts[0].address(),
            epoch_blocks: EPOCH_BLOCKS,
            unbonding_epochs: 2,
            min_stake_wei: ether(1).to(),
        }),
        risc0: None,
        payments: None,
        fast_mode,
    };
    let deployment = deploy(node.provider(&node.accounts[0]), &config).await.unwrap();
    let registry_address = deployment.registry.unwrap();

    let keys: Vec<SecretKey> = (1..=4).map(secret_key).collect();
    for ((key, account), stake) in keys.iter().zip(&node.accounts[1..]).zip(STAKES_ETHER) {
        let registry = OperatorRegistry::new(registry_address, node.provider(account));
        let point = G2Point::from_uncompressed(key.sk_to_pk().serialize()).unwrap();
        let message = proof_of_possession_message(
            deployment.chain_id,
            registry_address,
            account.address(),
            point,
        );
        let on_chain = registry
            .proofOfPossessionMessage(account.address(), point.into())
            .call()
            .await
            .unwrap();
        assert_eq!(on_chain, message);
        let possession = g1(&sign(key, message, POP_DOMAIN));
        let receipt = registry
            .register(point.into(), possession.into())
            .value(ether(stake))
            .send()
            .await
            .unwrap()
            .get_receipt()
            .await
            .unwrap();
        assert!(receipt.status());
    }
    node.provider(&node.accounts[0]).anvil_mine(Some(EPOCH_BLOCKS), None).await.unwrap();
    (deployment, keys)
}
