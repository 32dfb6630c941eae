//! A batcher as a process of its own, beside the devnet's.

use std::{
    fs,
    process::{Command, Stdio},
};

use collimate_chain::anvil::{DEVELOPMENT_KEYS, development_signer};
use collimate_sdk::Client;
use collimate_store::{BatcherLedger, Store};

use crate::{
    network::{Daemon, Network, client, ledger},
    process::free_port,
};

/// A development account that sends no transactions on a devnet.
const ACCOUNT: usize = 8;

pub(crate) struct Batcher {
    process: Daemon,
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) ledger: BatcherLedger,
}

impl Batcher {
    /// One that closes a batch when so many proofs wait, and not before. Its files are served by the devnet's data service.
    pub(crate) async fn start(network: &Network, name: &str, proofs: usize) -> Self {
        let (state, port) = (network.path("devnet"), free_port());
        let url = format!("http://127.0.0.1:{port}");
        let mut profile = network.client.profile().clone();
        let fast = profile.fast_mode.as_mut().unwrap();
        fast.batcher = Some(development_signer(ACCOUNT).unwrap().address());
        fast.batcher_url = Some(url.clone());
        let database = network.postgres.create_database(name).await.unwrap();
        // Each client is one behind a proxy: all have this machine's address.
        let config = format!(
            "deployment = '{0}/deployment.json'\nobjects = '{name}-objects'\n\
             [chain]\nrpc_url = '{1}'\nconfirmations = 1\npoll_seconds = 1\n[database]\nurl = '{database}'\n\
             [batcher]\nlisten = '127.0.0.1:{port}'\nobjects = '{0}/batches'\nmirrors = ['{2}']\ntrusted_proxies = 1\n\
             systems = ['circom-groth16-bn254', 'sp1-compressed']\n\
             [batcher.key.environment]\nvariable = 'BATCHER_KEY'\n\
             [batcher.closing]\nblocks = 1000000\nproofs = {proofs}\nmib = 1000000\n",
            state.display(),
            profile.rpc_url,
            fast.data_services[0],
        );
        let file = network.path(format!("{name}.toml"));
        fs::write(&file, config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_collimated"));
        command
            .args(["serve", "batcher", "--config"])
            .arg(&file)
            .env("BATCHER_KEY", DEVELOPMENT_KEYS[ACCOUNT])
            .stdout(Stdio::null());
        let process = Daemon::start(&mut command, network.path(format!("{name}.log")));
        let client = client(profile).await;
        let store = Store::connect(&database).await.unwrap();
        let ledger = ledger(&client, &store).await;
        Self { process, url, client, ledger }
    }

    /// The most memory that its process ever held, in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
    }

    /// What a phase took on average, in seconds, by the batcher's metrics.
    pub(crate) async fn mean_seconds(&self, phase: &str) -> f64 {
        let url = format!("{}/metrics", self.url);
        let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
        let value = |what: &str| -> f64 {
            let name = format!("collimate_batcher_phase_seconds_{what}{{phase=\"{phase}\"}}");
            let value = metrics.lines().find_map(|line| line.strip_prefix(name.as_str()));
            value.unwrap().trim().parse().unwrap()
        };
        value("sum") / value("count")
    }
}
