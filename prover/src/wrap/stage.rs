//! A stage as a process: what it says is logged, its memory is watched, and it ends with this process.

use std::{
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use collimate_engine::{memory, tuning};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::Command,
    time::{MissedTickBehavior, interval},
};

const GIB: u64 = 1 << 30;
/// Memory that a stage of the circuit needs, in GiB.
pub const CIRCUIT_GIB: u64 = 14;
/// Memory that shrinking and wrapping need, in GiB.
pub const WRAP_GIB: u64 = 14;
/// Memory that a witness, and the constraints, need, in GiB.
pub const CONSTRAINTS_GIB: u64 = 1;
/// Memory that is left to others while a stage runs.
const MARGIN: u64 = GIB / 2;
/// What Go's collector leaves between its own limit and what the machine has: it counts only what it manages itself.
const COLLECTOR_MARGIN: u64 = 3 * GIB / 2;
/// The most that Go's collector is allowed: with more, stages are hardly faster.
const COLLECTOR_MOST: u64 = 15 * GIB;
/// How often a stage's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The most of a stage's answer that is read.
const MAX_ANSWER: u64 = 1 << 20;

/// What a stage did, in its own words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    pub stage: String,
    pub seconds: f64,
    pub peak_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraints: Option<u64>,
}

/// A stage of this program, which needs so many GiB of memory.
pub fn own(name: &str, gib: u64) -> Result<Command> {
    enough_memory(name, gib)?;
    let mut command = Command::new(std::env::current_exe()?);
    // The stage picks its own settings.
    command.env_remove(tuning::TUNED).args(["stage", name, "--exit-with-stdin"]);
    Ok(command)
}

/// A stage of `collimate-gnark`.
pub fn gnark(name: &str) -> Result<Command> {
    let available = enough_memory(name, CIRCUIT_GIB)?;
    let collector = available.saturating_sub(COLLECTOR_MARGIN).min(COLLECTOR_MOST);
    let mut command = Command::new(gnark_program()?);
    command
        .args([name, "--exit-with-stdin"])
        .env("GOGC", "25")
        .env("GOMEMLIMIT", format!("{}MiB", collector >> 20));
    Ok(command)
}

/// `collimate-gnark`: as the environment names it, beside this program, or where it is built.
pub fn gnark_program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("COLLIMATE_GNARK").map(PathBuf::from) {
        ensure!(
            path.is_file(),
            "[PRV-050] COLLIMATE_GNARK names {}, which is no file",
            path.display()
        );
        return Ok(path);
    }
    let beside = std::env::current_exe()?.with_file_name("collimate-gnark");
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join(".gnark/bin/collimate-gnark");
    [beside, built].into_iter().find(|path| path.is_file()).context(
        "[PRV-050] collimate-gnark is not there: run 'make gnark', which needs Go 1.24 or later, and put it beside \
         collimate-prover, or name it with COLLIMATE_GNARK",
    )
}

/// Available memory in bytes, if a stage has as many GiB of it as it needs.
pub fn enough_memory(stage: &str, gib: u64) -> Result<u64> {
    let available = memory::available();
    ensure!(
        available >= gib * GIB,
        "[PRV-053] the stage '{stage}' needs {gib} GiB of memory and {} GiB are available: stop other programs, or take \
         a larger machine",
        available / GIB
    );
    Ok(available)
}

/// Runs a stage to its end.
pub async fn run(name: &str, mut command: Command) -> Result<Summary> {
    let limit = memory::available().saturating_sub(MARGIN);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("[PRV-050] cannot start the stage '{name}'"))?;
    // When this end closes, the stage ends: it does not outlive this process, however that dies.
    let _pipe = child.stdin.take();
    let pid = child.id().context("the stage has ended already")?;
    // If memory runs out all the same, the kernel is to take the stage, not the database. It may refuse to hear it.
    let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "1000");
    let answer = child.stdout.take().context("the stage has no output")?;
    let words = child.stderr.take().context("the stage has no log")?;
    let answer = tokio::spawn(async move {
        let mut text = String::new();
        answer.take(MAX_ANSWER).read_to_string(&mut text).await.map(|_| text)
    });
    let last_words = tokio::spawn(follow(name.to_owned(), words));

    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            _ = look.tick() => {
                let held = memory::resident_of(pid);
                if held > limit {
                    child.kill().await?;
                    bail!(
                        "[PRV-052] the stage '{name}' took {} MiB, more than the {} MiB that there were: stop other \
                         programs, or take a larger machine",
                        held >> 20,
                        limit >> 20
                    );
                }
            }
        }
    };
    let last_words = last_words.await.unwrap_or_default();
    if !status.success() {
        if status.signal() == Some(9) {
            bail!("[PRV-052] the stage '{name}' was killed, most likely because memory ran out");
        }
        bail!("[PRV-051] the stage '{name}' failed ({status}): {last_words}");
    }
    let answer = answer.await??;
    let summary: Summary = serde_json::from_str(answer.trim())
        .with_context(|| format!("[PRV-051] the stage '{name}' ended without an answer"))?;
    tracing::info!(
        stage = name,
        seconds = format!("{:.1}", summary.seconds),
        peak_mib = summary.peak_bytes >> 20,
        "done"
    );
    Ok(summary)
}

/// Logs what a stage says, and gives the last line of it.
async fn follow(stage: String, words: impl AsyncRead + Unpin) -> String {
    let mut last = String::new();
    let mut lines = BufReader::new(words).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::info!(stage, "{line}");
        last = line;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_stage_answers_with_what_it_did() {
        let script = r#"echo reading >&2; echo '{"stage":"compile","seconds":1.5,"peak_bytes":7,"constraints":3}'"#;
        let summary = run("compile", shell(script)).await.unwrap();
        assert_eq!((summary.peak_bytes, summary.constraints), (7, Some(3)));
    }

    #[tokio::test]
    async fn a_failure_has_the_stages_last_words() {
        let script = "echo reading >&2; echo 'error: the circuit is damaged' >&2; exit 1";
        let error = run("prove", shell(script)).await.unwrap_err().to_string();
        assert!(
            error.contains("[PRV-051]") && error.ends_with("the circuit is damaged"),
            "{error}"
        );
        let error = run("prove", shell("true")).await.unwrap_err().to_string();
        assert!(error.contains("without an answer"), "{error}");
    }

    #[tokio::test]
    async fn a_stage_that_the_kernel_kills_lacked_memory() {
        let error = run("prove", shell("kill -9 $$")).await.unwrap_err().to_string();
        assert!(error.contains("[PRV-052]"), "{error}");
    }

    #[tokio::test]
    async fn a_stage_does_not_outlive_whoever_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let started = folder.path().join("started");
        // Ends when its standard input does, as the real stages do.
        let script = format!("echo $$ > {}; cat > /dev/null", started.display());
        let stage = tokio::spawn(async move { run("setup", shell(&script)).await });
        let pid = loop {
            match std::fs::read_to_string(&started) {
                Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                _ => tokio::task::yield_now().await,
            }
        };
        stage.abort();
        assert!(stage.await.is_err_and(|error| error.is_cancelled()));
        // A child that nobody has waited for yet is a zombie, not gone.
        let gone = || {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .map_or(true, |stat| stat.contains(") Z "))
        };
        while !gone() {
            tokio::task::yield_now().await;
        }
    }
}
