//! One request, repeated while that can help.

use std::time::Duration;

use collimate_api::Problem;
use rand::Rng;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header::RETRY_AFTER};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::{GatewayClient, GatewayError, GatewaySettings};

/// Longest answer that is read. The largest is a page of 100 receipts or an inclusion with 64 KiB of public values.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// First and longest pause between attempts, where the gateway names none.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

pub(super) fn client(settings: &GatewaySettings) -> Result<reqwest::Client, GatewayError> {
    reqwest::Client::builder()
        .user_agent(concat!("collimate-sdk/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.connect_timeout)
        // A redirect could lead an upload and its signature elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| GatewayError::BadUrl { reason: format!("no HTTP client: {error}") })
}

/// How an attempt failed.
struct Failure {
    error: GatewayError,
    /// When to try again, if the gateway says so.
    after: Option<Duration>,
}

impl GatewayClient {
    /// Asks for JSON.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        action: &'static str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, GatewayError> {
        let timeout = self.0.settings.timeout;
        self.repeat(action, || Ok(self.request(Method::GET, path)?.query(query).timeout(timeout)))
            .await
    }

    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
    ) -> Result<RequestBuilder, GatewayError> {
        let url = self.0.base.join(path.trim_start_matches('/'));
        let url = url.map_err(|error| GatewayError::BadUrl { reason: error.to_string() })?;
        Ok(self.0.http.request(method, url))
    }

    /// Sends until there is an answer that repeating would not change.
    pub(super) async fn repeat<T: DeserializeOwned>(
        &self,
        action: &'static str,
        make: impl Fn() -> Result<RequestBuilder, GatewayError>,
    ) -> Result<T, GatewayError> {
        let settings = &self.0.settings;
        let started = Instant::now();
        let mut pause = PAUSES.0;
        let mut attempts = 1;
        loop {
            let failure = match attempt(action, attempts, make()?).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let wait =
                failure.after.unwrap_or_else(|| pause.mul_f64(rand::rng().random_range(0.5..=1.0)));
            let in_time = started.elapsed() + wait <= settings.patience;
            if !failure.error.is_transient() || wait > settings.longest_pause || !in_time {
                return Err(failure.error);
            }
            tracing::debug!(error = %failure.error, ?wait, attempts, "asking the gateway again");
            sleep(wait).await;
            pause = (pause * 2).min(PAUSES.1);
            attempts += 1;
        }
    }
}

async fn attempt<T: DeserializeOwned>(
    action: &'static str,
    attempts: u32,
    request: RequestBuilder,
) -> Result<T, Failure> {
    let at_once = |error| Failure { error, after: None };
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Err(at_once(unreachable(action, attempts, &error))),
    };
    if response.status() == StatusCode::OK {
        let status = response.status();
        let body = body(action, attempts, response).await.map_err(at_once)?;
        return serde_json::from_slice(&body)
            .map_err(|error| at_once(unexpected(action, status, error.to_string())));
    }
    let after = retry_after(&response);
    Err(Failure { error: refusal(action, attempts, response).await, after })
}

/// What an answer other than 200 says.
pub(super) async fn refusal(
    action: &'static str,
    attempts: u32,
    response: Response,
) -> GatewayError {
    let status = response.status();
    let body = match body(action, attempts, response).await {
        Ok(body) => body,
        Err(error) => return error,
    };
    if let Ok(problem) = serde_json::from_slice::<Problem>(&body) {
        return GatewayError::Refused(Box::new(problem));
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        // A proxy before the gateway, in its own words.
        return GatewayError::Unreachable { action, reason: format!("HTTP {status}"), attempts };
    }
    unexpected(action, status, String::from_utf8_lossy(&body).into_owned())
}

async fn body(
    action: &'static str,
    attempts: u32,
    mut response: Response,
) -> Result<Vec<u8>, GatewayError> {
    let status = response.status();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                return Err(unexpected(action, status, "an endless answer".to_owned()));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(unreachable(action, attempts, &error)),
        }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    // The other form, a date, is not what the gateway sends.
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

pub(super) fn unreachable(
    action: &'static str,
    attempts: u32,
    error: &reqwest::Error,
) -> GatewayError {
    let reason = match () {
        () if error.is_timeout() => "no answer in time",
        () if error.is_connect() => "cannot connect",
        () => "the connection broke",
    };
    GatewayError::Unreachable { action, reason: reason.to_owned(), attempts }
}

pub(super) fn unexpected(action: &'static str, status: StatusCode, reason: String) -> GatewayError {
    let reason = reason.chars().filter(|character| !character.is_control()).take(200).collect();
    GatewayError::Unexpected { action, status: status.as_u16(), reason }
}
