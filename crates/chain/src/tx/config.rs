//! Settings of a transaction manager.

use std::time::Duration;

use alloy::primitives::U256;

/// How a [`TxManager`](crate::tx::TxManager) works.
#[derive(Clone, Debug)]
pub struct TxConfig {
    /// Chain (EIP-155) that the node has to serve.
    pub chain_id: u64,
    /// Blocks that make a receipt final, counting its own: 1 takes the newest block's word. 0 counts as 1.
    pub confirmations: u64,
    /// Pause between two looks at the node.
    pub poll_interval: Duration,
    /// A transaction that waited this long at prices that do not compete is replaced.
    pub resubmit_after: Duration,
    /// A transaction that waited this long is replaced whatever the prices say.
    pub patience: Duration,
    /// Most wei that a transaction's gas and blob gas may cost, unless its request says otherwise.
    pub max_cost: U256,
    /// Least tip to offer, in wei a gas.
    pub least_tip: u128,
    /// Added to the estimated gas, in percent.
    pub gas_headroom_percent: u64,
}

impl TxConfig {
    /// Settings for a public chain with blocks every 12 seconds: 6 confirmations, replacement after 4 blocks, at most
    /// 0.5 ether a transaction.
    pub fn public_chain(chain_id: u64) -> Self {
        Self {
            chain_id,
            confirmations: 6,
            poll_interval: Duration::from_secs(4),
            resubmit_after: Duration::from_secs(48),
            patience: Duration::from_secs(600),
            max_cost: U256::from(500_000_000_000_000_000_u128),
            least_tip: 100_000_000,
            gas_headroom_percent: 25,
        }
    }

    /// Settings for a development chain that mines at once or every second: fast looks, 2 confirmations.
    pub fn development_chain(chain_id: u64) -> Self {
        Self {
            confirmations: 2,
            poll_interval: Duration::from_millis(200),
            resubmit_after: Duration::from_secs(5),
            patience: Duration::from_secs(60),
            ..Self::public_chain(chain_id)
        }
    }
}
