//! `[payments]`.

use serde::{Deserialize, Serialize};

/// Payments become credits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Payments {
    /// A block at or before the payment service's deployment; the deployment file's by default.
    pub start_block: Option<u64>,
}
