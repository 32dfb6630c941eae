//! The operators' quorum: who they are, from the registry, and their joint signature.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256},
    providers::DynProvider,
    sol_types::SolValue,
};
use async_trait::async_trait;
use collimate_attestation::{
    AttestationRequest, CollectionReport, Collector, CollectorConfig, OperatorEndpoint, PublicKey,
    SigningContext,
};
use collimate_contracts::{G2Point, OperatorRegistry, QuorumProof};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{AggregatorError, Seal, SealRequest, error::call_failed};

/// What a quorum's seal needs to know.
#[derive(Debug, Clone)]
pub struct QuorumOptions {
    /// The `OperatorRegistry`.
    pub registry: Address,
    /// Where signatures count: the chain and the `QuorumSP1Verifier`.
    pub context: SigningContext,
    /// Where operators are reached, by account.
    pub endpoints: BTreeMap<Address, String>,
    /// Time limits.
    pub collector: CollectorConfig,
}

/// Seals a proof with the signatures of operators that verified it natively.
#[derive(Debug, Clone)]
pub struct QuorumSeal {
    provider: DynProvider,
    options: QuorumOptions,
}

/// An operator without a known address counts as absent: this address is never served.
const NOWHERE: &str = "http://unknown.invalid";

impl QuorumSeal {
    /// A seal of the operators that the registry knows.
    #[must_use]
    pub fn new(provider: DynProvider, options: QuorumOptions) -> Self {
        Self { provider, options }
    }

    fn registry(&self) -> OperatorRegistry::OperatorRegistryInstance<&DynProvider> {
        OperatorRegistry::new(self.options.registry, &self.provider)
    }

    async fn current_epoch(&self) -> Result<u64, AggregatorError> {
        self.registry().currentEpoch().call().await.map_err(call_failed("OperatorRegistry"))
    }

    async fn operators(&self, epoch: u64) -> Result<Vec<OperatorEndpoint>, AggregatorError> {
        let registered = self
            .registry()
            .operatorsOf(epoch)
            .call()
            .await
            .map_err(call_failed("OperatorRegistry"))?;
        registered
            .into_iter()
            .map(|operator| {
                let key = G2Point::try_from(operator.publicKey)?;
                let url = self.options.endpoints.get(&operator.account);
                Ok(OperatorEndpoint {
                    id: operator.id,
                    address: operator.account,
                    public_key: PublicKey::from_point(key)?,
                    stake: operator.stake,
                    url: url.map_or(NOWHERE, String::as_str).to_owned(),
                })
            })
            .collect()
    }
}

#[async_trait]
impl Seal for QuorumSeal {
    async fn seal(
        &self,
        request: &SealRequest,
        detail: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<Vec<u8>, AggregatorError> {
        let epoch = self.current_epoch().await?;
        let collector =
            Collector::new(self.operators(epoch).await?, self.options.collector.clone())?;
        let question = AttestationRequest {
            context: self.options.context,
            program_id: request.program,
            public_values: request.public_values.clone(),
            proof: request.proof.clone(),
        };
        let (progress, mut reports) = watch::channel(None::<CollectionReport>);
        // Dropping this future ends the collection; nothing else has to.
        let collecting = collector.collect(question, Some(&progress), CancellationToken::new());
        tokio::pin!(collecting);
        let collected = loop {
            tokio::select! {
                collected = &mut collecting => break collected?,
                Ok(()) = reports.changed() => {
                    let text = reports.borrow_and_update().as_ref().map(ToString::to_string);
                    detail(&text.unwrap_or_default());
                }
            }
        };
        let proof = QuorumProof {
            epoch,
            signature: collected.signature.to_point(),
            absent: collected.non_signers,
        };
        Ok(proof.encode()?.to_vec())
    }

    async fn is_stale(&self, seal: &[u8]) -> Result<bool, AggregatorError> {
        // The epoch is the first word of the seal; the contract takes the current and the previous.
        let word = seal.get(..32).map(B256::from_slice).unwrap_or_default();
        let Ok(epoch) = u64::abi_decode(word.as_slice()) else { return Ok(true) };
        Ok(epoch.saturating_add(1) < self.current_epoch().await?)
    }
}
