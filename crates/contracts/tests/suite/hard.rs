//! Verifiers of the proof itself: which are deployed or taken, and where a development key is refused.

use crate::{
    node::{Node, ether},
    operators::deployed_with_operators,
};
use alloy::{
    primitives::{Address, B256, address, bytes},
    providers::{Provider, ext::AnvilApi},
    sol_types::SolCall,
};
use collimate_contracts::{
    AlignedProofAggregationService, ContractsError, DeployConfig, Groth16Key, HardVerifier,
    QuorumConfig, SP1Groth16Verifier, Sp1Verification,
    bindings::sp1_gateway::ISP1VerifierGateway::routesCall, deploy, sp1_gateway, takes_circuit_key,
};

const MAINNET: u64 = 1;

fn published_key() -> Groth16Key {
    let file =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/test/data/sp1-groth16-v6.1.0.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Whoever made the key, it is not the one that was published.
fn development_key() -> Groth16Key {
    Groth16Key { verifier_hash: B256::repeat_byte(7), ..published_key() }
}

fn groth16(key: Groth16Key) -> HardVerifier {
    HardVerifier::Groth16(Box::new(key))
}

fn config(verification: Sp1Verification) -> DeployConfig {
    DeployConfig {
        program_id: B256::repeat_byte(0x11),
        verification,
        risc0: None,
        payments: None,
        fast_mode: None,
    }
}

#[tokio::test]
async fn quorum_and_groth16_are_deployed_side_by_side() {
    let node = Node::start();
    let quorum = QuorumConfig {
        owner: node.accounts[0].address(),
        epoch_blocks: 20,
        unbonding_epochs: 2,
        min_stake_wei: ether(1).to(),
    };
    let both = Sp1Verification::Both { quorum, hard: groth16(development_key()) };
    let provider = node.provider(&node.accounts[0]);
    let deployment = deploy(provider.clone(), &config(both)).await.unwrap();
    let hard = deployment.hard_verifier.unwrap();
    assert!(deployment.registry.is_some() && hard != deployment.sp1_verifier);

    let service = AlignedProofAggregationService::new(deployment.service, &provider);
    assert_eq!(service.QUORUM_VERIFIER().call().await.unwrap(), deployment.sp1_verifier);
    assert_eq!(service.SP1_VERIFIER().call().await.unwrap(), hard);
    let verifier = SP1Groth16Verifier::new(hard, &provider);
    assert!(verifier.IS_DEVELOPMENT_KEY().call().await.unwrap());
    assert_eq!(verifier.VERIFIER_HASH().call().await.unwrap(), B256::repeat_byte(7));
}

#[tokio::test]
async fn a_service_with_one_verifier_has_one_guarantee() {
    let node = Node::start();
    let provider = node.provider(&node.accounts[0]);
    let (soft, _) = deployed_with_operators(&node, None).await;
    let service = AlignedProofAggregationService::new(soft.service, &provider);
    assert_eq!(service.QUORUM_VERIFIER().call().await.unwrap(), soft.sp1_verifier);
    assert_eq!(service.SP1_VERIFIER().call().await.unwrap(), Address::ZERO);
    assert_eq!(soft.hard_verifier, None);

    let hard = Sp1Verification::Hard(groth16(published_key()));
    let hard = deploy(provider.clone(), &config(hard)).await.unwrap();
    let service = AlignedProofAggregationService::new(hard.service, &provider);
    assert_eq!(service.QUORUM_VERIFIER().call().await.unwrap(), Address::ZERO);
    assert_eq!(service.SP1_VERIFIER().call().await.unwrap(), hard.sp1_verifier);
    assert_eq!(hard.hard_verifier, Some(hard.sp1_verifier));
    assert_eq!(service.hardSince(B256::ZERO).call().await.unwrap(), 0);
    let verifier = SP1Groth16Verifier::new(hard.sp1_verifier, &provider);
    assert!(!verifier.IS_DEVELOPMENT_KEY().call().await.unwrap());
}

#[tokio::test]
async fn a_development_key_is_deployed_on_local_chains_alone() {
    let node = Node::start();
    // Providers remember the chain that they first saw.
    node.provider(&node.accounts[0]).anvil_set_chain_id(MAINNET).await.unwrap();
    let provider = node.provider(&node.accounts[0]);
    let development = Sp1Verification::Hard(groth16(development_key()));
    let error = deploy(provider.clone(), &config(development)).await.unwrap_err();
    assert!(matches!(error, ContractsError::DevelopmentKey { chain_id: MAINNET }), "{error}");
    assert_eq!(provider.get_block_number().await.unwrap(), 0, "nothing is deployed");

    let published = Sp1Verification::Hard(groth16(published_key()));
    let deployment = deploy(provider, &config(published)).await.unwrap();
    assert_eq!(deployment.chain_id, MAINNET);
}

#[tokio::test]
async fn production_points_at_sp1s_gateway() {
    let gateway = address!("0x397A5f7f3dBd538f23DE225B51f532c34448dA9B");
    assert_eq!(sp1_gateway(MAINNET), Some(gateway));
    assert_eq!(sp1_gateway(11_155_111), Some(gateway));
    assert!(sp1_gateway(560_048).is_some());
    assert_eq!(sp1_gateway(31_337), None);

    let node = Node::start();
    let production = config(Sp1Verification::Hard(HardVerifier::Sp1Gateway));
    let local = node.provider(&node.accounts[0]);
    let error = deploy(local.clone(), &production).await.unwrap_err();
    assert!(matches!(error, ContractsError::NoGateway { chain_id: 31_337 }), "{error}");

    local.anvil_set_chain_id(MAINNET).await.unwrap();
    let provider = node.provider(&node.accounts[0]);
    let error = deploy(provider.clone(), &production).await.unwrap_err();
    assert!(matches!(error, ContractsError::NoVerifier(address) if address == gateway), "{error}");

    // Something is there: any code will do, since nothing is verified here.
    provider.anvil_set_code(gateway, bytes!("00")).await.unwrap();
    let deployment = deploy(provider, &production).await.unwrap();
    assert_eq!(deployment.hard_verifier, Some(gateway));
}

/// Else roots would be called hard on the operators' word.
#[tokio::test]
async fn a_quorums_verifier_is_none_of_proofs() {
    let node = Node::start();
    let (soft, _) = deployed_with_operators(&node, None).await;
    let posing = Sp1Verification::Hard(HardVerifier::Existing(soft.sp1_verifier));
    let error = deploy(node.provider(&node.accounts[0]), &config(posing)).await.unwrap_err();
    assert!(
        matches!(error, ContractsError::SoftVerifier(address) if address == soft.sp1_verifier),
        "{error}"
    );
}

/// Code of a gateway that has one route for every selector, frozen or not, and answers nothing else.
fn gateway(frozen: u8) -> Vec<u8> {
    // if (selector != routes) revert; return (address(1), frozen)
    let selector = routesCall::SELECTOR;
    let before: [u8; 6] = [0x5f, 0x35, 0x60, 0xe0, 0x1c, 0x63];
    let after = [
        0x14, 0x60, 0x11, 0x57, 0x5f, 0x5f, 0xfd, 0x5b, 0x60, 1, 0x5f, 0x52, 0x60, frozen, 0x60,
        0x20, 0x52, 0x60, 0x40, 0x5f, 0xf3,
    ];
    [&before[..], &selector, &after].concat()
}

#[tokio::test]
async fn a_verifier_tells_under_which_circuit_key_it_takes_proofs() {
    let node = Node::start();
    let provider = node.provider(&node.accounts[0]);
    let key = published_key();
    let hard = Sp1Verification::Hard(groth16(key.clone()));
    let own = deploy(provider.clone(), &config(hard)).await.unwrap().sp1_verifier;
    let takes = async |verifier, hash| takes_circuit_key(&provider, verifier, hash).await.unwrap();
    assert_eq!(takes(own, key.verifier_hash).await, Some(true));
    assert_eq!(takes(own, B256::repeat_byte(7)).await, Some(false));

    let at = Address::repeat_byte(9);
    for (frozen, expected) in [(0, true), (1, false)] {
        provider.anvil_set_code(at, gateway(frozen).into()).await.unwrap();
        assert_eq!(takes(at, key.verifier_hash).await, Some(expected));
    }
    // Some other contract does not say.
    provider.anvil_set_code(at, bytes!("00")).await.unwrap();
    assert_eq!(takes(at, key.verifier_hash).await, None);
}
