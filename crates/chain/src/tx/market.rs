//! Prices of the next block, from the node.

use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider},
};

use crate::{error::ChainError, tx::fees::MarketFees};

/// Blocks whose tips are looked at.
const BLOCKS: u64 = 5;

/// Of each block the tip is taken that half of its gas paid at least; of the blocks the one in the middle, so that a single
/// block does not raise the price.
const PERCENTILE: f64 = 50.0;

/// Asks for the prices; the tip is at least `least_tip` wei.
pub(crate) async fn market_fees(
    provider: &DynProvider,
    least_tip: u128,
) -> Result<MarketFees, ChainError> {
    let history = provider
        .get_fee_history(BLOCKS, BlockNumberOrTag::Latest, &[PERCENTILE])
        .await
        .map_err(ChainError::node("eth_feeHistory"))?;
    let mut tips: Vec<u128> =
        history.reward.iter().flatten().flatten().copied().filter(|tip| *tip > 0).collect();
    tips.sort_unstable();
    let tip = tips.get(tips.len() / 2).copied().unwrap_or_default();
    let base_fee = match history.next_block_base_fee() {
        Some(fee) => fee,
        None => provider.get_gas_price().await.map_err(ChainError::node("eth_gasPrice"))?,
    };
    let blob_base_fee = match history.next_block_blob_base_fee() {
        Some(fee) => fee,
        None => provider.get_blob_base_fee().await.map_err(ChainError::node("eth_blobBaseFee"))?,
    };
    Ok(MarketFees { base_fee, priority_fee: tip.max(least_tip), blob_base_fee })
}
