//! The memory of what an operator signed: one line a task, on disk before the signature leaves the process.
//!
//! ```text
//! <task, 64 hex digits> <message, 64 hex digits> <checksum, 16 hex digits>\n
//! ```
//!
//! The file only grows. A crash while appending leaves a line without its end; such a line was never answered, so it
//! is cut off at the next start. A complete line that does not read is damage, and nothing is signed with it.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use alloy::primitives::{B256, keccak256};

use crate::AttestationError;

/// The memory of what an operator signed: one answer a task, for ever.
///
/// Holds the file's lock until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of complete lines that are on disk.
    length: u64,
    answers: HashMap<B256, B256>,
    /// After a failed write the state of the disk is unknown, so nothing more is signed until a restart reads it.
    broken: bool,
}

impl Journal {
    /// Opens or creates the journal and takes its lock.
    ///
    /// # Errors
    /// [`AttestationError::JournalInUse`], [`AttestationError::JournalDamaged`], [`AttestationError::Journal`].
    pub fn open(path: &Path) -> Result<Self, AttestationError> {
        let failed = |source| AttestationError::Journal { path: path.to_owned(), source };
        let mut file = open_private(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(AttestationError::JournalInUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let complete = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        if complete < bytes.len() {
            tracing::warn!(path = %path.display(), bytes = bytes.len() - complete, "unfinished journal line cut off");
            file.set_len(complete as u64).map_err(failed)?;
        }
        bytes.truncate(complete);
        file.sync_all().map_err(failed)?;
        sync_folder_of(path).map_err(failed)?;
        let answers = read_answers(&bytes)
            .map_err(|record| AttestationError::JournalDamaged { path: path.to_owned(), record })?;
        Ok(Self { path: path.to_owned(), file, length: complete as u64, answers, broken: false })
    }

    /// The message that is the answer to a task, if it has one.
    pub fn answer(&self, task: B256) -> Option<B256> {
        self.answers.get(&task).copied()
    }

    /// Makes `message` the answer to `task`: only after this may it be signed. Asking again for the same answer is
    /// fine.
    ///
    /// # Errors
    /// [`AttestationError::Conflict`] if the task has another answer; [`AttestationError::Journal`], after which nothing more is
    /// recorded until a restart.
    pub fn record(&mut self, task: B256, message: B256) -> Result<(), AttestationError> {
        match self.answer(task) {
            Some(signed) if signed == message => return Ok(()),
            Some(signed) => return Err(AttestationError::Conflict { task, signed }),
            None => {}
        }
        self.append(&line(task, message))
            .map_err(|source| AttestationError::Journal { path: self.path.clone(), source })?;
        self.answers.insert(task, message);
        Ok(())
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed"));
        }
        self.broken = true;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.length += line.len() as u64;
        self.broken = false;
        Ok(())
    }
}

impl Drop for Journal {
    /// Closing alone would not do: a child process that is just being started has the file open too, for a moment.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new file's name is in its folder, which has to be on disk too.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn line(task: B256, message: B256) -> String {
    format!("{} {} {}\n", hex::encode(task), hex::encode(message), checksum(task, message))
}

fn checksum(task: B256, message: B256) -> String {
    let digest = keccak256([task.as_slice(), message.as_slice()].concat());
    hex::encode(digest.first_chunk::<8>().unwrap_or(&[0; 8]))
}

/// Reads complete lines, or says which one is damaged. Two answers to one task are damage too.
fn read_answers(bytes: &[u8]) -> Result<HashMap<B256, B256>, usize> {
    let mut answers = HashMap::new();
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    for (number, bytes) in (1..).zip(lines) {
        let (task, message) = read_line(bytes).ok_or(number)?;
        if answers.insert(task, message).is_some() {
            return Err(number);
        }
    }
    Ok(answers)
}

fn read_line(bytes: &[u8]) -> Option<(B256, B256)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut words = text.split(' ');
    let task = words.next()?.parse().ok()?;
    let message = words.next()?.parse().ok()?;
    (line(task, message) == text).then_some((task, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn b(byte: u8) -> B256 {
        B256::repeat_byte(byte)
    }

    #[test]
    fn the_first_answer_stands_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        journal.record(b(1), b(2)).unwrap();
        for _ in 0..2 {
            journal.record(b(1), b(2)).unwrap();
            assert_eq!(journal.record(b(1), b(3)).unwrap_err().code(), "ATT-004");
            drop(journal);
            journal = Journal::open(&path).unwrap();
        }
        journal.record(b(4), b(3)).unwrap();
        assert_eq!(journal.answer(b(4)), Some(b(3)));
    }

    #[test]
    fn a_torn_last_line_is_cut_off_wherever_it_tears() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let torn = line(b(3), b(4));
        for cut in 0..torn.len() {
            std::fs::write(&path, [&line(b(1), b(2)), &torn[..cut]].concat()).unwrap();
            let mut journal = Journal::open(&path).unwrap();
            assert_eq!(journal.answer(b(1)), Some(b(2)));
            assert_eq!(journal.answer(b(3)), None, "cut at {cut}: it was never answered");
            journal.record(b(3), b(5)).unwrap();
            drop(journal);
            assert_eq!(Journal::open(&path).unwrap().answer(b(3)), Some(b(5)));
        }
    }

    #[test]
    fn zeros_that_a_power_cut_left_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, [line(b(1), b(2)).as_bytes(), &[0; 146]].concat()).unwrap();
        let mut journal = Journal::open(&path).unwrap();
        journal.record(b(3), b(4)).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path).unwrap().answer(b(3)), Some(b(4)));
    }

    #[test]
    fn a_damaged_line_stops_the_operator() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let good = [line(b(1), b(2)), line(b(3), b(4))].concat();
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let opened = Journal::open(&path);
            if at == good.len() - 1 {
                // The last line lost its end: like a torn one.
                assert_eq!(opened.unwrap().answer(b(1)), Some(b(2)));
            } else {
                assert_eq!(opened.unwrap_err().code(), "ATT-006", "bit flipped at {at}");
            }
        }
    }

    #[test]
    fn two_answers_to_one_task_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, [line(b(1), b(2)), line(b(1), b(3))].concat()).unwrap();
        assert_eq!(Journal::open(&path).unwrap_err().code(), "ATT-006");
    }

    #[test]
    fn a_second_operator_on_the_journal_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::open(&path).unwrap();
        assert_eq!(Journal::open(&path).unwrap_err().code(), "ATT-007");
        drop(journal);
        Journal::open(&path).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_signs_nothing() {
        // The kernel's own full disk.
        let mut journal = Journal {
            path: "/dev/full".into(),
            file: OpenOptions::new().read(true).write(true).open("/dev/full").unwrap(),
            length: 0,
            answers: HashMap::new(),
            broken: false,
        };
        assert_eq!(journal.record(b(1), b(2)).unwrap_err().code(), "ATT-005");
        assert_eq!(journal.answer(b(1)), None);
        assert_eq!(journal.record(b(1), b(2)).unwrap_err().code(), "ATT-005", "until a restart");
    }

    const CHILD_JOURNAL: &str = "COLLIMATE_TEST_JOURNAL";

    #[test]
    #[ignore = "the victim of an_answer_that_left_the_process_survives_kill_9"]
    fn child_that_answers_until_it_is_killed() {
        let Some(path) = std::env::var_os(CHILD_JOURNAL) else { return };
        let mut journal = Journal::open(Path::new(&path)).unwrap();
        for number in 0_u64.. {
            let task = keccak256(number.to_be_bytes());
            journal.record(task, task).unwrap();
            println!("answered {number}");
        }
    }

    #[test]
    fn an_answer_that_left_the_process_survives_kill_9() {
        use std::{
            io::{BufRead, BufReader},
            process::{Command, Stdio},
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("journal::tests::child_that_answers_until_it_is_killed")
            .env(CHILD_JOURNAL, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let answered = |line: &String| line.contains("answered");
        assert_eq!(lines.by_ref().filter(answered).take(20).count(), 20);
        child.kill().unwrap();
        child.wait().unwrap();
        let last = 20 + lines.filter(answered).count() as u64;
        let journal = Journal::open(&path).unwrap();
        for number in 0..last {
            let task = keccak256(number.to_be_bytes());
            assert_eq!(journal.answer(task), Some(task), "answer {number} of {last}");
        }
    }
}
