//! Everything deployed on a real node: operators with real BLS keys register, and their quorum is verified on chain.

use crate::{
    node::{Node, ether},
    operators::{aggregate, deployed_with_operators, g1, secret_key, sign},
};
use alloy::{
    primitives::{Address, B256, address},
    providers::{Provider, ProviderBuilder},
};
use blst::min_sig::Signature;
use collimate_contracts::{
    ContractsError, DeployConfig, Deployment, FastModeDeployment, G1Point, G2Point, HardVerifier,
    OperatorRegistry, QuorumConfig, QuorumProof, QuorumSP1Verifier, Sp1Verification, decode_revert,
    deploy,
    signing::{SIGNATURE_DOMAIN, quorum_message},
};

#[tokio::test]
async fn a_quorum_of_blst_keys_is_verified_on_chain_with_one_operator_absent() {
    let node = Node::start();
    let (deployment, keys) = deployed_with_operators(&node, None).await;
    let provider = ProviderBuilder::new().connect_http(node.url.clone());
    let registry = OperatorRegistry::new(deployment.registry.unwrap(), &provider);
    let verifier = QuorumSP1Verifier::new(deployment.sp1_verifier, &provider);

    let epoch = registry.currentEpoch().call().await.unwrap();
    let operators = registry.operatorsOf(epoch).call().await.unwrap();
    assert_eq!(operators.len(), 4);
    for (operator, key) in operators.iter().zip(&keys) {
        let point = G2Point::try_from(operator.publicKey.clone()).unwrap();
        assert_eq!(point.to_uncompressed(), key.sk_to_pk().serialize());
    }

    let (program_id, public_values) = (deployment.program_id, vec![7u8; 128]);
    let message =
        quorum_message(deployment.chain_id, deployment.sp1_verifier, program_id, &public_values);
    let on_chain =
        verifier.signingMessage(program_id, public_values.clone().into()).call().await.unwrap();
    assert_eq!(on_chain, message);
    let signatures: Vec<Signature> =
        keys.iter().map(|key| sign(key, message, SIGNATURE_DOMAIN)).collect();

    // The operators with ids 0, 1 and 3 hold 75 % of the stake.
    let present = [signatures[0], signatures[1], signatures[3]];
    let proof = QuorumProof { epoch, signature: aggregate(&present), absent: vec![2] };
    let call = |values: Vec<u8>, proof: &QuorumProof| {
        let call = verifier.verifyProof(program_id, values.into(), proof.encode().unwrap());
        async move { call.call().await }
    };
    call(public_values.clone(), &proof).await.unwrap();
    let everyone = QuorumProof { epoch, signature: aggregate(&signatures), absent: vec![] };
    call(public_values.clone(), &everyone).await.unwrap();

    let mut other_values = public_values.clone();
    other_values[0] ^= 1;
    let missing = QuorumProof { signature: aggregate(&signatures[..2]), ..proof.clone() };
    let too_few = QuorumProof { epoch, signature: aggregate(&signatures[..2]), absent: vec![2, 3] };
    let too_old = QuorumProof { epoch: epoch - 1, ..proof.clone() };
    for (values, proof, expected) in [
        (other_values, &proof, "InvalidQuorumSignature()".to_owned()),
        (public_values.clone(), &missing, "InvalidQuorumSignature()".to_owned()),
        (
            public_values.clone(),
            &too_few,
            format!("QuorumNotReached(presentStake: {}, totalStake: {})", ether(64), ether(128)),
        ),
        // In the epoch before, nobody counted.
        (
            public_values.clone(),
            &too_old,
            format!("OperatorNotInEpoch(id: 2, epoch: {})", epoch - 1),
        ),
    ] {
        let error = call(values, proof).await.unwrap_err();
        let data = error.as_revert_data().unwrap();
        assert_eq!(decode_revert(&data), Some(expected));
    }
}

#[tokio::test]
async fn deployment_refuses_a_verifier_that_is_no_contract() {
    let node = Node::start();
    let nobody = address!("0x00000000000000000000000000000000000000aa");
    let config = DeployConfig {
        program_id: B256::ZERO,
        verification: Sp1Verification::Hard(HardVerifier::Existing(nobody)),
        risc0: None,
        payments: None,
        fast_mode: None,
    };
    let provider = node.provider(&node.accounts[0]);
    let error = deploy(&provider, &config).await.unwrap_err();
    assert!(matches!(error, ContractsError::NoVerifier(address) if address == nobody));
    assert_eq!(provider.get_block_number().await.unwrap(), 0, "nothing is deployed");
}

#[tokio::test]
async fn a_failed_deployment_names_contract_and_reason() {
    let node = Node::start();
    let config = DeployConfig {
        program_id: B256::ZERO,
        verification: Sp1Verification::Quorum(QuorumConfig {
            owner: Address::ZERO,
            epoch_blocks: 1,
            unbonding_epochs: 2,
            min_stake_wei: 1,
        }),
        risc0: None,
        payments: None,
        fast_mode: None,
    };
    let error = deploy(node.provider(&node.accounts[0]), &config).await.unwrap_err();
    assert_eq!(error.code(), "CON-001");
    let text = error.to_string();
    assert!(text.contains("OperatorRegistry") && text.contains("InvalidConfiguration()"), "{text}");
}

#[test]
fn a_deployment_survives_json() {
    let deployment = Deployment {
        chain_id: 31337,
        block: 5,
        service: Address::repeat_byte(1),
        sp1_verifier: Address::repeat_byte(2),
        hard_verifier: Some(Address::repeat_byte(8)),
        registry: Some(Address::repeat_byte(3)),
        payments: Some(Address::repeat_byte(5)),
        fast_mode: Some(FastModeDeployment {
            service_manager: Address::repeat_byte(6),
            batcher_payments: Address::repeat_byte(7),
        }),
        program_id: B256::repeat_byte(4),
    };
    let json = serde_json::to_string(&deployment).unwrap();
    assert_eq!(serde_json::from_str::<Deployment>(&json).unwrap(), deployment);
    let mut older = serde_json::from_str::<serde_json::Value>(&json).unwrap();
    for later in ["payments", "fast_mode", "hard_verifier"] {
        older.as_object_mut().unwrap().remove(later).unwrap();
    }
    let older = serde_json::from_value::<Deployment>(older).unwrap();
    assert_eq!(
        older,
        Deployment { payments: None, fast_mode: None, hard_verifier: None, ..deployment }
    );
}

#[test]
fn absent_ids_that_are_not_ascending_are_refused() {
    let signature = g1(&sign(&secret_key(1), B256::ZERO, SIGNATURE_DOMAIN));
    for absent in [vec![1, 1], vec![2, 1]] {
        let proof = QuorumProof { epoch: 1, signature, absent };
        assert!(matches!(proof.encode(), Err(ContractsError::UnorderedIds)));
    }
}

#[test]
fn infinity_and_compressed_points_are_refused() {
    let mut infinity = [0; 192];
    infinity[0] = 0x40;
    assert!(matches!(G2Point::from_uncompressed(infinity), Err(ContractsError::InvalidPoint(_))));
    let mut compressed = [0; 96];
    compressed[0] = 0x80;
    assert!(matches!(G1Point::from_uncompressed(compressed), Err(ContractsError::InvalidPoint(_))));
}
