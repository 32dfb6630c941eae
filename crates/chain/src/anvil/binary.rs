//! Where the anvil binary is.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::error::ChainError;

/// Environment variable that names the binary.
const VARIABLE: &str = "COLLIMATE_ANVIL";

/// Finds anvil: `configured`, or the environment variable `COLLIMATE_ANVIL`, or the npm package in a `contracts` folder at or
/// above the working directory or this program, or `PATH`.
///
/// # Errors
/// [`ChainError::AnvilMissing`].
pub fn find_anvil(configured: Option<&Path>) -> Result<PathBuf, ChainError> {
    let named =
        configured.map(Path::to_path_buf).or_else(|| env::var_os(VARIABLE).map(PathBuf::from));
    if let Some(path) = named {
        // What was named is not replaced by something else.
        return path.is_file().then_some(path).ok_or(ChainError::AnvilMissing);
    }
    let starts = [env::current_dir(), env::current_exe()];
    let package = package_path();
    let in_package = starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|folder| folder.join(&package));
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).map(|folder| folder.join("anvil")).collect::<Vec<_>>();
    in_package.chain(in_path).find(|candidate| candidate.is_file()).ok_or(ChainError::AnvilMissing)
}

/// The binary inside the npm package for this machine.
fn package_path() -> PathBuf {
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    Path::new("contracts/node_modules/@foundry-rs")
        .join(format!("anvil-{system}-{processor}"))
        .join("bin/anvil")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_binary_that_is_missing_is_an_error_with_a_remedy() {
        let error = find_anvil(Some(Path::new("/nonexistent/anvil"))).expect_err("missing");
        assert_eq!(error.code(), "CHN-070");
        assert!(error.to_string().contains("npm ci"));
    }
}
