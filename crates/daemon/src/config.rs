//! The services' settings: a TOML file, then environment variables, then `--set` on the command line; the later wins.
//!
//! `docs/collimated.example.toml` is the same as this file's structures with their defaults, and a test holds them together. A
//! variable is named after its place: `COLLIMATE__CHAIN__RPC_URL` is `rpc_url` in `[chain]`. Secrets are named here (a file, a
//! variable), never written here, but for the database's URL, which is never shown.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::primitives::{Address, U256, utils::parse_ether};
use anyhow::{Context, Result, ensure};
use collimate_aggregator::{FeeRule, PlanSettings, Trigger};
use collimate_chain::signer::{PasswordSource, SignerSource};
use collimate_core::{MAX_PROOFS_PER_RUN, guest::MAX_CHUNK_SIZE_LOG2};
use collimate_gateway::{GatewayConfig, Rate};
use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
}

fn default_objects() -> String {
    "objects".to_owned()
}

/// The Ethereum node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chain {
    /// JSON-RPC over HTTP. What follows the host may be an access key, and is not shown.
    #[serde(serialize_with = "host_alone")]
    pub rpc_url: String,
    /// Blocks that make a transaction, payment or registration final, counting its own.
    #[serde(default = "default_confirmations")]
    pub confirmations: u64,
    /// Seconds between two looks at the node.
    #[serde(default = "default_poll")]
    pub poll_seconds: u64,
}

const fn default_confirmations() -> u64 {
    6
}

const fn default_poll() -> u64 {
    4
}

fn host_alone<S: Serializer>(url: &str, to: S) -> Result<S::Ok, S::Error> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    to.serialize_str(&format!("{scheme}://{host}/…"))
}

/// PostgreSQL.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// `postgres://…`. Without one a server is started in `folder`. `DATABASE_URL` says the same.
    #[serde(skip_serializing)]
    pub url: Option<String>,
    /// The cluster of a server of our own.
    pub folder: PathBuf,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, folder: "postgres".into() }
    }
}

/// The URL may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_ref().map(|_| "…");
        f.debug_struct("Database").field("url", &url).field("folder", &self.folder).finish()
    }
}

/// Payments become credits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Payments {
    /// A block at or before the payment service's deployment; the deployment file's by default.
    pub start_block: Option<u64>,
}

/// The door for proofs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewaySettings {
    /// Signs receipts; needs no ether. The same for all gateways of a service.
    pub key: SignerSource,
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    #[serde(default)]
    pub limits: GatewayLimits,
}

fn default_listen() -> SocketAddr {
    GatewayConfig::default().listen
}

/// What it takes, from whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GatewayLimits {
    /// Proxies in front that append to `X-Forwarded-For`; with 0 the header is not looked at.
    pub trusted_proxies: usize,
    /// Connections at once, and of one client address.
    pub max_connections: NonZeroUsize,
    pub max_connections_per_client: NonZeroUsize,
    /// Requests a second of one client address, and new proofs a second of one account; 0 for no limit. Ten seconds' worth may
    /// come at once.
    pub client_requests_per_second: u32,
    pub account_proofs_per_second: u32,
    /// Where uploads are spooled while they arrive.
    pub spool_folder: PathBuf,
    /// Hours after its acceptance in which a proof is to be on chain: what receipts promise.
    pub inclusion_hours: u64,
    /// Whether to serve clients of Aligned's gateway, whose requests are signed without contract and deadline.
    pub aligned_form: bool,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        let defaults = GatewayConfig::default();
        let rate = |rate: Option<Rate>| rate.map_or(0, |rate| rate.per_second);
        Self {
            trusted_proxies: defaults.trusted_proxies,
            max_connections: defaults.max_connections,
            max_connections_per_client: defaults.max_connections_per_client,
            client_requests_per_second: rate(defaults.client_rate),
            account_proofs_per_second: rate(defaults.account_rate),
            spool_folder: defaults.spool_dir,
            inclusion_hours: defaults.inclusion_time.as_secs() / 3600,
            aligned_form: defaults.aligned_form,
        }
    }
}

impl GatewaySettings {
    pub(crate) fn config(&self) -> GatewayConfig {
        let limits = &self.limits;
        let rate = |per_second: u32| {
            (per_second > 0).then(|| Rate { per_second, burst: per_second.saturating_mul(10) })
        };
        GatewayConfig {
            listen: self.listen,
            trusted_proxies: limits.trusted_proxies,
            max_connections: limits.max_connections,
            max_connections_per_client: limits.max_connections_per_client,
            client_rate: rate(limits.client_requests_per_second),
            account_rate: rate(limits.account_proofs_per_second),
            spool_dir: limits.spool_folder.clone(),
            inclusion_time: Duration::from_secs(limits.inclusion_hours.saturating_mul(3600)),
            aligned_form: limits.aligned_form,
            ..GatewayConfig::default()
        }
    }
}

/// Proofs become runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AggregatorSettings {
    /// The account that sends the transactions.
    pub key: SignerSource,
    /// Where `collimate-prover serve` is reached.
    #[serde(default = "default_prover")]
    pub prover_url: String,
    /// Where operators are reached, by account.
    #[serde(default)]
    pub operators: BTreeMap<Address, String>,
    /// The most that one transaction may cost, in ether.
    #[serde(default = "default_max_cost", deserialize_with = "amount")]
    pub max_cost_eth: String,
    /// Chunks that are asked for at once: as many as there are provers.
    #[serde(default = "default_parallel")]
    pub parallel_jobs: usize,
    #[serde(default)]
    pub run: RunSettings,
}

fn default_prover() -> String {
    "http://127.0.0.1:7301".to_owned()
}

fn default_max_cost() -> String {
    "0.5".to_owned()
}

const fn default_parallel() -> usize {
    1
}

/// When a run opens, as soon as any of these holds, and how it is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RunSettings {
    /// So many proofs wait; also the most that a run takes.
    pub count: u32,
    /// A proof has waited for so many seconds.
    pub age_seconds: u64,
    /// The public values of those that wait have so many bytes.
    pub bytes: u64,
    /// What all runs of 30 days may cost, in ether: a run opens when its price fits the time since the last.
    #[serde(deserialize_with = "optional_amount")]
    pub monthly_budget_eth: Option<String>,
    /// Gas of a registering transaction, by estimate.
    pub gas_estimate: u64,
    /// Seconds between two looks at the price of gas.
    pub fee_check_seconds: u64,
    /// Runs of up to so many proofs take one layer.
    pub direct_max: usize,
    /// Proofs of a chunk in larger runs: a power of two.
    pub chunk_size: u32,
}

impl Default for RunSettings {
    fn default() -> Self {
        let (trigger, plan) = (Trigger::default(), PlanSettings::default());
        Self {
            count: trigger.count,
            age_seconds: trigger.age.as_secs(),
            bytes: trigger.bytes,
            monthly_budget_eth: None,
            gas_estimate: 600_000,
            fee_check_seconds: 180,
            direct_max: plan.direct_max,
            chunk_size: 1 << plan.chunk_size_log2,
        }
    }
}

impl RunSettings {
    pub(crate) fn trigger(&self) -> Result<Trigger> {
        let most = u32::try_from(MAX_PROOFS_PER_RUN).unwrap_or(u32::MAX);
        ensure!(
            (1..=most).contains(&self.count),
            "[DMN-061] aggregator.run.count must be 1 to {most}"
        );
        let fee = self.monthly_budget_eth.as_ref().map(|budget| {
            anyhow::Ok(FeeRule {
                monthly_budget: ether("aggregator.run.monthly_budget_eth", budget)?,
                gas: self.gas_estimate,
                check_every: Duration::from_secs(self.fee_check_seconds),
            })
        });
        let age = Duration::from_secs(self.age_seconds);
        Ok(Trigger { count: self.count, age, bytes: self.bytes, fee: fee.transpose()? })
    }

    pub(crate) fn plan(&self) -> Result<PlanSettings> {
        let largest = 1 << MAX_CHUNK_SIZE_LOG2;
        ensure!(
            self.chunk_size.is_power_of_two() && self.chunk_size <= largest,
            "[DMN-061] aggregator.run.chunk_size must be a power of two, at most {largest}"
        );
        let chunk_size_log2 = self.chunk_size.ilog2();
        Ok(PlanSettings { direct_max: self.direct_max, chunk_size_log2 })
    }
}

/// An amount as it is written: from the environment and the command line 0.5 comes as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Text(String),
    Whole(u64),
    Fraction(f64),
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Text(text) => text,
            Amount::Whole(number) => number.to_string(),
            Amount::Fraction(number) => number.to_string(),
        }
    }
}

fn amount<'a, D: Deserializer<'a>>(from: D) -> Result<String, D::Error> {
    Amount::deserialize(from).map(Into::into)
}

fn optional_amount<'a, D: Deserializer<'a>>(from: D) -> Result<Option<String>, D::Error> {
    Option::<Amount>::deserialize(from).map(|amount| amount.map(Into::into))
}

/// Reads an amount of ether.
pub(crate) fn ether(name: &str, text: &str) -> Result<U256> {
    parse_ether(text).with_context(|| format!("[DMN-061] {name}: {text} is no amount of ether"))
}

/// An operator that verifies final proofs and signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorSettings {
    /// The account that is registered.
    pub account: Address,
    /// The BLS key's keystore (EIP-2335).
    pub keystore: PathBuf,
    /// A file with its password.
    pub password_file: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it signed; on a disk that survives a restart, the operator's own.
    pub journal: PathBuf,
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
        }
        for path in paths {
            *path = base.join(&*path);
        }
        if !self.objects.contains("://") {
            self.objects = base.join(&self.objects).display().to_string();
        }
        if let Some(gateway) = &mut self.gateway {
            gateway.limits.spool_folder = base.join(&gateway.limits.spool_folder);
        }
        let keys = [
            self.gateway.as_mut().map(|gateway| &mut gateway.key),
            self.aggregator.as_mut().map(|aggregator| &mut aggregator.key),
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const EXAMPLE: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/collimated.example.toml");

    fn load(text: &str, set: &[&str]) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("collimated.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(&file, &set.iter().map(|&s| s.to_owned()).collect::<Vec<_>>())
    }

    const LEAST: &str = "deployment = 'd.json'\n[chain]\nrpc_url = 'http://localhost:8545'\n";

    #[test]
    fn the_example_names_every_setting_with_its_default() {
        let example = Config::load(Path::new(EXAMPLE), &[]).unwrap();
        assert_eq!(
            example.aggregator.as_ref().unwrap().run.trigger().unwrap().fee.unwrap().gas,
            600_000
        );
        let mut run = example.aggregator.clone().unwrap().run;
        run.monthly_budget_eth = None;
        assert_eq!(run, RunSettings::default());
        assert_eq!(example.gateway.as_ref().unwrap().limits, GatewayLimits::default());
        // Addresses are written in upper and lower case.
        let text = std::fs::read_to_string(EXAMPLE).unwrap().to_lowercase();
        let settings = serde_json::to_value(&example).unwrap();
        names(&settings, &mut |name| assert!(text.contains(name), "the example lacks {name}"));
    }

    fn names(value: &serde_json::Value, check: &mut impl FnMut(&str)) {
        for (name, value) in value.as_object().into_iter().flatten() {
            check(name);
            names(value, check);
        }
    }

    #[test]
    fn amounts_come_as_text_and_as_numbers_and_keys_in_urls_are_not_shown() {
        let text = format!("{LEAST}[aggregator.key.environment]\nvariable = 'KEY'\n");
        let config = load(
            &text,
            &[
                "aggregator.max_cost_eth=0.25",
                "aggregator.run.monthly_budget_eth=2",
                "chain.rpc_url=https://user:pass@node.example:8545/v2/hunter2?key=hunter3",
            ],
        );
        let config = config.unwrap();
        let aggregator = config.aggregator.as_ref().unwrap();
        assert_eq!(aggregator.max_cost_eth, "0.25");
        assert_eq!(aggregator.run.monthly_budget_eth.as_deref(), Some("2"));
        let shown = serde_json::to_string(&config).unwrap();
        assert!(shown.contains("https://node.example:8545/…"), "{shown}");
        assert!(!shown.contains("hunter") && !shown.contains("pass"), "{shown}");
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let config = load(LEAST, &["chain.confirmations=12", "payments.start_block=7"]).unwrap();
        assert_eq!((config.chain.confirmations, config.payments.start_block), (12, Some(7)));
        assert_eq!(load(LEAST, &[]).unwrap().chain.confirmations, 6);
    }

    #[test]
    fn what_is_unknown_missing_or_malformed_is_named() {
        for (text, set, named) in [
            ("[chain]\nrpc_url = 'x'\n", vec![], "deployment"),
            (LEAST, vec!["chain.rpcurl=x"], "rpcurl"),
            (LEAST, vec!["chain.confirmations=many"], "confirmations"),
            (LEAST, vec!["chain"], "NAME=VALUE"),
            ("deployment = ", vec![], "TOML"),
        ] {
            let error = format!("{:#}", load(text, &set).unwrap_err());
            assert!(error.contains("[DMN-060]") && error.contains(named), "{error}");
        }
    }

    #[test]
    fn the_databases_url_is_never_shown() {
        let text = format!("{LEAST}[database]\nurl = 'postgres://u:hunter2@h/d'\n");
        let config = load(&text, &[]).unwrap();
        assert!(config.database.url.is_some());
        let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn impossible_runs_are_refused() {
        assert!(RunSettings { count: 0, ..RunSettings::default() }.trigger().is_err());
        assert!(RunSettings { chunk_size: 3, ..RunSettings::default() }.plan().is_err());
        let budget = Some("much".to_owned());
        assert!(
            RunSettings { monthly_budget_eth: budget, ..RunSettings::default() }.trigger().is_err()
        );
    }
}
