//! `demo --groth16`: the development circuit under which a run's proof is wrapped, made once for a machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::{devnet::DevnetOptions, progress::Progress, prover_process::ProverProcess};

const GIB: u64 = 1 << 30;
/// Memory that a stage of a wrap takes, and what runs beside it, in GiB.
const MEMORY_GIB: u64 = 15;
/// Disk that a wrap's files take, in MB. What the circuit takes is checked by who makes it.
const DISK_MB: u64 = 500;

/// The files of a circuit's key.
#[derive(Debug)]
pub(crate) struct CircuitFiles {
    /// As the contract takes it: JSON.
    pub contract_key: PathBuf,
    /// As gnark writes it.
    pub circuit_key: PathBuf,
}

/// Makes the development circuit, or finds the one that this machine has, and writes its key below the state's folder. Says first how long
/// it takes, and what it needs.
pub(crate) async fn prepare(options: &DevnetOptions, progress: &Progress) -> Result<CircuitFiles> {
    let prover = ProverProcess::find(options.prover.clone())?;
    progress.say(
        "the wrap that makes a Groth16 proof of the run takes about 20 minutes on two cores, beyond what the demo takes \
         otherwise, and 15 GiB of memory; before it, once for a machine, ten minutes and 8 GB of disk for the circuit and its keys",
    );
    let folder = options.state.join("groth16");
    fs::create_dir_all(&folder)
        .with_context(|| format!("[DMN-001] cannot create {}", folder.display()))?;
    enough_memory()?;
    enough_disk(&folder)?;

    let mut build = Command::new(&prover);
    build.args(["artifacts", "build", "--mode", "dev"]);
    let hash = answer(build, progress).await?;
    progress.say(&format!("the circuit's key has the hash {}", hash.trim()));

    let files = CircuitFiles {
        contract_key: folder.join("key.json"),
        circuit_key: folder.join("groth16_vk.bin"),
    };
    let mut key = Command::new(&prover);
    key.args(["artifacts", "key", "--circuit", "dev", "--binary-out"]).arg(&files.circuit_key);
    let json = answer(key, progress).await?;
    fs::write(&files.contract_key, json)?;
    progress.say("it is of a development set-up: whoever ran that could forge a proof of anything");
    Ok(files)
}

/// Runs the prover to its end, tells what it says, and gives back its answer. When this is dropped, it ends.
async fn answer(mut command: Command, progress: &Progress) -> Result<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("[DMN-012] cannot start the prover")?;
    let said = child.stderr.take().context("its standard error is piped")?;
    let (mut lines, mut last) = (BufReader::new(said).lines(), String::new());
    while let Some(line) = lines.next_line().await? {
        // A stage begins or ends; what else there is to hear is its log.
        match line.starts_with('[') {
            true => progress.say(&line),
            false => progress.now(&line),
        }
        last = line;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("{}", last.trim_start_matches("error: "));
    }
    String::from_utf8(output.stdout).context("[DMN-048] the prover gave an answer that is no text")
}

/// Checks what would otherwise fail after half an hour.
fn enough_memory() -> Result<()> {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let available = kib.unwrap_or_default().saturating_mul(1024);
    ensure!(
        available >= MEMORY_GIB * GIB,
        "[DMN-086] a wrap needs {MEMORY_GIB} GiB of memory and {} GiB are available: stop other programs, or take a larger machine",
        available / GIB
    );
    Ok(())
}

fn enough_disk(folder: &Path) -> Result<()> {
    let output =
        std::process::Command::new("df").args(["--output=avail", "-B1"]).arg(folder).output();
    let output = output.context("df, of coreutils, cannot be run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let free = text.lines().nth(1).and_then(|line| line.trim().parse::<u64>().ok());
    let free_mb = free.unwrap_or_default() / 1_000_000;
    ensure!(
        free_mb >= DISK_MB,
        "[DMN-087] a wrap needs {DISK_MB} MB of disk in {} and {free_mb} MB are free: free some, or choose another --state",
        folder.display()
    );
    Ok(())
}
