//! Making a development set-up: constraints, circuit, keys. What is there is not made again.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    artifacts::{
        Artifacts, CIRCUIT, CONSTRAINTS, Made, Manifest, PROVING_KEY, TEMPLATE_WITNESS,
        VERIFYING_KEY,
    },
    stage::{self, Summary},
};

/// A stage of the set-up.
struct Stage {
    name: &'static str,
    /// Its inputs and outputs, by the options that name them.
    inputs: &'static [(&'static str, &'static str)],
    outputs: &'static [(&'static str, &'static str)],
    /// What its outputs take, in MB.
    disk_mb: u64,
    /// What is said before it begins.
    about: &'static str,
}

static STAGES: [Stage; 3] = [
    Stage {
        name: "constraints",
        inputs: &[],
        outputs: &[("--constraints", CONSTRAINTS), ("--witness", TEMPLATE_WITNESS)],
        disk_mb: 150,
        about: "writing the circuit's constraints: seconds",
    },
    Stage {
        name: "compile",
        inputs: &[("--constraints", CONSTRAINTS), ("--witness", TEMPLATE_WITNESS)],
        outputs: &[("--circuit", CIRCUIT)],
        disk_mb: 1_700,
        about: "compiling the circuit of 16 million constraints: four minutes on two cores",
    },
    Stage {
        name: "setup",
        inputs: &[("--circuit", CIRCUIT)],
        outputs: &[("--proving-key", PROVING_KEY), ("--verifying-key", VERIFYING_KEY)],
        disk_mb: 6_200,
        about: "setting up the keys: five minutes on two cores",
    },
];

/// Makes what is missing, and gives the verification key.
pub async fn build(artifacts: &Artifacts) -> Result<Vec<u8>> {
    fs::create_dir_all(&artifacts.folder)
        .with_context(|| format!("cannot create {}", artifacts.folder.display()))?;
    let lock = File::create(artifacts.path("lock"))?;
    lock.try_lock().with_context(|| {
        format!("[PRV-056] another process makes {}: wait for it", artifacts.folder.display())
    })?;
    // Also without the constraints, which nobody needs any more.
    if let Ok(key) = artifacts.verifying_key() {
        return Ok(key);
    }
    let mut manifest = artifacts.manifest()?;
    let done = STAGES.iter().take_while(|stage| is_done(artifacts, &manifest, stage)).count();
    let missing = STAGES.get(done..).unwrap_or_default();
    enough_disk(&artifacts.folder, missing.iter().map(|stage| stage.disk_mb).sum())?;
    if let Some(last) = missing.last() {
        stage::gnark_program()?;
        stage::enough_memory(last.name, stage::CIRCUIT_GIB)?;
    }
    for (number, stage) in (done + 1..).zip(missing) {
        eprintln!("[{number}/{}] {}", STAGES.len(), stage.about);
        let summary = make(artifacts, &mut manifest, stage).await?;
        eprintln!(
            "[{number}/{}] done in {:.0} s, at most {} MiB of memory",
            STAGES.len(),
            summary.seconds,
            summary.peak_bytes >> 20
        );
    }
    artifacts.verifying_key()
}

fn is_done(artifacts: &Artifacts, manifest: &Manifest, stage: &Stage) -> bool {
    let names: Vec<&str> = stage.outputs.iter().map(|(_, name)| *name).collect();
    artifacts.has(manifest, &names)
}

async fn make(artifacts: &Artifacts, manifest: &mut Manifest, stage: &Stage) -> Result<Summary> {
    // Whatever was made from the outputs before is of no use any more: the keys of one set-up belong together.
    for later in STAGES.iter().skip_while(|other| other.name != stage.name) {
        for (_, name) in later.outputs {
            manifest.files.remove(*name);
        }
        manifest.stages.retain(|summary| summary.stage != later.name);
    }
    artifacts.write_manifest(manifest)?;

    let mut command = match stage.name {
        "constraints" => stage::own(stage.name, stage::CONSTRAINTS_GIB)?,
        _ => stage::gnark(stage.name)?,
    };
    for (option, name) in stage.inputs.iter().chain(stage.outputs) {
        command.arg(option).arg(artifacts.path(name));
    }
    let summary = stage::run(stage.name, command).await?;
    for (_, name) in stage.outputs {
        manifest.files.insert((*name).to_owned(), Made::of(&artifacts.path(name))?);
    }
    manifest.stages.push(summary.clone());
    artifacts.write_manifest(manifest)?;
    Ok(summary)
}

/// Checks what would otherwise fail after minutes.
fn enough_disk(folder: &Path, needed_mb: u64) -> Result<()> {
    let free_mb = free_disk(folder)? / 1_000_000;
    ensure!(
        free_mb >= needed_mb,
        "[PRV-054] {needed_mb} MB are needed in {} and {free_mb} MB are free: free some, or name another folder with \
         --artifacts",
        folder.display()
    );
    Ok(())
}

/// Free bytes of the disk that a folder is on.
pub fn free_disk(folder: &Path) -> Result<u64> {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(folder).output();
    let output = output.context("df, of coreutils, cannot be run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let free = text.lines().nth(1).and_then(|line| line.trim().parse().ok());
    free.with_context(|| format!("df tells nothing of {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::artifacts::Mode;

    #[test]
    fn too_little_disk_is_told_before_anything_is_done() {
        let folder = tempfile::tempdir().unwrap();
        assert!(enough_disk(folder.path(), 0).is_ok());
        let error = enough_disk(folder.path(), u64::MAX).unwrap_err().to_string();
        assert!(error.contains("[PRV-054]"), "{error}");
    }

    /// Puts a stage's outputs there, as if it had been run.
    fn pretend(artifacts: &Artifacts, manifest: &mut Manifest, stage: &Stage) {
        for (_, name) in stage.outputs {
            fs::write(artifacts.path(name), name).unwrap();
            let made = Made::of(&artifacts.path(name)).unwrap();
            manifest.files.insert((*name).to_owned(), made);
        }
        artifacts.write_manifest(manifest).unwrap();
    }

    #[tokio::test]
    async fn a_whole_set_up_is_not_made_again_and_a_part_is_made_from_where_it_ends() {
        let root = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::below(root.path(), Mode::Dev);
        fs::create_dir_all(&artifacts.folder).unwrap();
        let mut manifest = artifacts.manifest().unwrap();
        for (count, stage) in STAGES.iter().enumerate() {
            let done = STAGES.iter().filter(|s| is_done(&artifacts, &manifest, s)).count();
            assert_eq!(done, count);
            pretend(&artifacts, &mut manifest, stage);
        }
        // No stage is started: there is nothing that they could read.
        assert_eq!(build(&artifacts).await.unwrap(), VERIFYING_KEY.as_bytes());

        // A circuit that is cut short has to be compiled again, and its keys be set up again.
        fs::write(artifacts.path(CIRCUIT), "").unwrap();
        let done = STAGES.iter().take_while(|s| is_done(&artifacts, &manifest, s)).count();
        assert_eq!(done, 1);
    }

    #[tokio::test]
    async fn two_processes_do_not_make_one_folder() {
        let root = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::below(root.path(), Mode::Dev);
        fs::create_dir_all(&artifacts.folder).unwrap();
        let lock = File::create(artifacts.path("lock")).unwrap();
        lock.try_lock().unwrap();
        let error = build(&artifacts).await.unwrap_err();
        assert!(format!("{error:#}").contains("another process"), "{error:#}");
    }
}
