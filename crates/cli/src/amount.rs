//! Amounts of ether, as users write them.

use alloy::primitives::{U256, utils::parse_units};

/// Units, longest first: `gwei` ends in `wei`.
const UNITS: [(&str, u8); 4] = [("gwei", 9), ("ether", 18), ("wei", 0), ("eth", 18)];

/// Parses `0.05eth`, `20gwei` or `1000wei`. A number alone is refused: one unit taken for another costs a factor of a billion.
pub(crate) fn parse_amount(text: &str) -> Result<u128, String> {
    let trimmed = text.trim().to_ascii_lowercase();
    let malformed = || "write a number with its unit: 0.05eth, 20gwei or 1000wei".to_owned();
    let (number, decimals) = UNITS
        .iter()
        .find_map(|(unit, decimals)| Some((trimmed.strip_suffix(unit)?.trim_end(), *decimals)))
        .ok_or_else(malformed)?;
    let (_, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_plain || number.is_empty() || fraction.len() > usize::from(decimals) {
        return Err(malformed());
    }
    let amount: U256 = parse_units(number, decimals).map_err(|_| malformed())?.get_absolute();
    u128::try_from(amount).map_err(|_| "there is less ether than that".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_unit() {
        let cases = [
            ("1eth", 1_000_000_000_000_000_000),
            ("0.05 ETH", 50_000_000_000_000_000),
            ("0.000000000000000001ether", 1),
            ("20gwei", 20_000_000_000),
            ("1.5gwei", 1_500_000_000),
            ("1000wei", 1_000),
            ("0wei", 0),
        ];
        for (text, wei) in cases {
            assert_eq!(parse_amount(text), Ok(wei), "{text}");
        }
        let wrong = [
            "",
            "1",
            "eth",
            "-1eth",
            "+1eth",
            "1.5wei",
            "0.0000000000000000001eth",
            "1e3wei",
            "1,5eth",
            "1.2.3eth",
            "0x10wei",
            "1000000000000000000000eth",
            "1_000wei",
        ];
        for text in wrong {
            assert!(parse_amount(text).is_err(), "{text}");
        }
    }
}
