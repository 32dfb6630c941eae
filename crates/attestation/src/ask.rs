//! One request to one operator. Whatever the other side sends, the answer is a signature in the right group or a
//! state that says what went wrong.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, Response, header::CONTENT_TYPE, redirect::Policy};

use crate::{
    AttestationError, AttestationRequest, OperatorState, Signature,
    wire::{ATTEST_PATH, AttestAnswer, AttestBody, MAX_ANSWER_BYTES, Refusal},
};

/// Longest text of an operator that is kept.
const MAX_TEXT_CHARS: usize = 500;

#[derive(Debug, Clone)]
pub(crate) struct Asker {
    client: Client,
}

impl Asker {
    pub(crate) fn new(timeout: Duration) -> Result<Self, AttestationError> {
        // Operators are asked where the list says and nowhere else.
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).no_proxy().build();
        client
            .map(|client| Self { client })
            .map_err(|error| AttestationError::Operators { reason: error.to_string() })
    }

    /// Encodes a request once for all operators.
    pub(crate) fn encode(&self, request: AttestationRequest) -> Result<Bytes, AttestationError> {
        serde_json::to_vec(&AttestBody::from(request))
            .map(Bytes::from)
            .map_err(|error| AttestationError::Request { reason: error.to_string() })
    }

    /// Asks once.
    pub(crate) async fn ask(&self, url: &str, body: Bytes) -> Result<Signature, OperatorState> {
        let url = format!("{}{ATTEST_PATH}", url.trim_end_matches('/'));
        let request = self.client.post(url).header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(|error| failure(&error))?;
        let status = response.status();
        let answer = read(response).await?;
        if status.is_success() {
            let unreadable = || OperatorState::BadSignature;
            let answer: AttestAnswer = serde_json::from_slice(&answer).map_err(|_| unreadable())?;
            return Signature::from_bytes(&answer.signature).map_err(|_| unreadable());
        }
        match serde_json::from_slice::<Refusal>(&answer) {
            Ok(Refusal { code, message, retryable }) => Err(OperatorState::Refused {
                code: shortened(&code),
                message: shortened(&message),
                // A fault of the operator is retried whatever it says of itself.
                retryable: retryable || status.is_server_error(),
            }),
            Err(_) => Err(OperatorState::Unreachable { reason: format!("answered {status}") }),
        }
    }
}

/// Reads an answer of limited size.
async fn read(mut response: Response) -> Result<Vec<u8>, OperatorState> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if answer.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
            return Err(OperatorState::Unreachable { reason: "its answer is too long".to_owned() });
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}

fn failure(error: &reqwest::Error) -> OperatorState {
    if error.is_timeout() {
        return OperatorState::TimedOut;
    }
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        reason = format!("{reason}: {error}");
        source = error.source();
    }
    OperatorState::Unreachable { reason: shortened(&reason) }
}

/// Text of others goes to logs and terminals: short, and without control characters.
fn shortened(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(MAX_TEXT_CHARS).collect()
}
