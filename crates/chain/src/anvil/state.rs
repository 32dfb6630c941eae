//! The chain on disk. anvil writes its state in place, so a kill or a full disk leaves half a file.
//! It is therefore told to write to a second file, which takes the first one's place only when whole.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use serde::de::IgnoredAny;

/// Where anvil writes.
pub(super) fn written(state: &Path) -> PathBuf {
    state.with_extension("written.json")
}

/// Puts what anvil wrote last in the state's place, if it is whole; what is not is dropped.
pub(super) fn settle(state: &Path) -> io::Result<()> {
    let written = written(state);
    let file = match File::open(&written) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if serde_json::from_reader::<_, IgnoredAny>(BufReader::new(file)).is_ok() {
        return fs::rename(&written, state);
    }
    tracing::warn!(
        file = %written.display(),
        "the development chain was not written to its end: it goes on from an older state"
    );
    fs::remove_file(&written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_file_never_replaces_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        settle(&state).unwrap();
        assert!(!state.exists());
        for (text, kept) in
            [("{\"a\":1}", "{\"a\":1}"), ("{\"a\":2", "{\"a\":1}"), ("", "{\"a\":1}")]
        {
            fs::write(written(&state), text).unwrap();
            settle(&state).unwrap();
            assert_eq!(fs::read_to_string(&state).unwrap(), kept);
            assert!(!written(&state).exists());
        }
    }
}
