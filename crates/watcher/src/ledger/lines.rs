//! A file of lines that survives a crash at any byte.
//!
//! ```text
//! <checksum, 16 hex digits> <text>\n
//! ```
//!
//! A crash while appending leaves a line without its end; nothing followed from such a line, so it is cut off at the next start. A
//! whole line that does not read is damage, and nothing is concluded from the file then.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use alloy::primitives::{hex, keccak256};

use crate::{WatcherError, limits::MAX_LINE_BYTES};

/// The file. Holds its lock until it is closed or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    /// None once it is closed.
    file: Option<File>,
    /// Bytes of complete lines that are on disk.
    length: u64,
    /// After a failed write the state of the disk is unknown, so nothing more is written until a restart reads it.
    broken: bool,
}

impl Lines {
    /// Opens or creates the file, and gives each line to `each`, which says what is wrong with it.
    pub(crate) fn open(
        path: &Path,
        mut each: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<Self, WatcherError> {
        let failed = |source| WatcherError::Ledger { path: path.to_owned(), source };
        let file = open_private(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(WatcherError::LedgerInUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let (mut length, mut number) = (0_u64, 0_u64);
        let mut reader = BufReader::new(&file);
        let mut line = vec![];
        loop {
            line.clear();
            let most = MAX_LINE_BYTES as u64;
            let read = (&mut reader).take(most).read_until(b'\n', &mut line).map_err(failed)?;
            if line.last() != Some(&b'\n') {
                if read as u64 == most {
                    let reason = "it is too long".to_owned();
                    return Err(damaged(path, number.saturating_add(1), reason));
                }
                break;
            }
            number = number.saturating_add(1);
            text_of(&line)
                .ok_or_else(|| "its checksum is wrong".to_owned())
                .and_then(&mut each)
                .map_err(|reason| damaged(path, number, reason))?;
            length = length.saturating_add(read as u64);
        }
        if !line.is_empty() {
            tracing::warn!(path = %path.display(), bytes = line.len(), "unfinished line of the ledger cut off");
            file.set_len(length).map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        sync_folder_of(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file: Some(file), length, broken: false })
    }

    /// Appends lines; once it returns, they are on disk.
    pub(crate) fn append(&mut self, texts: &[String]) -> Result<(), WatcherError> {
        let bytes: String =
            texts.iter().map(|text| format!("{} {text}\n", checksum(text))).collect();
        self.write(bytes.as_bytes())
            .map_err(|source| WatcherError::Ledger { path: self.path.clone(), source })
    }

    /// An error about this file.
    pub(crate) fn fault(&self, reason: String) -> WatcherError {
        WatcherError::Ledger { path: self.path.clone(), source: io::Error::other(reason) }
    }

    pub(crate) fn close(&mut self) {
        if let Some(file) = self.file.take() {
            // Closing alone would not do: a child process that is just being started has the file open too, for a moment.
            let _ = file.unlock();
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Err(io::Error::other("the watcher is stopped"));
        };
        if self.broken {
            return Err(io::Error::other("an earlier write failed; restart the watcher"));
        }
        self.broken = true;
        file.seek(SeekFrom::Start(self.length))?;
        file.write_all(bytes)?;
        file.sync_data()?;
        self.length = self.length.saturating_add(bytes.len() as u64);
        self.broken = false;
        Ok(())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.close();
    }
}

fn damaged(path: &Path, line: u64, reason: String) -> WatcherError {
    WatcherError::LedgerDamaged { path: path.to_owned(), line, reason }
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

fn checksum(text: &str) -> String {
    hex::encode(keccak256(text).get(..8).unwrap_or_default())
}

/// The text of a whole line.
fn text_of(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (found, text) = line.split_once(' ')?;
    (checksum(text) == found).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &Path) -> Result<Vec<String>, WatcherError> {
        let mut texts = vec![];
        Lines::open(path, |text| {
            texts.push(text.to_owned());
            Ok(())
        })?;
        Ok(texts)
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lines_are_read_again_and_a_torn_one_is_cut_off_wherever_it_tears() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let mut lines = Lines::open(&path, |_| Ok(())).unwrap();
        lines.append(&words(&["one"])).unwrap();
        let whole = std::fs::read(&path).unwrap().len();
        lines.append(&words(&["two", "three"])).unwrap();
        drop(lines);
        assert_eq!(texts(&path).unwrap(), ["one", "two", "three"]);
        let bytes = std::fs::read(&path).unwrap();
        for cut in whole..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let left = texts(&path).unwrap();
            assert!(
                ["one", "two", "three"]
                    .starts_with(&left.iter().map(String::as_str).collect::<Vec<_>>()),
                "{cut}"
            );
            let mut lines = Lines::open(&path, |_| Ok(())).unwrap();
            lines.append(&words(&["four"])).unwrap();
            drop(lines);
            let mut expected = left;
            expected.push("four".to_owned());
            assert_eq!(texts(&path).unwrap(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_line_stops_the_watcher() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        Lines::open(&path, |_| Ok(())).unwrap().append(&words(&["one", "two"])).unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() - 1 {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(texts(&path).unwrap_err().code(), "WAT-005", "bit flipped at {at}");
        }
        std::fs::write(&path, vec![b'x'; MAX_LINE_BYTES + 1]).unwrap();
        assert_eq!(texts(&path).unwrap_err().code(), "WAT-005", "a line without an end");
    }

    #[test]
    fn two_watchers_do_not_share_a_ledger_and_one_that_is_closed_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let mut lines = Lines::open(&path, |_| Ok(())).unwrap();
        assert_eq!(texts(&path).unwrap_err().code(), "WAT-004");
        lines.close();
        assert!(texts(&path).unwrap().is_empty());
        assert_eq!(lines.append(&words(&["late"])).unwrap_err().code(), "WAT-003");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_until_a_restart() {
        // The kernel's own full disk.
        let file = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
        let path = PathBuf::from("/dev/full");
        let mut lines = Lines { path, file: Some(file), length: 0, broken: false };
        for _ in 0..2 {
            assert_eq!(lines.append(&words(&["one"])).unwrap_err().code(), "WAT-003");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owner_s_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        drop(Lines::open(&path, |_| Ok(())).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
