//! Installing SP1's published artifacts from their archive.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use collimate_engine::wrap::published_key;

use super::artifacts::{Artifacts, Made, Mode, NEEDED, VERIFYING_KEY, hex_of};

/// Unpacks what a proof needs, and puts it in place if its verification key is the published one. `sha256` is compared with
/// the archive's, where its source tells it.
pub fn install(artifacts: &Artifacts, archive: &Path, sha256: Option<&str>) -> Result<Vec<u8>> {
    ensure!(
        artifacts.mode == Mode::Release,
        "[PRV-057] only the published artifacts are installed from an archive: make a development set-up with \
         'artifacts build --mode dev'"
    );
    if let Ok(key) = artifacts.verifying_key() {
        return Ok(key);
    }
    if let Some(wanted) = sha256 {
        let found = Made::of(archive)?.sha256;
        ensure!(
            wanted.trim_start_matches("0x").eq_ignore_ascii_case(&found),
            "[PRV-057] {} has the SHA-256 {found}, not {wanted}: get it again",
            archive.display()
        );
    }
    let root = artifacts.folder.parent().context("the folder has no parent")?;
    fs::create_dir_all(root).with_context(|| format!("cannot create {}", root.display()))?;
    // Beside its place, so that moving it there is one step.
    let staging = artifacts.folder.with_extension("installing");
    if staging.exists() {
        fs::remove_dir_all(&staging)?;
    }
    fs::create_dir(&staging)?;
    let installed = unpack(archive, &staging, artifacts);
    if installed.is_err() {
        // Best effort: the next attempt removes it as well.
        let _ = fs::remove_dir_all(&staging);
    }
    installed?;
    artifacts.verifying_key()
}

fn unpack(archive: &Path, staging: &Path, artifacts: &Artifacts) -> Result<()> {
    // tar refuses names that lead out of the folder; only files of these names are taken.
    let output = Command::new("tar")
        .args(["--extract", "--gzip", "--no-same-owner", "--no-same-permissions", "--file"])
        .arg(archive)
        .arg("--directory")
        .arg(staging)
        .args(["--wildcards", "--no-anchored"])
        .args(NEEDED)
        .output()
        .context("tar cannot be run")?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!(
            "[PRV-057] {} is no archive of the circuit's artifacts: {}",
            archive.display(),
            reason.lines().next().unwrap_or("no reason")
        );
    }
    let mut manifest = artifacts.manifest()?;
    for name in NEEDED {
        let path = staging.join(name);
        let found = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
        ensure!(found, "[PRV-057] {} holds no file {name}", archive.display());
        File::open(&path)?.sync_all()?;
        manifest.files.insert(name.to_owned(), Made::of(&path)?);
    }
    let found = manifest.files.get(VERIFYING_KEY).map_or("", |made| made.sha256.as_str());
    let published = hex_of(published_key());
    ensure!(
        found == published,
        "[PRV-057] {} has the verification key {found}, not the published one, {published}: it is of another version, or \
         not SP1's",
        archive.display()
    );
    let place = &artifacts.folder;
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::rename(staging, place).with_context(|| format!("cannot make {}", place.display()))?;
    artifacts.write_manifest(&manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive as SP1 publishes them, with these files.
    fn archive(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Artifacts, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        fs::create_dir(&content).unwrap();
        for (name, bytes) in files {
            fs::write(content.join(name), bytes).unwrap();
        }
        let path = folder.path().join("v6.1.0-groth16.tar.gz");
        let tar =
            Command::new("tar").arg("-czf").arg(&path).arg("-C").arg(&content).arg(".").status();
        assert!(tar.unwrap().success());
        let artifacts = Artifacts::below(&folder.path().join("circuits"), Mode::Release);
        (folder, artifacts, path)
    }

    fn honest() -> [(&'static str, &'static [u8]); 5] {
        [
            ("groth16_circuit.bin", b"circuit"),
            ("groth16_pk.bin", b"proving key"),
            ("groth16_vk.bin", published_key()),
            ("Groth16Verifier.sol", b"contract"),
            ("constraints.json", b"[]"),
        ]
    }

    #[test]
    fn published_artifacts_are_installed_once() {
        let (_folder, artifacts, path) = archive(&honest());
        assert_eq!(install(&artifacts, &path, None).unwrap(), published_key());
        let mut names: Vec<_> = fs::read_dir(&artifacts.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = ["groth16_circuit.bin", "groth16_pk.bin", "groth16_vk.bin", "manifest.json"];
        assert_eq!(names, expected);
        // The archive is not needed any more.
        fs::remove_file(&path).unwrap();
        assert_eq!(install(&artifacts, &path, None).unwrap(), published_key());
    }

    #[test]
    fn the_archives_hash_is_checked() {
        let (_folder, artifacts, path) = archive(&honest());
        let error = install(&artifacts, &path, Some(&"00".repeat(32))).unwrap_err().to_string();
        assert!(error.contains("[PRV-057]") && error.contains("SHA-256"), "{error}");
        let hash = Made::of(&path).unwrap().sha256.to_uppercase();
        install(&artifacts, &path, Some(&hash)).unwrap();
    }

    #[test]
    fn whatever_is_not_the_published_circuit_is_refused_and_leaves_nothing() {
        let mut other_key = honest();
        other_key[2].1 = b"a key of somebody's own";
        let mut lacks_a_file = honest();
        lacks_a_file[1].0 = "groth16_pk";
        for files in [other_key, lacks_a_file] {
            let (folder, artifacts, path) = archive(&files);
            let error = install(&artifacts, &path, None).unwrap_err().to_string();
            assert!(error.contains("[PRV-057]"), "{error}");
            assert!(!artifacts.folder.exists());
            let left = fs::read_dir(folder.path().join("circuits")).unwrap().count();
            assert_eq!(left, 0, "{error}");
        }
        let (_folder, artifacts, path) = archive(&honest());
        fs::write(&path, "no archive").unwrap();
        assert!(install(&artifacts, &path, None).is_err());
    }

    #[test]
    fn links_are_not_taken_for_files() {
        let (folder, artifacts, path) = archive(&honest());
        let content = folder.path().join("content");
        fs::remove_file(content.join("groth16_pk.bin")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", content.join("groth16_pk.bin")).unwrap();
        let tar =
            Command::new("tar").arg("-czf").arg(&path).arg("-C").arg(&content).arg(".").status();
        assert!(tar.unwrap().success());
        let error = install(&artifacts, &path, None).unwrap_err().to_string();
        assert!(error.contains("holds no file groth16_pk.bin"), "{error}");
    }

    #[test]
    fn a_development_set_up_is_not_installed() {
        let (folder, _, path) = archive(&honest());
        let artifacts = Artifacts::below(folder.path(), Mode::Dev);
        assert!(install(&artifacts, &path, None).unwrap_err().to_string().contains("[PRV-057]"));
    }
}
