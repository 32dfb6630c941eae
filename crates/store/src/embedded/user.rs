//! Who runs the server: we ourselves, or, when we are root, somebody who may not do anything else.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::io_error;
use crate::StoreError;

/// Users to run the server as when we are root; the first that exists does.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The user that runs the server.
#[derive(Clone, Debug)]
pub(super) struct ServerUser {
    /// Ids to change to; `None` stays what we are.
    change_to: Option<(u32, u32)>,
    /// The one power of root's that it keeps: to pass through a folder above the cluster that is closed to it, as
    /// `/root` is.
    keeps: Option<&'static str>,
}

impl ServerUser {
    /// Chooses the user for the cluster in this folder: its owner, when there is one.
    pub(super) fn choose(data_dir: &Path) -> Result<Self, StoreError> {
        let us = fs::metadata("/proc/self").map_err(|e| io_error(Path::new("/proc/self"), e))?;
        if us.uid() != 0 {
            return Ok(Self { change_to: None, keeps: None });
        }
        let owner = fs::metadata(data_dir.join("cluster")).ok();
        let ids = match owner.filter(|owner| owner.uid() != 0) {
            Some(owner) => (owner.uid(), owner.gid()),
            None => {
                let passwd = read("/etc/passwd")?;
                UNPRIVILEGED
                    .iter()
                    .find_map(|name| ids_of(&passwd, name))
                    .ok_or(StoreError::NoUnprivilegedUser)?
            }
        };
        let mut needs_search = false;
        for folder in data_dir.ancestors() {
            let metadata = fs::metadata(folder).map_err(|e| io_error(folder, e))?;
            needs_search |= metadata.permissions().mode() & 0o001 == 0 && metadata.uid() != ids.0;
        }
        let keeps = match needs_search {
            true => Some(search_capability(&read("/proc/self/status")?)),
            false => None,
        };
        Ok(Self { change_to: Some(ids), keeps })
    }

    /// Hands a file or folder to the user.
    pub(super) fn own(&self, path: &Path) -> Result<(), StoreError> {
        let Some((uid, gid)) = self.change_to else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).map_err(|e| io_error(path, e))
    }

    /// The user's id, for files that must be theirs.
    pub(super) fn uid(&self) -> Option<u32> {
        self.change_to.map(|(uid, _)| uid)
    }

    /// A command that runs as the user, in a process group of its own. With `dies_with_us` it gets SIGINT, the
    /// server's signal for a fast stop, when the thread that starts it ends.
    pub(super) fn command(&self, program: impl AsRef<OsStr>, dies_with_us: bool) -> Command {
        let mut command = Command::new("setpriv");
        if let Some((uid, gid)) = self.change_to {
            command.args([
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
                "--clear-groups".to_owned(),
            ]);
            let powers = match self.keeps {
                Some(capability) => format!("-all,+{capability}"),
                None => "-all".to_owned(),
            };
            command.arg(format!("--inh-caps={powers}")).arg(format!("--ambient-caps={powers}"));
        }
        if dies_with_us {
            command.arg("--pdeathsig=INT");
        }
        command.arg("--").arg(program).process_group(0).current_dir("/");
        // The server's messages are read by programs, and its user has no home.
        command.env("LC_ALL", "C").env_remove("PGDATA").env_remove("PGHOST").env_remove("PGPORT");
        command
    }
}

fn read(path: &str) -> Result<String, StoreError> {
    fs::read_to_string(path).map_err(|e| io_error(Path::new(path), e))
}

/// The least capability that lets a user pass through closed folders, of those that we have: containers are often
/// started without the smaller one (number 2 in capabilities(7)).
fn search_capability(proc_status: &str) -> &'static str {
    let effective = proc_status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    match effective {
        Some(bits) if bits & (1 << 2) == 0 => "dac_override",
        _ => "dac_read_search",
    }
}

/// User and group id of a name in `/etc/passwd`.
fn ids_of(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some((uid, gid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_without_the_smaller_capability_uses_the_larger() {
        assert_eq!(search_capability("Name:\tx\nCapEff:\t000001ffffffffff\n"), "dac_read_search");
        assert_eq!(search_capability("CapEff:\t00000000a80425fb\n"), "dac_override");
    }

    #[test]
    fn ids_are_found_by_the_whole_name_and_root_is_never_one() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres2:x:5:6::/:/bin/sh\n\
                      postgres:x:101:104:,,,:/:/bin/bash\nnobody:x:0:0::/:/bin/sh\n";
        assert_eq!(ids_of(passwd, "postgres"), Some((101, 104)));
        assert_eq!(ids_of(passwd, "post"), None);
        assert_eq!(ids_of(passwd, "nobody"), None);
    }
}
