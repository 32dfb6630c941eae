//! Where Debian and Ubuntu put the server.

use std::fs;
use std::path::{Path, PathBuf};

use crate::StoreError;

const INSTALLED_AT: &str = "/usr/lib/postgresql";

/// The programs of one version of PostgreSQL.
#[derive(Clone, Debug)]
pub(super) struct Binaries(PathBuf);

impl Binaries {
    /// The newest version, or, for a cluster that exists, the version that made it: no other can open it.
    pub(super) fn find(cluster: &Path) -> Result<Self, StoreError> {
        let made_by = fs::read_to_string(cluster.join("PG_VERSION")).ok();
        let made_by = made_by.as_deref().map(str::trim);
        Self::find_in(Path::new(INSTALLED_AT), made_by)
    }

    fn find_in(root: &Path, version: Option<&str>) -> Result<Self, StoreError> {
        let mut newest: Option<(u32, PathBuf)> = None;
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(major) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let bin = entry.path().join("bin");
            // The client's package makes the folder, too; the server is what we need.
            let fits = version.is_none_or(|version| version == major.to_string())
                && bin.join("postgres").is_file()
                && bin.join("initdb").is_file();
            if fits && newest.as_ref().is_none_or(|(best, _)| major > *best) {
                newest = Some((major, bin));
            }
        }
        newest.map(|(_, bin)| Self(bin)).ok_or_else(|| StoreError::NotInstalled {
            version: version.map(|version| format!("{version} ")).unwrap_or_default(),
            searched: root.to_owned(),
        })
    }

    /// The path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(root: &Path, version: &str, programs: &[&str]) {
        let bin = root.join(version).join("bin");
        fs::create_dir_all(&bin).unwrap();
        for program in programs {
            fs::write(bin.join(program), "").unwrap();
        }
    }

    #[test]
    fn the_newest_server_wins_and_clients_do_not_count() {
        let root = tempfile::tempdir().unwrap();
        install(root.path(), "9", &["postgres", "initdb"]);
        install(root.path(), "15", &["postgres", "initdb"]);
        install(root.path(), "17", &["psql"]);
        let found = Binaries::find_in(root.path(), None).unwrap();
        assert_eq!(found.program("postgres"), root.path().join("15/bin/postgres"));
    }

    #[test]
    fn a_cluster_is_opened_by_the_version_that_made_it_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        install(root.path(), "15", &["postgres", "initdb"]);
        install(root.path(), "16", &["postgres", "initdb"]);
        let found = Binaries::find_in(root.path(), Some("15")).unwrap();
        assert_eq!(found.program("postgres"), root.path().join("15/bin/postgres"));
        let missing = Binaries::find_in(root.path(), Some("14")).unwrap_err();
        assert_eq!(missing.code(), "STO-006");
        assert!(missing.to_string().contains("PostgreSQL 14 in"), "{missing}");
    }

    #[test]
    fn a_machine_without_a_server_is_told_what_to_install() {
        let missing = Binaries::find_in(Path::new("/nonexistent"), None).unwrap_err();
        assert!(missing.to_string().contains("apt-get install postgresql"), "{missing}");
    }
}
