//! Fast mode's batcher: its ledger against its object store and the chain.
//!
//! The ledger's cursor says up to which block it knows the chain. Everything is compared up to there: what came later is on its way
//! into the ledger. A reorganisation meanwhile has the comparison done again.

use std::time::Duration;

use alloy::{
    primitives::B256,
    providers::{DynProvider, Provider},
};
use anyhow::{Result, bail};
use collimate_chain::{ChainError, follower::BlockId, signer::Signer};
use collimate_objects::Objects;
use collimate_store::{BatcherKey, BatcherLedger};
use tokio::time::sleep;

use super::{
    Finding, Report,
    batches_on_chain::{Compared, Contracts},
    files_of_batches,
};
use crate::{
    config::{BatcherSettings, Config},
    progress::Progress,
    serve::{Shared, fast_mode::contracts},
};

/// Looks at the phases below.
pub(super) const PHASES: u32 = 3;
/// How often a comparison is begun that reorganisations interrupt, and the pause before the next.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// Compares what the configured batcher knows with its files and the chain.
pub(super) async fn audit(
    config: &Config,
    settings: &BatcherSettings,
    shared: &Shared,
    quick: bool,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let (deployment, provider) = (&shared.deployment, &shared.provider);
    let fast_mode = contracts(deployment)?;
    let batcher = Signer::load(&settings.key)?.address();
    let chain = Contracts {
        provider: provider.clone(),
        manager: fast_mode.service_manager,
        payments: fast_mode.batcher_payments,
        batcher,
    };
    let key = BatcherKey {
        chain_id: deployment.chain_id,
        contract: fast_mode.batcher_payments.into_array(),
        address: batcher.into_array(),
    };
    // One that never ran here has no ledger: then the chain must not know it either.
    let ledger = shared.store.find_batcher(key).await?;
    progress.phase("The files of batches");
    if let Some(ledger) = &ledger {
        let objects = Objects::open(&settings.objects)?;
        files_of_batches::of_groups(ledger, &objects, quick, report, progress).await?;
        progress.phase("The manifests of batches");
        files_of_batches::of_batches(ledger, &objects, quick, report, progress).await?;
    } else {
        progress.phase("The manifests of batches");
    }
    progress.phase("Batches on chain");
    let first = config.payments.start_block.unwrap_or(deployment.block).min(deployment.block);
    for _ in 0..ATTEMPTS {
        if let Some(compared) = compare(&chain, ledger.as_ref(), shared, first).await? {
            report.tasks = compared.tasks;
            report.findings.extend(compared.findings);
            return Ok(());
        }
        sleep(PAUSE).await;
    }
    bail!("[DMN-077] the chain was reorganised again and again while it was read; try again later")
}

/// Nothing if the chain was reorganised meanwhile.
async fn compare(
    chain: &Contracts,
    ledger: Option<&BatcherLedger>,
    shared: &Shared,
    first: u64,
) -> Result<Option<Compared>> {
    let Some(ledger) = ledger else {
        let head = head(&chain.provider).await?;
        return chain.compare(None, first, head).await.map(Some);
    };
    let cursor = shared.store.load_cursor(&ledger.cursor_name()).await?;
    let recent = cursor.map(|cursor| cursor.recent).unwrap_or_default();
    let mut known = None;
    // The newest may have left the chain, which the batcher will see.
    for block in recent.iter().rev() {
        if hash(&chain.provider, block.number).await? == Some(block.hash) {
            known = Some(*block);
            break;
        }
    }
    let Some(BlockId { number, hash: expected }) = known else {
        let mut compared = Compared::default();
        if !recent.is_empty() {
            let rule = "a batcher knows blocks of this chain".to_owned();
            let subject = format!("batcher {}", chain.batcher);
            compared.findings.push(Finding { rule, subject });
        }
        return Ok(Some(compared));
    };
    let compared = chain.compare(Some(ledger), first, number).await?;
    let stayed = hash(&chain.provider, number).await? == Some(expected);
    Ok(stayed.then_some(compared))
}

pub(super) async fn head(provider: &DynProvider) -> Result<u64> {
    Ok(provider.get_block_number().await.map_err(ChainError::node("eth_blockNumber"))?)
}

async fn hash(provider: &DynProvider, block: u64) -> Result<Option<B256>> {
    let found = provider.get_block_by_number(block.into()).await;
    let found = found.map_err(ChainError::node("eth_getBlockByNumber"))?;
    Ok(found.map(|block| block.header.hash))
}
