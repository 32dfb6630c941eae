//! The services' settings: a TOML file, then environment variables, then `--set` on the command line; the later wins.
//!
//! `docs/collimated.example.toml` is the same as these structures with their defaults, and a test holds them together. A
//! variable is named after its place: `COLLIMATE__CHAIN__RPC_URL` is `rpc_url` in `[chain]`. Secrets are named here (a file, a
//! variable), never written here, but for the database's URL, which is never shown. Each section has a file below `config/`.

mod aggregator;
mod amount;
mod batcher;
mod chain;
mod contracts;
mod data;
mod database;
mod gateway;
mod operator;
mod payments;
mod run;
mod signatures;
mod systems;
mod telemetry;
#[cfg(test)]
mod tests;
mod watcher;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use collimate_chain::signer::{PasswordSource, SignerSource};
use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use serde::{Deserialize, Serialize};

pub(crate) use aggregator::{AggregatorSettings, HardSettings, circuit};
pub(crate) use amount::ether;
pub(crate) use batcher::BatcherSettings;
pub(crate) use chain::Chain;
pub(crate) use contracts::Contracts;
pub(crate) use data::DataSettings;
pub(crate) use database::Database;
pub(crate) use gateway::GatewaySettings;
pub(crate) use operator::OperatorSettings;
pub(crate) use payments::Payments;
pub(crate) use signatures::SignaturesSettings;
pub(crate) use telemetry::TelemetrySettings;
pub(crate) use watcher::WatcherSettings;

/// Everything that the services are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The deployment's addresses, as `collimated devnet` and the deployer write them.
    pub deployment: PathBuf,
    /// Proof files, job outputs and blobs: a folder, or `s3://bucket/prefix`.
    #[serde(default = "default_objects")]
    pub objects: String,
    pub chain: Chain,
    #[serde(default)]
    pub database: Database,
    #[serde(default)]
    pub payments: Payments,
    #[serde(default)]
    pub gateway: Option<GatewaySettings>,
    #[serde(default)]
    pub aggregator: Option<AggregatorSettings>,
    #[serde(default)]
    pub operator: Option<OperatorSettings>,
    #[serde(default)]
    pub signatures: Option<SignaturesSettings>,
    #[serde(default)]
    pub batcher: Option<BatcherSettings>,
    #[serde(default)]
    pub data: Option<DataSettings>,
    #[serde(default)]
    pub watcher: Option<WatcherSettings>,
    #[serde(default)]
    pub telemetry: TelemetrySettings,
}

fn default_objects() -> String {
    "objects".to_owned()
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// `DMN-060`: a setting is unknown, missing or malformed; the text names it and where it comes from.
    pub(crate) fn load(file: &Path, set: &[String]) -> Result<Self> {
        ensure!(
            file.is_file(),
            "[DMN-060] there is no configuration at {}: copy docs/collimated.example.toml there, or name another with --config",
            file.display()
        );
        let mut figment = Figment::from(Toml::file_exact(file))
            .merge(Env::raw().only(&["DATABASE_URL"]).map(|_| "database.url".into()))
            .merge(Env::prefixed("COLLIMATE__").split("__"));
        for assignment in set {
            let (name, value) = assignment
                .split_once('=')
                .with_context(|| format!("[DMN-060] --set {assignment}: expected NAME=VALUE"))?;
            // As in the environment: what reads as a number or a list is one.
            let value: figment::value::Value = value.parse().unwrap_or_else(|never| match never {});
            figment = figment.merge(figment::providers::Serialized::default(name, value));
        }
        let mut config: Self = figment.extract().map_err(|errors| {
            let all: Vec<String> = errors.into_iter().map(|error| error.to_string()).collect();
            anyhow::anyhow!("[DMN-060] {}", all.join("; "))
        })?;
        config.resolve(file.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Paths are meant from the file's folder, wherever the program is started.
    fn resolve(&mut self, base: &Path) {
        let mut paths = vec![&mut self.deployment, &mut self.database.folder];
        if let Some(operator) = &mut self.operator {
            paths.extend([
                &mut operator.keystore,
                &mut operator.password_file,
                &mut operator.journal,
            ]);
            paths.extend(operator.fast_mode.as_mut().map(|fast_mode| &mut fast_mode.journal));
        }
        let hard = self.aggregator.as_mut().and_then(|aggregator| aggregator.hard.as_mut());
        paths.extend(hard.and_then(|hard| hard.circuit_key.as_mut()));
        paths.extend(self.signatures.as_mut().map(|signatures| &mut signatures.transactions));
        paths.extend(self.data.as_mut().map(|data| &mut data.folder));
        paths.extend(self.watcher.as_mut().map(|watcher| &mut watcher.folder));
        paths.extend(self.batcher.as_mut().map(|batcher| &mut batcher.spool_folder));
        for path in paths {
            *path = base.join(&*path);
        }
        let stores =
            [Some(&mut self.objects), self.batcher.as_mut().map(|batcher| &mut batcher.objects)];
        for store in stores.into_iter().flatten().filter(|store| !store.contains("://")) {
            *store = base.join(&*store).display().to_string();
        }
        if let Some(gateway) = &mut self.gateway {
            gateway.limits.spool_folder = base.join(&gateway.limits.spool_folder);
        }
        let keys = [
            self.gateway.as_mut().map(|gateway| &mut gateway.key),
            self.aggregator.as_mut().map(|aggregator| &mut aggregator.key),
            self.signatures.as_mut().map(|signatures| &mut signatures.key),
            self.batcher.as_mut().map(|batcher| &mut batcher.key),
        ];
        for key in keys.into_iter().flatten() {
            let SignerSource::Keystore { path, password } = key else { continue };
            *path = base.join(&*path);
            if let PasswordSource::File(file) = password {
                *file = base.join(&*file);
            }
        }
    }
}
