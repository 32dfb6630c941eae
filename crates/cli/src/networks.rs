//! Which network a command is about: a file, a profile by its name, or the one in use.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use collimate_sdk::{Client, GatewaySettings, NetworkProfile, SdkError, is_name};

use crate::{error::CliError, home::home};

/// The user's choice of a network.
#[derive(Debug, Clone)]
pub(crate) struct Networks {
    named: Option<String>,
}

/// A profile, and how it was chosen.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    pub(crate) profile: NetworkProfile,
    /// Named by option or environment; otherwise it is the one in use.
    pub(crate) is_named: bool,
}

/// How long services may be away while something is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
const REMEDY: &str = "give --network NAME or FILE, set COLLIMATE_NETWORK, or choose one with `collimate network use NAME`";

impl Networks {
    pub(crate) fn new(named: Option<String>) -> Self {
        Self { named }
    }

    /// The network, if one is named or in use.
    pub(crate) fn selected(&self) -> Result<Option<Selected>, CliError> {
        if let Some(named) = &self.named {
            let profile = match file_of(named) {
                Some(file) => NetworkProfile::read(&file)?,
                None => read_named(named)?,
            };
            return Ok(Some(Selected { profile, is_named: true }));
        }
        match in_use()? {
            Some(name) => Ok(Some(Selected { profile: read_named(&name)?, is_named: false })),
            None => Ok(None),
        }
    }

    /// The network, for commands that cannot do without.
    pub(crate) fn required(&self) -> Result<NetworkProfile, CliError> {
        let selected = self.selected()?;
        let missing = CliError::Missing { what: "the network", remedy: REMEDY };
        selected.map(|selected| selected.profile).ok_or(missing)
    }

    /// A client of the network, for a user who waits for an answer.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        self.patient_client(Duration::from_secs(20))
    }

    /// A client for a user who waits for this long: it bears with services that are away meanwhile.
    pub(crate) fn patient_client(&self, limit: Duration) -> Result<Client, CliError> {
        let patience = limit.min(PATIENCE);
        let settings = GatewaySettings { patience, ..GatewaySettings::default() };
        Ok(Client::new(self.required()?, settings)?)
    }
}

/// A value with a slash, or that ends in `.json`, is a file; anything else is a name.
fn file_of(named: &str) -> Option<PathBuf> {
    (named.contains('/') || named.ends_with(".json")).then(|| PathBuf::from(named))
}

/// File of the profile with this name.
pub(crate) fn path_of(name: &str) -> Result<PathBuf, CliError> {
    if !is_name(name) {
        return Err(CliError::Malformed {
            what: format!("the network's name {name:?}"),
            reason: "a name has 1 to 64 letters, digits, `-`, `_` and `.`".to_owned(),
            remedy: "for a file, write its path with a slash or let it end in .json",
        });
    }
    Ok(home()?.join("networks").join(format!("{name}.json")))
}

fn read_named(name: &str) -> Result<NetworkProfile, CliError> {
    NetworkProfile::read(&path_of(name)?).map_err(|error| match error {
        SdkError::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            CliError::UnknownNetwork { name: name.to_owned() }
        }
        other => other.into(),
    })
}

/// Name of the profile in use. Without a folder for settings there is none.
pub(crate) fn in_use() -> Result<Option<String>, CliError> {
    let Ok(folder) = home() else { return Ok(None) };
    let path = folder.join("network");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CliError::Read { path, source }),
    }
}

/// Uses the profile with this name from now on.
pub(crate) fn use_network(name: &str) -> Result<NetworkProfile, CliError> {
    let profile = read_named(name)?;
    let path = home()?.join("network");
    fs::write(&path, format!("{name}\n")).map_err(|source| CliError::Write { path, source })?;
    Ok(profile)
}

/// All profiles, by name.
pub(crate) fn all() -> Result<Vec<NetworkProfile>, CliError> {
    let folder = home()?.join("networks");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(CliError::Read { path: folder, source }),
    };
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut files: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_json).collect();
    files.sort();
    let read = |path: &PathBuf| NetworkProfile::read(path).map_err(CliError::from);
    files.iter().map(read).collect()
}

/// Keeps a copy of a profile, under its own name or another. Returns it with its file.
pub(crate) fn add(
    file: &Path,
    name: Option<&str>,
    replace: bool,
) -> Result<(NetworkProfile, PathBuf), CliError> {
    let mut profile = NetworkProfile::read(file)?;
    if let Some(name) = name {
        name.clone_into(&mut profile.name);
    }
    let path = path_of(&profile.name)?;
    match NetworkProfile::read(&path) {
        Ok(known) if known != profile && !replace => {
            Err(CliError::NetworkExists { name: profile.name })
        }
        _ => {
            profile.write(&path)?;
            Ok((profile, path))
        }
    }
}
