//! Verifiers of the proof itself, which make a root hard.

use alloy::{
    contract,
    primitives::{Address, B256, FixedBytes, address, keccak256},
    providers::Provider,
};
use serde::{Deserialize, Serialize};

use crate::{
    ContractsError, Groth16Key, QuorumSP1Verifier, SP1Groth16Verifier,
    bindings::sp1_gateway::ISP1VerifierGateway, deploy::deployed, groth16::LOCAL_CHAIN_IDS,
};

/// SP1's gateways for Groth16 proofs: Ethereum's mainnet, Sepolia and Hoodi, as `deployments` of succinctlabs/sp1-contracts has them.
/// Other chains have gateways, too, but their transactions carry no blobs.
const SP1_GATEWAYS: [(u64, Address); 3] = [
    (1, address!("0x397A5f7f3dBd538f23DE225B51f532c34448dA9B")),
    (11_155_111, address!("0x397A5f7f3dBd538f23DE225B51f532c34448dA9B")),
    (560_048, address!("0x7DA83eC4af493081500Ecd36d1a72c23F8fc2abd")),
];

/// A verifier of the proof itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HardVerifier {
    /// SP1's gateway for Groth16 proofs on the chain that is deployed to: what production uses. Its owner, Succinct, adds verifiers of
    /// new versions and freezes broken ones.
    Sp1Gateway,
    /// Another contract that exists.
    Existing(Address),
    /// `SP1Groth16Verifier` under this key, which is deployed too: with a development key on local chains alone.
    Groth16(Box<Groth16Key>),
}

/// SP1's gateway for Groth16 proofs on a chain.
#[must_use]
pub fn sp1_gateway(chain_id: u64) -> Option<Address> {
    let known = SP1_GATEWAYS.iter().find(|(chain, _)| *chain == chain_id)?;
    Some(known.1)
}

/// Whether a verifier takes proofs under the circuit key with this SHA-256: the one that it was deployed with, or, of SP1's gateway,
/// one that it has a route for which is not frozen. `None` if it says neither, as contracts of others may.
///
/// # Errors
/// [`ContractsError::Transport`].
pub async fn takes_circuit_key<P: Provider>(
    provider: &P,
    verifier: Address,
    key_hash: B256,
) -> Result<Option<bool>, ContractsError> {
    let own = SP1Groth16Verifier::new(verifier, provider).VERIFIER_HASH().call().await;
    if let Some(hash) = said(own)? {
        return Ok(Some(hash == key_hash));
    }
    let [a, b, c, d, ..] = key_hash.0;
    let route =
        ISP1VerifierGateway::new(verifier, provider).routes(FixedBytes([a, b, c, d])).call().await;
    Ok(said(route)?.map(|route| !route.verifier.is_zero() && !route.frozen))
}

/// What a contract answered; nothing if it reverted, or answered something else.
fn said<T>(answer: Result<T, contract::Error>) -> Result<Option<T>, ContractsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(contract::Error::TransportError(error)) if !error.is_error_resp() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// The verifier's address, after deploying it if it has to be, and checking it if it exists.
pub(crate) async fn find_or_deploy<P: Provider>(
    provider: &P,
    chain_id: u64,
    verifier: &HardVerifier,
) -> Result<Address, ContractsError> {
    let address = match verifier {
        HardVerifier::Groth16(key) => return deploy_groth16(provider, chain_id, key).await,
        HardVerifier::Sp1Gateway => {
            sp1_gateway(chain_id).ok_or(ContractsError::NoGateway { chain_id })?
        }
        HardVerifier::Existing(address) => *address,
    };
    if provider.get_code_at(address).await?.is_empty() {
        return Err(ContractsError::NoVerifier(address));
    }
    if is_quorum(provider, address).await? {
        return Err(ContractsError::SoftVerifier(address));
    }
    Ok(address)
}

async fn deploy_groth16<P: Provider>(
    provider: &P,
    chain_id: u64,
    key: &Groth16Key,
) -> Result<Address, ContractsError> {
    if key.is_development() && !LOCAL_CHAIN_IDS.contains(&chain_id) {
        return Err(ContractsError::DevelopmentKey { chain_id });
    }
    let arguments = key.arguments();
    let builder = SP1Groth16Verifier::deploy_builder(
        provider,
        arguments.key,
        arguments.verifierHash,
        arguments.vkRoot,
    );
    deployed("SP1Groth16Verifier", builder.deploy().await)
}

/// Whether a contract is a `QuorumSP1Verifier`: roots would be called hard on the operators' word.
async fn is_quorum<P: Provider>(provider: &P, address: Address) -> Result<bool, ContractsError> {
    let kind = said(QuorumSP1Verifier::new(address, provider).MESSAGE_TYPE().call().await)?;
    Ok(kind == Some(keccak256("Collimate.QuorumSP1Verifier.v1")))
}
