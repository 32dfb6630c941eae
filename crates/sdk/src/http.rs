//! Services over HTTP: requests that are repeated while that can help, and streams of events.

mod events;
mod settings;
mod wait;

use std::{fmt, marker::PhantomData, time::Duration};

use rand::Rng;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header::RETRY_AFTER};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

pub use settings::GatewaySettings;
pub use wait::POLLS_BEFORE_EVENTS;
pub(crate) use wait::{Change, Waited};

/// Longest answer that is read. The largest are a page of 100 receipts, an inclusion with 64 KiB of public values, and paths of a
/// batch's 4,096 proofs.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// First and longest pause between attempts, where the service names none.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// What a service says when it refuses.
pub(crate) trait Problem: DeserializeOwned {
    /// Whether the same request can succeed later.
    fn is_retryable(&self) -> bool;
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure<P> {
    /// The service refused, in its own words.
    Refused(Box<P>),
    /// No connection, or no answer in time, also after repeating.
    Unreachable {
        /// What was asked for.
        action: &'static str,
        /// The last attempt's failure, without the URL.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// An answer that is not the service's.
    Unexpected {
        /// What was asked for.
        action: &'static str,
        /// HTTP status.
        status: u16,
        /// The beginning of it.
        reason: String,
    },
    /// A URL that cannot be used.
    BadUrl {
        /// Why not, without the URL.
        reason: String,
    },
}

impl<P: Problem> Failure<P> {
    /// Whether the service is away or busy, so that asking again in a while is all that is needed.
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused(problem) => problem.is_retryable(),
            Self::Unreachable { .. } => true,
            Self::Unexpected { .. } | Self::BadUrl { .. } => false,
        }
    }
}

/// How an attempt failed.
struct Attempt<P> {
    failure: Failure<P>,
    /// When to try again, if the service says so.
    after: Option<Duration>,
}

/// One service, which refuses with `P`. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Peer<P> {
    base: Url,
    http: reqwest::Client,
    pub(crate) settings: GatewaySettings,
    problem: PhantomData<fn() -> P>,
}

impl<P: Problem> Peer<P> {
    /// The service at `url`. Asks nothing yet.
    pub(crate) fn new(url: &str, settings: GatewaySettings) -> Result<Self, Failure<P>> {
        // The text is not repeated: it may hold an access key.
        let bad = |reason: String| Failure::BadUrl { reason };
        let mut base: Url = url.parse().map_err(|error| bad(format!("{error}")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad(format!("its scheme is {}, not http or https", base.scheme())));
        }
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("collimate-sdk/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            // A redirect could lead an upload and its signature elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| bad(format!("no HTTP client: {error}")))?;
        Ok(Self { base, http, settings, problem: PhantomData })
    }

    /// Asks for JSON.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        action: &'static str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, Failure<P>> {
        let timeout = self.settings.timeout;
        self.repeat(action, || Ok(self.request(Method::GET, path)?.query(query).timeout(timeout)))
            .await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure<P>> {
        let url = self.base.join(path.trim_start_matches('/'));
        let url = url.map_err(|error| Failure::BadUrl { reason: error.to_string() })?;
        Ok(self.http.request(method, url))
    }

    /// Sends until there is an answer that repeating would not change.
    pub(crate) async fn repeat<T: DeserializeOwned>(
        &self,
        action: &'static str,
        make: impl Fn() -> Result<RequestBuilder, Failure<P>>,
    ) -> Result<T, Failure<P>> {
        let started = Instant::now();
        let mut pause = PAUSES.0;
        let mut attempts = 1;
        loop {
            let Attempt { failure, after } = match attempt(action, attempts, make()?).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let wait = after.unwrap_or_else(|| pause.mul_f64(rand::rng().random_range(0.5..=1.0)));
            let in_time = started.elapsed() + wait <= self.settings.patience;
            if !failure.is_transient() || wait > self.settings.longest_pause || !in_time {
                return Err(failure);
            }
            tracing::debug!(action, ?wait, attempts, "asking the service again");
            sleep(wait).await;
            pause = (pause * 2).min(PAUSES.1);
            attempts += 1;
        }
    }
}

impl<P> fmt::Debug for Peer<P> {
    /// Without the URL's path, query and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("host", &self.base.host_str())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

async fn attempt<T: DeserializeOwned, P: Problem>(
    action: &'static str,
    attempts: u32,
    request: RequestBuilder,
) -> Result<T, Attempt<P>> {
    let at_once = |failure| Attempt { failure, after: None };
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Err(at_once(unreachable(action, attempts, &error))),
    };
    if response.status().is_success() {
        let status = response.status();
        let body = body(action, attempts, response).await.map_err(at_once)?;
        return serde_json::from_slice(&body)
            .map_err(|error| at_once(unexpected(action, status, error.to_string())));
    }
    let after = retry_after(&response);
    Err(Attempt { failure: refusal(action, attempts, response).await, after })
}

/// What an answer that is no success says.
async fn refusal<P: Problem>(
    action: &'static str,
    attempts: u32,
    response: Response,
) -> Failure<P> {
    let status = response.status();
    let body = match body(action, attempts, response).await {
        Ok(body) => body,
        Err(failure) => return failure,
    };
    if let Ok(problem) = serde_json::from_slice::<P>(&body) {
        return Failure::Refused(Box::new(problem));
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        // A proxy before the service, in its own words.
        return Failure::Unreachable { action, reason: format!("HTTP {status}"), attempts };
    }
    unexpected(action, status, String::from_utf8_lossy(&body).into_owned())
}

async fn body<P>(
    action: &'static str,
    attempts: u32,
    mut response: Response,
) -> Result<Vec<u8>, Failure<P>> {
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
    // The other form, a date, is not what our services send.
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn unreachable<P>(action: &'static str, attempts: u32, error: &reqwest::Error) -> Failure<P> {
    let reason = match () {
        () if error.is_timeout() => "no answer in time",
        () if error.is_connect() => "cannot connect",
        () => "the connection broke",
    };
    Failure::Unreachable { action, reason: reason.to_owned(), attempts }
}

fn unexpected<P>(action: &'static str, status: StatusCode, reason: String) -> Failure<P> {
    let reason = reason.chars().filter(|character| !character.is_control()).take(200).collect();
    Failure::Unexpected { action, status: status.as_u16(), reason }
}
