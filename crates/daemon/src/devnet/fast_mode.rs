//! Fast mode on a devnet: the operators' part that verifies batches, and a signature aggregator.

use std::{net::Ipv4Addr, path::Path, sync::Arc};

use alloy::{primitives::U256, providers::DynProvider, transports::http::reqwest::Url};
use anyhow::{Context, Result};
use collimate_chain::{
    anvil::development_signer,
    provider::{Timeouts, connect},
    tx::{RevertDecoder, TxConfig, TxManager},
};
use collimate_contracts::{Deployment, decode_revert};
use collimate_operator::{OperatorConfig, OperatorParts, OperatorService, ProofSystems};
use collimate_sdk::TxJournal;
use collimate_signatures::{SignaturesConfig, SignaturesParts, SignaturesService};
use collimate_tasks::WatchSettings;
use collimate_verifiers::ProofSystemId;
use prometheus::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{CONFIRMATIONS, MAX_COST, POLL};
use crate::{operators, serve::fast_mode::contracts};

/// Account of anvil's that answers tasks.
const RESPONDER_ACCOUNT: usize = 5;

/// The services of fast mode that run in this process.
#[derive(Debug)]
pub(super) struct FastMode {
    /// Where the signature aggregator is reached.
    pub(super) signatures_url: Url,
    tasks: Vec<JoinHandle<()>>,
}

impl FastMode {
    /// Starts a signature aggregator and these operators.
    pub(super) async fn start(
        deployment: &Deployment,
        rpc_url: &str,
        state: &Path,
        operators: impl Iterator<Item = u32>,
        stop: &CancellationToken,
    ) -> Result<Self> {
        let provider = connect(rpc_url, Timeouts::default())?;
        let signatures = signatures(deployment, provider.clone(), state).await?;
        let signatures_url: Url = format!("http://{}", signatures.local_addr()).parse()?;
        let mut tasks = vec![tokio::spawn(signatures.run(stop.child_token()))];
        // Built once: that of SP1's compressed proofs takes time.
        let systems = ProofSystemId::ALL.map(|id| (id.number(), id.verifier()));
        let systems = ProofSystems::new(systems)?;
        for number in operators {
            let folder = operators::folder(state, number);
            let mut config = OperatorConfig::new(
                (Ipv4Addr::LOCALHOST, 0).into(),
                contracts(deployment)?.service_manager,
                folder.join("fast.journal"),
            );
            config.watch = watch();
            config.aggregators.push(signatures_url.clone());
            // Its own data service has a private address.
            config.download.allow_private = true;
            let parts = OperatorParts {
                provider: provider.clone(),
                key: operators::key(number)?,
                systems: systems.clone(),
                metrics: Registry::new(),
            };
            let operator = OperatorService::bind(config, parts).await?;
            tasks.push(tokio::spawn(operator.run(stop.child_token())));
        }
        Ok(Self { signatures_url, tasks })
    }

    /// Waits until all of them ended.
    pub(super) async fn stopped(self) -> Result<()> {
        for task in self.tasks {
            task.await.context("a service of fast mode")?;
        }
        Ok(())
    }
}

fn watch() -> WatchSettings {
    WatchSettings { poll_interval: POLL, ..WatchSettings::default() }
}

async fn signatures(
    deployment: &Deployment,
    provider: DynProvider,
    state: &Path,
) -> Result<SignaturesService> {
    let service_manager = contracts(deployment)?.service_manager;
    let mut config = SignaturesConfig::new((Ipv4Addr::LOCALHOST, 0).into(), service_manager);
    config.watch = watch();
    let store = Arc::new(TxJournal::open(&state.join("signatures"))?);
    let transactions = TxConfig {
        confirmations: CONFIRMATIONS.get(),
        max_cost: U256::from(MAX_COST),
        ..TxConfig::development_chain(deployment.chain_id)
    };
    let transactions = TxManager::new(
        provider.clone(),
        development_signer(RESPONDER_ACCOUNT)?,
        store.clone(),
        transactions,
        RevertDecoder::new(decode_revert),
    );
    let parts = SignaturesParts { provider, transactions, store, metrics: Registry::new() };
    Ok(SignaturesService::bind(config, parts).await?)
}
