//! Network profiles: everything that a user has to know of a deployment, in one file.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use alloy::primitives::Address;
use collimate_contracts::{Deployment, FastModeDeployment};
use serde::{Deserialize, Serialize};

use crate::SdkError;

/// Version of the file's form.
const VERSION: u32 = 1;
/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// Where a deployment of Collimate is: its nodes, its gateway, its contracts. A JSON file, which `collimated devnet` writes
/// beside its state and operators publish.
///
/// Whoever uses a profile trusts its author for the contracts' addresses: take it from where you would take the
/// addresses from. A URL may hold an access key, so the file is written for its owner alone.
///
/// ```
/// # use collimate_sdk::NetworkProfile;
/// let text = r#"{
///     "version": 1, "name": "devnet", "chain_id": 31337, "rpc_url": "http://127.0.0.1:8545",
///     "gateway_url": "http://127.0.0.1:7400",
///     "aggregation_service": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
///     "payment_service": "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512", "first_block": 0
/// }"#;
/// let profile = NetworkProfile::from_json(text)?;
/// assert_eq!(profile.chain_id, 31337);
/// # Ok::<(), collimate_sdk::SdkError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkProfile {
    /// Version of this form, 1.
    pub version: u32,
    /// What users call it: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Chain of the contracts.
    pub chain_id: u64,
    /// The Ethereum node, http or https.
    pub rpc_url: String,
    /// The gateway, http or https; absent where proofs can only be checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_url: Option<String>,
    /// The beacon node to read blobs from; absent where the Ethereum node serves them, as anvil does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon_url: Option<String>,
    /// The `AlignedProofAggregationService`.
    pub aggregation_service: Address,
    /// The `AggregationModePaymentService`; absent where credits are not sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_service: Option<Address>,
    /// Who signs the gateway's receipts; absent where that is not published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_signer: Option<Address>,
    /// A block before the first run.
    #[serde(default)]
    pub first_block: u64,
    /// Confirmations after which a payment gives credits, counting its own block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_confirmations: Option<u64>,
    /// Fast mode; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fast_mode: Option<FastModeProfile>,
}

/// Where fast mode is: its contracts, its batcher, and where batches are kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FastModeProfile {
    /// The `AlignedLayerServiceManager`: tasks, and whether a proof is verified.
    pub service_manager: Address,
    /// The `BatcherPaymentService`: users' accounts with batchers.
    pub batcher_payments: Address,
    /// The batcher's account: it alone can charge what is deposited for it, and it signs receipts. Absent where batches are made by
    /// hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batcher: Option<Address>,
    /// The batcher, http or https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batcher_url: Option<String>,
    /// Data services from which operators download, http or https: what a batch made by hand names as its mirrors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_services: Vec<String>,
    /// Signature aggregators, http or https: any one of them gives away the finished response of a task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signature_aggregators: Vec<String>,
}

impl From<FastModeDeployment> for FastModeProfile {
    /// The contracts alone: set what else exists.
    fn from(deployment: FastModeDeployment) -> Self {
        Self {
            service_manager: deployment.service_manager,
            batcher_payments: deployment.batcher_payments,
            batcher: None,
            batcher_url: None,
            data_services: vec![],
            signature_aggregators: vec![],
        }
    }
}

impl fmt::Debug for FastModeProfile {
    /// Without URLs, which may hold access keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastModeProfile")
            .field("service_manager", &self.service_manager)
            .field("batcher_payments", &self.batcher_payments)
            .field("batcher", &self.batcher)
            .finish_non_exhaustive()
    }
}

impl NetworkProfile {
    /// The profile of a deployment, without gateway, batcher, beacon node, receipt signer and confirmations: set those that
    /// exist.
    #[must_use]
    pub fn of_deployment(
        name: impl Into<String>,
        rpc_url: impl Into<String>,
        deployment: &Deployment,
    ) -> Self {
        Self {
            version: VERSION,
            name: name.into(),
            chain_id: deployment.chain_id,
            rpc_url: rpc_url.into(),
            gateway_url: None,
            beacon_url: None,
            aggregation_service: deployment.service,
            payment_service: deployment.payments,
            receipt_signer: None,
            first_block: deployment.block,
            payment_confirmations: None,
            fast_mode: deployment.fast_mode.map(FastModeProfile::from),
        }
    }

    /// Parses and checks a profile.
    ///
    /// # Errors
    /// [`SdkError::MalformedProfile`].
    pub fn from_json(text: &str) -> Result<Self, SdkError> {
        let malformed = |reason: String| SdkError::MalformedProfile { reason };
        // The version first: another one may have other fields.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let found: Version =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if found.version != VERSION {
            let reason = format!("its version is {}, this program reads {VERSION}", found.version);
            return Err(malformed(reason));
        }
        let profile: Self =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if !is_name(&profile.name) {
            return Err(malformed(
                "its name has to have 1 to 64 letters, digits, `-`, `_` and `.`, and not to begin with a dot"
                    .to_owned(),
            ));
        }
        Ok(profile)
    }

    /// Reads a profile's file.
    ///
    /// # Errors
    /// [`SdkError::File`] and [`SdkError::MalformedProfile`].
    pub fn read(path: &Path) -> Result<Self, SdkError> {
        let cannot = file_error("read", path);
        let length = fs::metadata(path).map_err(&cannot)?.len();
        if length > MAX_BYTES {
            let reason = format!("{} has {length} bytes", path.display());
            return Err(SdkError::MalformedProfile { reason });
        }
        let text = fs::read_to_string(path).map_err(&cannot)?;
        Self::from_json(&text).map_err(|error| match error {
            SdkError::MalformedProfile { reason } => {
                SdkError::MalformedProfile { reason: format!("{}: {reason}", path.display()) }
            }
            other => other,
        })
    }

    /// Writes the profile, whole or not at all; replaces an older one. The owner alone can read the file.
    ///
    /// # Errors
    /// [`SdkError::MalformedProfile`] for a name that is none, [`SdkError::File`].
    pub fn write(&self, path: &Path) -> Result<(), SdkError> {
        let malformed =
            |error: serde_json::Error| SdkError::MalformedProfile { reason: error.to_string() };
        let mut json = serde_json::to_string_pretty(self).map_err(malformed)?;
        Self::from_json(&json)?;
        json.push('\n');
        write_private(path, json.as_bytes())
    }
}

impl fmt::Debug for NetworkProfile {
    /// Without URLs, which may hold access keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkProfile")
            .field("name", &self.name)
            .field("chain_id", &self.chain_id)
            .field("aggregation_service", &self.aggregation_service)
            .field("payment_service", &self.payment_service)
            .field("receipt_signer", &self.receipt_signer)
            .field("fast_mode", &self.fast_mode)
            .finish_non_exhaustive()
    }
}

/// Whether a text can name a profile: it becomes a file's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Writes a file that its owner alone can read, whole or not at all, and makes its folder.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), SdkError> {
    let cannot = file_error("write", path);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(&cannot)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(&cannot)?;
    file.write_all(bytes).map_err(&cannot)?;
    file.as_file().sync_all().map_err(&cannot)?;
    file.persist(path).map(drop).map_err(|error| cannot(error.error))
}

pub(crate) fn file_error(
    action: &'static str,
    path: &Path,
) -> impl Fn(io::Error) -> SdkError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| SdkError::File { action, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn profile() -> NetworkProfile {
        let deployment = Deployment {
            chain_id: 31_337,
            block: 3,
            service: Address::repeat_byte(1),
            sp1_verifier: Address::repeat_byte(2),
            hard_verifier: None,
            registry: None,
            payments: Some(Address::repeat_byte(3)),
            fast_mode: Some(FastModeDeployment {
                service_manager: Address::repeat_byte(5),
                batcher_payments: Address::repeat_byte(6),
            }),
            program_id: [4; 32].into(),
        };
        NetworkProfile::of_deployment("devnet", "http://127.0.0.1:8545", &deployment)
    }

    #[test]
    fn a_written_profile_is_read_again_and_private() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("state/network.json");
        let mut profile = NetworkProfile {
            gateway_url: Some("http://127.0.0.1:7400".into()),
            payment_confirmations: Some(2),
            ..profile()
        };
        let fast = profile.fast_mode.as_mut().expect("deployed");
        assert_eq!(fast.service_manager, Address::repeat_byte(5));
        fast.batcher_url = Some("http://127.0.0.1:7500".into());
        fast.data_services = vec!["http://127.0.0.1:7600".into()];
        profile.write(&path).expect("written");
        profile.write(&path).expect("replaced");
        assert_eq!(NetworkProfile::read(&path).expect("read"), profile);
        assert!(!format!("{profile:?}").contains("127.0.0.1"), "URLs may hold keys");
        assert_eq!(fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_profile_from_before_fast_mode_is_read_and_has_none() {
        let mut json = serde_json::to_value(profile()).expect("json");
        json.as_object_mut().expect("an object").remove("fast_mode");
        let read = NetworkProfile::from_json(&json.to_string()).expect("read");
        assert_eq!(read, NetworkProfile { fast_mode: None, ..profile() });
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        let good = serde_json::to_string(&profile()).expect("json");
        assert!(NetworkProfile::from_json(&good).is_ok());
        let cases = [
            String::new(),
            "{}".to_owned(),
            good.replace("\"version\":1", "\"version\":2"),
            good.replace("\"devnet\"", "\"../devnet\""),
            good.replace("\"devnet\"", "\"\""),
            good.replace("\"devnet\"", "\".hidden\""),
            good.replace("rpc_url", "rpc_ulr"),
            good.replace("0x0101", "0x01"),
        ];
        for text in cases {
            let error = NetworkProfile::from_json(&text).expect_err(&text);
            assert_eq!(error.code(), "SDK-022", "{text}");
        }
        let nowhere = NetworkProfile::read(Path::new("/nowhere/network.json"));
        assert_eq!(nowhere.expect_err("no file").code(), "SDK-023");
    }
}
