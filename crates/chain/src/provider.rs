//! Connections to an Ethereum node: with time limits, and checked before they are used.

use std::time::Duration;

use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::client::RpcClient,
    transports::http::reqwest::{self, Url},
};
use tokio::time::{Instant, sleep};

use crate::{backoff::Backoff, error::ChainError};

/// Time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the connection to be made.
    pub connect: Duration,
    /// For a request and its whole answer. Blob transactions are 800 kB: leave them time.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), request: Duration::from_secs(30) }
    }
}

/// A provider for the node at `url` (`http` or `https`). Asks nothing yet, fills in nothing: nonces and prices belong to
/// [`TxManager`](crate::tx::TxManager).
///
/// # Errors
/// [`ChainError::BadUrl`].
pub fn connect(url: &str, timeouts: Timeouts) -> Result<DynProvider, ChainError> {
    let url = parse_http_url("the Ethereum node's URL", url)?;
    let client = http_client(timeouts)?;
    let rpc = RpcClient::new_http_with_client(client, url);
    Ok(ProviderBuilder::new().disable_recommended_fillers().connect_client(rpc).erased())
}

/// Waits until the node answers, and checks that it serves the chain `expected_chain`. Returns the chain id.
///
/// # Errors
/// [`ChainError::NotReady`] after `patience`, [`ChainError::WrongChain`] at once.
pub async fn wait_until_ready(
    provider: &DynProvider,
    expected_chain: Option<u64>,
    patience: Duration,
) -> Result<u64, ChainError> {
    let started = Instant::now();
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    loop {
        let error = match check_chain(provider, expected_chain).await {
            Err(error @ ChainError::Node { .. }) => error,
            other => return other,
        };
        if started.elapsed() >= patience {
            return Err(ChainError::NotReady { waited: patience, last: error.to_string() });
        }
        sleep(backoff.next_delay().min(patience.saturating_sub(started.elapsed()))).await;
    }
}

/// Checks that the node serves `expected_chain`, and returns the chain id.
///
/// # Errors
/// [`ChainError::WrongChain`], or [`ChainError::Node`] if it does not answer.
pub async fn check_chain(
    provider: &DynProvider,
    expected_chain: Option<u64>,
) -> Result<u64, ChainError> {
    let found = provider.get_chain_id().await.map_err(ChainError::node("eth_chainId"))?;
    match expected_chain {
        Some(expected) if expected != found => Err(ChainError::WrongChain { expected, found }),
        _ => Ok(found),
    }
}

/// Parses a URL and refuses any scheme but HTTP.
pub(crate) fn parse_http_url(field: &'static str, text: &str) -> Result<Url, ChainError> {
    // The text is not repeated in the error: URLs of node services hold access keys.
    let url = Url::parse(text)
        .map_err(|error| ChainError::BadUrl { field, reason: error.to_string() })?;
    if !matches!(url.scheme(), "http" | "https") {
        let reason = format!("its scheme is {}, not http or https", url.scheme());
        return Err(ChainError::BadUrl { field, reason });
    }
    Ok(url)
}

/// An HTTP client with these time limits that follows no redirects.
pub(crate) fn http_client(timeouts: Timeouts) -> Result<reqwest::Client, ChainError> {
    reqwest::Client::builder()
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.request)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| ChainError::Internal(format!("the HTTP client: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_cannot_work_are_named() {
        for text in ["", "localhost:8545", "ws://localhost:8545", "http://", "/tmp/anvil.ipc"] {
            let error = connect(text, Timeouts::default()).expect_err(text);
            assert_eq!(error.code(), "CHN-004", "{text}");
        }
    }

    #[test]
    fn an_access_key_in_a_url_stays_out_of_the_error() {
        let error = connect("ftp://node/v3/s3cret", Timeouts::default()).expect_err("scheme");
        assert!(!error.to_string().contains("s3cret"));
    }

    #[tokio::test]
    async fn a_dead_node_is_not_ready_and_its_url_stays_out_of_the_error() {
        // Port 9 (discard) is not served on test machines.
        let provider = connect("http://127.0.0.1:9/s3cret", Timeouts::default()).expect("url");
        let error = wait_until_ready(&provider, None, Duration::from_millis(300))
            .await
            .expect_err("nobody listens");
        assert_eq!(error.code(), "CHN-002");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}
