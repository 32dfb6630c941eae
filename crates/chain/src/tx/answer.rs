//! What a node means when it refuses a transaction. Execution clients say it in words, each in its own.

use alloy::transports::RpcError;

use crate::error::NodeError;

/// Meaning of a node's answer to `eth_sendRawTransaction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has the transaction already.
    AlreadyKnown,
    /// The nonce is used.
    NonceTooLow,
    /// The prices are too low for the pool, or to replace an earlier attempt.
    Underpriced,
    /// The prices are below those of the next block.
    BelowMarket,
    /// The account cannot pay.
    InsufficientFunds,
    /// It will never take this transaction.
    Invalid,
    /// The node is not well or busy, or the account's other transactions have to be mined first: later.
    Transient,
    /// Words that are not known here.
    Unknown,
}

/// Phrases, lower case, in the order in which they are tried. Clients: geth, reth, Nethermind, Besu, Erigon, anvil.
const PHRASES: &[(&str, Answer)] = &[
    ("already known", Answer::AlreadyKnown),
    ("already imported", Answer::AlreadyKnown),
    ("alreadyknown", Answer::AlreadyKnown),
    ("known transaction", Answer::AlreadyKnown),
    ("already in the mempool", Answer::AlreadyKnown),
    // One account's pool holds either blob transactions or others.
    ("already reserved", Answer::Transient),
    ("replacement", Answer::Underpriced),
    ("underpriced", Answer::Underpriced),
    ("nonce too low", Answer::NonceTooLow),
    ("oldnonce", Answer::NonceTooLow),
    ("nonce is too low", Answer::NonceTooLow),
    ("insufficient funds", Answer::InsufficientFunds),
    ("insufficientfunds", Answer::InsufficientFunds),
    ("upfront cost exceeds", Answer::InsufficientFunds),
    ("less than block base fee", Answer::BelowMarket),
    ("less than block blob gas fee", Answer::BelowMarket),
    ("less than the block base fee", Answer::BelowMarket),
    ("fee too low", Answer::Underpriced),
    ("feetoolow", Answer::Underpriced),
    ("gas tip cap", Answer::Underpriced),
    ("below minimum", Answer::Underpriced),
    ("txpool is full", Answer::Transient),
    ("pool is full", Answer::Transient),
    ("account limit exceeded", Answer::Transient),
    ("future transaction", Answer::Transient),
    ("nonce gap", Answer::Transient),
    ("nonce too high", Answer::Transient),
    ("timeout", Answer::Transient),
    ("syncing", Answer::Transient),
    ("intrinsic gas", Answer::Invalid),
    ("exceeds block gas limit", Answer::Invalid),
    ("gas limit too high", Answer::Invalid),
    ("gas limit is too high", Answer::Invalid),
    ("exceeds maximum", Answer::Invalid),
    ("exceeds the configured cap", Answer::Invalid),
    ("higher than max fee", Answer::Invalid),
    ("floor data gas", Answer::Invalid),
    ("not supported", Answer::Invalid),
    ("unsupported", Answer::Invalid),
    ("oversized", Answer::Invalid),
    ("invalid", Answer::Invalid),
    ("initcode", Answer::Invalid),
    ("too many blobs", Answer::Invalid),
    ("kzg", Answer::Invalid),
    ("rlp", Answer::Invalid),
];

/// Reads a node's refusal.
pub(crate) fn read_answer(error: &NodeError) -> Answer {
    let RpcError::ErrorResp(payload) = error else { return Answer::Transient };
    if payload.is_retry_err() {
        return Answer::Transient;
    }
    let words = payload.message.to_lowercase();
    PHRASES
        .iter()
        .find(|(phrase, _)| words.contains(phrase))
        .map_or(Answer::Unknown, |(_, answer)| *answer)
}

#[cfg(test)]
mod tests {
    use alloy::rpc::json_rpc::ErrorPayload;

    use super::*;

    fn refusal(message: &'static str) -> NodeError {
        NodeError::ErrorResp(ErrorPayload { code: -32000, message: message.into(), data: None })
    }

    #[test]
    fn clients_words_are_understood() {
        let cases = [
            ("already known", Answer::AlreadyKnown),
            ("AlreadyKnown", Answer::AlreadyKnown),
            ("transaction already imported", Answer::AlreadyKnown),
            ("Known transaction", Answer::AlreadyKnown),
            ("nonce too low: next nonce 5, tx nonce 4", Answer::NonceTooLow),
            ("OldNonce, Current nonce: 5, nonce of rejected tx: 4", Answer::NonceTooLow),
            ("replacement transaction underpriced", Answer::Underpriced),
            (
                "replacement transaction underpriced: new tx gas fee cap 1 <= 1 queued",
                Answer::Underpriced,
            ),
            ("transaction underpriced: gas tip cap 1, minimum needed 1000000", Answer::Underpriced),
            ("max fee per gas less than block base fee", Answer::BelowMarket),
            ("max fee per blob gas less than block blob gas fee", Answer::BelowMarket),
            ("FeeTooLow", Answer::Underpriced),
            (
                "insufficient funds for gas * price + value: balance 0, tx cost 1",
                Answer::InsufficientFunds,
            ),
            ("Insufficient funds for gas * price + value", Answer::InsufficientFunds),
            ("address already reserved", Answer::Transient),
            ("txpool is full", Answer::Transient),
            ("intrinsic gas too low: gas 1, minimum needed 21000", Answer::Invalid),
            ("exceeds block gas limit", Answer::Invalid),
            ("transaction type not supported", Answer::Invalid),
            ("invalid sender", Answer::Invalid),
            ("blob transaction missing sidecars, kzg", Answer::Invalid),
            ("the moon is full", Answer::Unknown),
        ];
        for (words, answer) in cases {
            assert_eq!(read_answer(&refusal(words)), answer, "{words}");
        }
    }

    #[test]
    fn a_busy_service_and_a_dead_one_are_transient() {
        let limited = NodeError::ErrorResp(ErrorPayload {
            code: 429,
            message: "invalid: slow down".into(),
            data: None,
        });
        assert_eq!(read_answer(&limited), Answer::Transient);
        assert_eq!(read_answer(&NodeError::NullResp), Answer::Transient);
    }
}
