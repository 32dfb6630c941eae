//! What this machine must have: keys, folders, free ports, the prover's binary.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
};

use anyhow::{Context, Result};
use collimate_chain::signer::Signer;

use super::Finding;
use crate::{
    config::{Config, OperatorSettings},
    prover_process::ProverProcess,
};

/// Everything of this machine that the settings name.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = ports(config);
    if let Some(gateway) = &config.gateway {
        let key =
            Signer::load(&gateway.key).map(|signer| format!("{} signs receipts", signer.address()));
        findings.push(Finding::new("gateway.key", key.map_err(Into::into)));
        let spool = &gateway.limits.spool_folder;
        findings.push(Finding::new("gateway.limits.spool_folder", writable(spool)));
    }
    if let Some(operator) = &config.operator {
        findings.push(Finding::new("operator.keystore", operator_key(operator)));
        let folder = operator.journal.parent().unwrap_or(Path::new("."));
        findings.push(Finding::new("operator.journal", writable(folder)));
    }
    if let Some(fast_mode) = config.operator.as_ref().and_then(|found| found.fast_mode.as_ref()) {
        let folder = fast_mode.journal.parent().unwrap_or(Path::new("."));
        findings.push(Finding::new("operator.fast_mode.journal", writable(folder)));
        let systems = fast_mode.proof_systems().map(|_| "each is known");
        findings.push(Finding::new("operator.fast_mode.systems", systems));
    }
    if let Some(signatures) = &config.signatures {
        let folder = can_be_made(&signatures.transactions);
        findings.push(Finding::new("signatures.transactions", folder));
    }
    if let Some(batcher) = &config.batcher {
        findings.push(Finding::new("batcher.spool_folder", writable(&batcher.spool_folder)));
    }
    if let Some(data) = &config.data {
        findings.push(Finding::new("data.folder", can_be_public(&data.folder)));
    }
    if let Some(watcher) = &config.watcher {
        findings.push(Finding::new("watcher.folder", can_be_made(&watcher.folder)));
    }
    findings
}

/// Opens them all at once, so that two settings with one port are found, too.
fn ports(config: &Config) -> Vec<Finding> {
    let fast_mode = config.operator.as_ref().and_then(|operator| operator.fast_mode.as_ref());
    let listens: [(&'static str, Option<SocketAddr>); 8] = [
        ("gateway.listen", config.gateway.as_ref().map(|gateway| gateway.listen)),
        ("operator.listen", config.operator.as_ref().map(|operator| operator.listen)),
        ("operator.fast_mode.listen", fast_mode.map(|fast_mode| fast_mode.listen)),
        ("signatures.listen", config.signatures.as_ref().map(|signatures| signatures.listen)),
        ("batcher.listen", config.batcher.as_ref().map(|batcher| batcher.listen)),
        ("data.listen", config.data.as_ref().map(|data| data.listen)),
        ("watcher.listen", config.watcher.as_ref().map(|watcher| watcher.listen)),
        ("telemetry.metrics_listen", config.telemetry.metrics_listen),
    ];
    let mut held = vec![];
    let mut findings = vec![];
    for (what, address) in listens {
        let Some(address) = address else { continue };
        let opened = TcpListener::bind(address).map(|listener| held.push(listener));
        let opened = opened.map(|()| format!("{address} is free")).with_context(|| {
            format!("{address} cannot be listened on: unless it is collimated that runs there, stop what does, or choose another")
        });
        findings.push(Finding::new(what, opened));
    }
    findings
}

fn writable(folder: &Path) -> Result<String> {
    tempfile::tempfile_in(folder).with_context(|| {
        format!("cannot write into {}: make it, or choose another", folder.display())
    })?;
    Ok(format!("{} can be written", folder.display()))
}

/// A folder that is made if it is absent: then the nearest one above it must be writable.
pub(super) fn can_be_made(folder: &Path) -> Result<String> {
    let nearest = folder.ancestors().find(|folder| folder.is_dir());
    writable(nearest.unwrap_or(Path::new(".")))?;
    Ok(format!("{} can be used", folder.display()))
}

/// A folder of batches, which everybody may read.
pub(super) fn can_be_public(folder: &Path) -> Result<String> {
    collimate_data::check_public_folder(folder)?;
    can_be_made(folder)
}

fn operator_key(operator: &OperatorSettings) -> Result<String> {
    operator.key().load()?;
    Ok(format!("{} opens with its password", operator.keystore.display()))
}

/// Where the prover's binary is, for whoever has to start it.
pub(super) fn prover_binary() -> String {
    match ProverProcess::find(None) {
        Ok(path) => format!("start `{} serve`, or name another", path.display()),
        Err(_) => "start `collimate-prover serve` where it is installed (here it is not beside collimated), or name another".to_owned(),
    }
}
