//! A local node that lives as long as its test.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use alloy::{
    primitives::{B256, U256, b256},
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
    transports::http::reqwest::Url,
};

/// The first five keys of the development mnemonic.
const KEYS: [B256; 5] = [
    b256!("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    b256!("0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    b256!("0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    b256!("0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    b256!("0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
];

/// A running anvil on a port that the system chose.
pub(crate) struct Node {
    process: Child,
    pub(crate) url: Url,
    pub(crate) accounts: Vec<PrivateKeySigner>,
}

impl Node {
    pub(crate) fn start() -> Self {
        let tools = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
        let mut process = Command::new(&tools)
            .args(["--port", "0", "--hardfork", "osaka", "--no-request-size-limit"])
            .args(["--slots-in-an-epoch", "1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}; run `npm ci --prefix contracts`", tools.display())
            });
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| line.unwrap().strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil says where it listens");
        // Anvil must not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let accounts = KEYS.map(|key| PrivateKeySigner::from_bytes(&key).unwrap()).to_vec();
        Self { process, url: format!("http://{address}").parse().unwrap(), accounts }
    }

    pub(crate) fn provider(&self, account: &PrivateKeySigner) -> impl Provider + Clone + use<> {
        ProviderBuilder::new().wallet(account.clone()).connect_http(self.url.clone())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn ether(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10u64).pow(U256::from(18u64))
}
