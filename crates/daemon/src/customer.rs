//! The demo's user, who has the `collimate` command and nothing else: pays on chain, submits through the gateway, watches, and believes
//! only what was checked.

use std::{
    ffi::OsStr,
    path::{PathBuf, absolute},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use collimate_chain::anvil::DEVELOPMENT_KEYS;
use collimate_store::ProofId;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::sleep,
};

use crate::{
    progress::Progress,
    submission::{Accepted, Checked},
};

/// Key of the account of anvil's that is the user's.
const KEY: &str = DEVELOPMENT_KEYS[7];
/// How long what can pass by itself may take to pass, and a payment's credits to be there.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(300);
/// Exit code of `collimate` after which the same command can succeed later.
const LATER: i32 = 3;

/// A user of the service.
#[derive(Debug)]
pub(crate) struct Customer {
    collimate: PathBuf,
    /// The network's profile.
    network: PathBuf,
    /// The folder of the user's settings, and of deposits on their way: one that was interrupted is finished, not repeated.
    home: PathBuf,
}

/// What `collimate quota` says.
#[derive(Debug, Deserialize)]
struct Quota {
    nonce: u64,
    credits: u64,
    unconfirmed: u64,
}

/// What `collimate deposit` says.
#[derive(Debug, Deserialize)]
struct Deposit {
    purchase: Purchase,
}

#[derive(Debug, Deserialize)]
struct Purchase {
    account: String,
    credits: u64,
    block_number: u64,
}

/// What `collimate submit` says.
#[derive(Debug, Deserialize)]
struct Submitted {
    accepted: Vec<AcceptedProof>,
}

#[derive(Debug, Deserialize)]
struct AcceptedProof {
    id: ProofId,
    receipt: Option<Receipt>,
}

#[derive(Debug, Deserialize)]
struct Receipt {
    position: u64,
}

impl Customer {
    /// A user whose settings are in `home`.
    pub(crate) fn new(network: PathBuf, home: PathBuf) -> Result<Self> {
        let collimate = std::env::current_exe()?.with_file_name("collimate");
        if !collimate.is_file() {
            bail!("[DMN-047] there is no {}: build it with 'make services'", collimate.display());
        }
        // A path with a slash is a file to `collimate`; a word is the name of a network.
        Ok(Self { collimate, network: absolute(network)?, home: absolute(home)? })
    }

    /// Buys what is missing so that `proofs` proofs can be paid for, those that were submitted before counted.
    pub(crate) async fn pay(&self, proofs: usize, progress: &Progress) -> Result<()> {
        let has: Quota = self.ask(["quota"]).await?;
        let wanted = u64::try_from(proofs).context("too many proofs")?;
        let missing = wanted
            .saturating_sub(has.nonce)
            .saturating_sub(has.credits)
            .saturating_sub(has.unconfirmed);
        if missing > 0 {
            progress.now("paying, and waiting for the payment's confirmations");
            let credits = missing.to_string();
            let Deposit { purchase } =
                self.ask(["deposit", "--credits", &credits, "--yes"]).await?;
            let Purchase { account, credits, block_number } = purchase;
            progress.say(&format!("{account} paid for {credits} credits in block {block_number}"));
        }
        let started = Instant::now();
        loop {
            let Quota { nonce, credits, .. } = self.ask(["quota"]).await?;
            if nonce.saturating_add(credits) >= wanted {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("[DMN-046] the payment gave no credits in {} s", PATIENCE.as_secs());
            }
            sleep(PAUSE).await;
        }
    }

    /// Submits a proof. The same proof again is the same submission, and costs nothing.
    pub(crate) async fn submit(&self, checked: Checked) -> Result<Accepted> {
        let Checked { name, path, proof, .. } = checked;
        let submitted: Submitted = self
            .ask([OsStr::new("submit"), path.as_os_str()])
            .await
            .with_context(|| format!("{name} was not accepted"))?;
        let accepted = submitted.accepted.into_iter().next();
        let AcceptedProof { id, receipt } = accepted.context("an accepted proof is listed")?;
        Ok(Accepted { name, id, path, proof, receipt: receipt.map(|receipt| receipt.position) })
    }

    /// Follows a proof's statuses as the gateway pushes them, until it is final or what is heard is dropped.
    pub(crate) fn watch(&self, item: &Accepted) -> Result<UnboundedReceiver<String>> {
        let (said, heard) = unbounded_channel();
        let (id, name) = (item.id.to_string(), item.name.clone());
        let mut watching = self
            .command(["watch", &id])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.collimate.display()))?;
        let stderr = watching.stderr.take().context("its standard error is piped")?;
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let status = line.split_once(&id).map_or(line.as_str(), |(_, status)| status);
                if said.send(format!("{name}: {}", status.trim())).is_err() {
                    // Nobody listens any more; dropping the process ends it.
                    return;
                }
            }
            let _ = watching.wait().await;
        });
        Ok(heard)
    }

    /// Fetches the proof's inclusion from the gateway, and checks it offline and with the contract, which must also deny forgeries.
    pub(crate) async fn check_inclusion(&self, item: &Accepted) -> Result<()> {
        let id = item.id.to_string();
        let arguments = [
            OsStr::new("inclusion"),
            OsStr::new(&id),
            OsStr::new("--proof"),
            item.path.as_os_str(),
        ];
        let _: serde_json::Value = self.ask(arguments).await?;
        Ok(())
    }

    /// Runs a command to its end, again while it says that it can succeed later, and reads its answer.
    pub(crate) async fn ask<T, const N: usize, A>(&self, arguments: [A; N]) -> Result<T>
    where
        T: DeserializeOwned,
        A: AsRef<OsStr> + Copy,
    {
        self.ask_all(&arguments).await
    }

    /// The same with any number of arguments.
    pub(crate) async fn ask_all<T, A>(&self, arguments: &[A]) -> Result<T>
    where
        T: DeserializeOwned,
        A: AsRef<OsStr> + Copy,
    {
        let started = Instant::now();
        loop {
            let output = self
                .command(arguments.iter().copied())
                .arg("--json")
                .output()
                .await
                .with_context(|| format!("cannot start {}", self.collimate.display()))?;
            if output.status.success() {
                return serde_json::from_slice(&output.stdout)
                    .context("[DMN-048] 'collimate' gave an answer that cannot be read");
            }
            if output.status.code() == Some(LATER) && started.elapsed() < PATIENCE {
                sleep(PAUSE).await;
                continue;
            }
            let said = String::from_utf8_lossy(&output.stderr);
            let reason = said.lines().last().unwrap_or("without a word").to_owned();
            let command = arguments.first().map(|name| name.as_ref().display().to_string());
            bail!(
                "'collimate {}' ended with {}: {reason}",
                command.unwrap_or_default(),
                output.status
            );
        }
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.collimate);
        command
            .args(arguments)
            .env("COLLIMATE_HOME", &self.home)
            .env("COLLIMATE_NETWORK", &self.network)
            .env("COLLIMATE_PRIVATE_KEY", KEY)
            .env_remove("COLLIMATE_KEYSTORE")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}
