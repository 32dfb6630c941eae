//! The child process and its end.

use std::{
    fs::File,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::error::ChainError;

/// A process that ends with this value.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    child: Option<Child>,
    owned: bool,
}

impl Process {
    /// Starts `binary` with its output in `log`.
    pub(super) fn spawn(
        binary: &Path,
        arguments: &[String],
        log: &Path,
    ) -> Result<Self, ChainError> {
        let failed = |what: &str, error: std::io::Error| ChainError::AnvilFailed {
            reason: format!("{what}: {error}"),
        };
        let output = File::create(log)
            .map_err(|error| failed(&format!("cannot write {}", log.display()), error))?;
        let errors = output.try_clone().map_err(|error| failed("cannot write its log", error))?;
        let child = Command::new(binary)
            .args(arguments)
            // A group of its own: an interrupt from the terminal goes to this program, which ends the node last.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|error| failed(&format!("cannot run {}", binary.display()), error))?;
        Ok(Self { pid: Pid::from_child(&child), child: Some(child), owned: true })
    }

    /// A process of an earlier program, if it still is an anvil: process ids are used again.
    pub(super) fn adopt(pid: i32) -> Option<Self> {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        let pid = Pid::from_raw(pid)?;
        (name.trim() == "anvil").then_some(Self { pid, child: None, owned: true })
    }

    /// Gives an adopted process up without ending it.
    pub(super) fn disown(mut self) {
        self.owned = false;
    }

    pub(super) fn release(&mut self) {
        self.owned = false;
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(super) fn is_running(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => test_kill_process(self.pid).is_ok(),
        }
    }

    pub(super) fn terminate(&self) {
        let _ = kill_process(self.pid, Signal::TERM);
    }

    pub(super) fn freeze(&self) {
        let _ = kill_process(self.pid, Signal::STOP);
    }

    pub(super) fn thaw(&self) {
        let _ = kill_process(self.pid, Signal::CONT);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.owned && self.is_running() {
            let _ = kill_process(self.pid, Signal::KILL);
            if let Some(child) = &mut self.child {
                drop(child.wait());
            }
        }
    }
}
