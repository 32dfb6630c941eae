//! The folder with a circuit's artifacts: a cache, made once for a machine.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use collimate_engine::{CIRCUIT_VERSION, wrap};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::stage::Summary;

/// Where the circuit's keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// SP1's published artifacts, installed from their archive: what contracts in production accept
    Release,
    /// A set-up made on this machine, for local chains and tests: whoever made it could forge proofs under its key
    Dev,
}

/// Which artifacts are used, and where they are.
#[derive(Debug, Clone, Args)]
pub struct ArtifactsOptions {
    /// Folder of the circuit's artifacts; ~/.cache/collimate/circuits by default
    #[arg(long, env = "COLLIMATE_ARTIFACTS")]
    pub artifacts: Option<PathBuf>,
    /// Which circuit keys wrap proofs
    #[arg(long = "circuit", value_enum, default_value = "release", env = "COLLIMATE_CIRCUIT")]
    pub mode: Mode,
}

/// The folder of one circuit.
#[derive(Debug, Clone)]
pub struct Artifacts {
    pub mode: Mode,
    pub folder: PathBuf,
}

/// A file as it was when its stage was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    pub bytes: u64,
    pub sha256: String,
}

/// What is in a folder, and how it came there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    pub mode: Mode,
    pub circuit_version: String,
    /// Names the circuit: SHA-256 of the verification key of the wrap's program.
    pub wrap_key: String,
    pub files: BTreeMap<String, Made>,
    pub stages: Vec<Summary>,
}

pub const CONSTRAINTS: &str = "constraints.json";
pub const TEMPLATE_WITNESS: &str = "groth16_witness.json";
pub const CIRCUIT: &str = "groth16_circuit.bin";
pub const PROVING_KEY: &str = "groth16_pk.bin";
pub const VERIFYING_KEY: &str = "groth16_vk.bin";
/// The files that a proof needs.
pub const NEEDED: [&str; 3] = [CIRCUIT, PROVING_KEY, VERIFYING_KEY];
const MANIFEST: &str = "manifest.json";

impl Artifacts {
    /// The folder that the options name.
    pub fn new(options: &ArtifactsOptions) -> Result<Self> {
        let root = match &options.artifacts {
            Some(root) => root.clone(),
            None => {
                let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
                let home =
                    home.context("[PRV-055] there is no HOME: name a folder with --artifacts")?;
                PathBuf::from(home).join(".cache/collimate/circuits")
            }
        };
        Ok(Self::below(&root, options.mode))
    }

    /// The folder below a root: its name says which circuit it is of.
    pub fn below(root: &Path, mode: Mode) -> Self {
        let name = match mode {
            Mode::Release => format!("groth16-{CIRCUIT_VERSION}"),
            Mode::Dev => {
                let circuit: String = hex_of(wrap::WRAP_KEY).chars().take(16).collect();
                format!("groth16-dev-{circuit}")
            }
        };
        Self { mode, folder: root.join(name) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What is there; an empty manifest if nothing is, or if it is of another circuit.
    pub fn manifest(&self) -> Result<Manifest> {
        let empty = Manifest {
            mode: self.mode,
            circuit_version: CIRCUIT_VERSION.to_owned(),
            wrap_key: hex_of(wrap::WRAP_KEY),
            files: BTreeMap::new(),
            stages: Vec::new(),
        };
        let path = self.path(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(empty),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let found: Manifest = serde_json::from_slice(&bytes).with_context(|| {
            format!("[PRV-056] {} is damaged: delete the folder and make it again", path.display())
        })?;
        let same = found.mode == empty.mode
            && found.circuit_version == empty.circuit_version
            && found.wrap_key == empty.wrap_key;
        Ok(if same { found } else { empty })
    }

    /// Writes the manifest in place of the one that is there.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let (path, partial) = (self.path(MANIFEST), self.path("manifest.part"));
        let write = || -> io::Result<()> {
            fs::write(&partial, serde_json::to_vec_pretty(manifest)?)?;
            File::open(&partial)?.sync_all()?;
            fs::rename(&partial, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().with_context(|| {
            format!("[PRV-054] cannot write {}: is the disk full?", path.display())
        })
    }

    /// Whether files are there as they were made, by their sizes: reading gigabytes each time would take longer than it is
    /// worth, since every proof is verified against the key.
    pub fn has(&self, manifest: &Manifest, names: &[&str]) -> bool {
        names.iter().all(|name| {
            let made = manifest.files.get(*name);
            made.is_some_and(|made| {
                fs::metadata(self.path(name)).is_ok_and(|found| found.len() == made.bytes)
            })
        })
    }

    /// The verification key, if all that a proof needs is there.
    pub fn verifying_key(&self) -> Result<Vec<u8>> {
        let manifest = self.manifest()?;
        ensure!(
            self.has(&manifest, &NEEDED),
            "[PRV-055] the circuit's artifacts are not in {}: {}",
            self.folder.display(),
            match self.mode {
                Mode::Release =>
                    "get SP1's archive of this version and run 'collimate-prover artifacts install --from ARCHIVE'",
                Mode::Dev => "run 'collimate-prover artifacts build --mode dev'",
            }
        );
        let path = self.path(VERIFYING_KEY);
        let key = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            manifest.files.get(VERIFYING_KEY).is_some_and(|made| made.sha256 == hex_of(&key)),
            "[PRV-056] {} is not the key that was made: delete the folder and make it again",
            path.display()
        );
        Ok(key)
    }
}

impl Made {
    /// A file as it is now.
    pub fn of(path: &Path) -> Result<Self> {
        let hash = || -> io::Result<Self> {
            let mut file = File::open(path)?;
            let mut hasher = Sha256::new();
            let bytes = io::copy(&mut file, &mut hasher)?;
            Ok(Self { bytes, sha256: hex::encode(hasher.finalize()) })
        };
        hash().with_context(|| format!("cannot read {}", path.display()))
    }
}

/// SHA-256 of bytes, in hex.
pub fn hex_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder in which every file is a few bytes.
    fn made(mode: Mode) -> (tempfile::TempDir, Artifacts) {
        let root = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::below(root.path(), mode);
        fs::create_dir_all(&artifacts.folder).unwrap();
        let mut manifest = artifacts.manifest().unwrap();
        for name in NEEDED {
            fs::write(artifacts.path(name), name).unwrap();
            manifest.files.insert(name.to_owned(), Made::of(&artifacts.path(name)).unwrap());
        }
        artifacts.write_manifest(&manifest).unwrap();
        (root, artifacts)
    }

    #[test]
    fn what_is_missing_is_told_with_its_remedy() {
        let root = tempfile::tempdir().unwrap();
        for (mode, remedy) in [(Mode::Dev, "artifacts build"), (Mode::Release, "artifacts install")]
        {
            let error =
                Artifacts::below(root.path(), mode).verifying_key().unwrap_err().to_string();
            assert!(error.contains("[PRV-055]") && error.contains(remedy), "{error}");
        }
    }

    #[test]
    fn a_whole_folder_gives_its_key_and_a_damaged_one_does_not() {
        let (_root, artifacts) = made(Mode::Dev);
        assert_eq!(artifacts.verifying_key().unwrap(), VERIFYING_KEY.as_bytes());

        fs::write(artifacts.path(PROVING_KEY), "cut").unwrap();
        let error = artifacts.verifying_key().unwrap_err().to_string();
        assert!(error.contains("[PRV-055]"), "{error}");

        let (_root, artifacts) = made(Mode::Dev);
        fs::write(artifacts.path(VERIFYING_KEY), "Groth16_vk.bin").unwrap();
        let error = artifacts.verifying_key().unwrap_err().to_string();
        assert!(error.contains("[PRV-056]"), "{error}");
    }

    #[test]
    fn artifacts_of_another_circuit_count_as_none() {
        let (_root, artifacts) = made(Mode::Dev);
        let mut manifest = artifacts.manifest().unwrap();
        manifest.wrap_key = "00".repeat(32);
        artifacts.write_manifest(&manifest).unwrap();
        assert!(artifacts.manifest().unwrap().files.is_empty());
        assert!(artifacts.verifying_key().is_err());
    }

    #[test]
    fn a_development_set_up_and_the_published_one_never_share_a_folder() {
        let root = Path::new("/circuits");
        let [dev, release] =
            [Mode::Dev, Mode::Release].map(|mode| Artifacts::below(root, mode).folder);
        assert_ne!(dev, release);
        assert!(dev.display().to_string().contains("dev"));
    }
}
