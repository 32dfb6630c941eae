//! Amounts and times for people.

use std::time::{Duration, UNIX_EPOCH};

use alloy::primitives::{U256, utils::format_ether};

/// Wei in ether, without zeros at the end.
pub(crate) fn ether(wei: U256) -> String {
    let text = format_ether(wei);
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text} ETH")
}

/// A second since 1970.
pub(crate) fn time(seconds: u64) -> String {
    match UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        // The library's years have four digits.
        Some(time) if seconds < 253_402_300_800 => {
            humantime::format_rfc3339_seconds(time).to_string()
        }
        _ => format!("second {seconds}"),
    }
}

/// A length of time.
pub(crate) fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_times_read_well() {
        assert_eq!(ether(U256::from(1_000_000_000_000_000_u64)), "0.001 ETH");
        assert_eq!(ether(U256::from(10).pow(U256::from(19))), "10 ETH");
        assert_eq!(ether(U256::ZERO), "0 ETH");
        assert_eq!(time(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(time(u64::MAX), format!("second {}", u64::MAX));
        assert_eq!(duration(Duration::from_secs(30 * 86_400)), "30days");
    }
}
