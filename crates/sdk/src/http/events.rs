//! Server-sent events, as far as our services use them.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode, header};
use serde::de::DeserializeOwned;

use super::{Failure, Peer, Problem, refusal, unexpected, unreachable};

/// Longest event that is read; they have some hundred bytes.
const MAX_EVENT_BYTES: usize = 64 << 10;
/// Silence after which the connection counts as broken: services send a comment now and then.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// Changes of one thing, as they happen.
#[derive(Debug)]
pub(super) struct Events {
    action: &'static str,
    response: Response,
    parser: Parser,
}

impl<P: Problem> Peer<P> {
    /// Opens the stream at `path`, of what comes after the event `after`.
    pub(super) async fn events(
        &self,
        action: &'static str,
        path: &str,
        after: Option<String>,
    ) -> Result<Events, Failure<P>> {
        let mut request =
            self.request(Method::GET, path)?.header(header::ACCEPT, "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let answered = tokio::time::timeout(self.settings.timeout, request.send()).await;
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unreachable(action, 1, &error)),
            Err(_) => return Err(silent(action)),
        };
        if response.status() != StatusCode::OK {
            return Err(refusal(action, 1, response).await);
        }
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(unexpected(action, response.status(), format!("media type {kind}")));
        }
        Ok(Events { action, response, parser: Parser::default() })
    }
}

impl Events {
    /// The next event with this name; `None` when the stream is at its end. Events with other names are passed over.
    pub(super) async fn next<T: DeserializeOwned, P: Problem>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Failure<P>> {
        let action = self.action;
        loop {
            while let Some(event) = self.parser.next() {
                if event.name == name {
                    let status = self.response.status();
                    return serde_json::from_str(&event.data)
                        .map(Some)
                        .map_err(|error| unexpected(action, status, error.to_string()));
                }
            }
            match tokio::time::timeout(MAX_SILENCE, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    if !self.parser.push(&chunk) {
                        let status = self.response.status();
                        return Err(unexpected(action, status, "an endless event".to_owned()));
                    }
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return Err(unreachable(action, 1, &error)),
                Err(_) => return Err(silent(action)),
            }
        }
    }
}

fn silent<P>(action: &'static str) -> Failure<P> {
    Failure::Unreachable { action, reason: "no answer in time".to_owned(), attempts: 1 }
}

/// An event as the stream has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct RawEvent {
    name: String,
    data: String,
}

/// Cuts a stream of bytes into events (WHATWG HTML, section 9.2.6), without `retry` and without carriage returns alone.
#[derive(Debug, Default)]
struct Parser {
    buffer: Vec<u8>,
}

impl Parser {
    /// Takes bytes; false if they belong to an event that is too long.
    fn push(&mut self, bytes: &[u8]) -> bool {
        self.buffer.extend_from_slice(bytes);
        self.buffer.len() <= MAX_EVENT_BYTES || self.end_of_block().is_some()
    }

    /// Where the first block ends, and where the next begins.
    fn end_of_block(&self) -> Option<(usize, usize)> {
        let mut line_start = 0;
        for (index, byte) in self.buffer.iter().enumerate() {
            if *byte != b'\n' {
                continue;
            }
            let line = self.buffer.get(line_start..index).unwrap_or_default();
            if line.is_empty() || line == b"\r" {
                return Some((line_start, index + 1));
            }
            line_start = index + 1;
        }
        None
    }

    fn next(&mut self) -> Option<RawEvent> {
        loop {
            let (end, next) = self.end_of_block()?;
            let block: Vec<u8> = self.buffer.drain(..next).take(end).collect();
            let event = parse(&String::from_utf8_lossy(&block));
            // A block of comments, which keeps the connection alive, is none.
            if !event.data.is_empty() {
                return Some(event);
            }
        }
    }
}

fn parse(block: &str) -> RawEvent {
    let mut event = RawEvent { name: "message".to_owned(), data: String::new() };
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "data" => {
                if !event.data.is_empty() {
                    event.data.push('\n');
                }
                event.data.push_str(value);
            }
            _ => {}
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(stream: &[u8], piece: usize) -> Vec<(String, String)> {
        let mut parser = Parser::default();
        let mut found = vec![];
        for bytes in stream.chunks(piece) {
            assert!(parser.push(bytes));
            while let Some(event) = parser.next() {
                found.push((event.name, event.data));
            }
        }
        found
    }

    #[test]
    fn events_are_found_however_the_stream_is_cut() {
        let stream = b": hello\n\nid: 1\nevent: status\ndata: {\"a\":1}\n\n:\r\n\r\ndata:x\r\ndata: y\r\n\r\nevent: late\ndata: unfinished\n";
        let expected = [("status", "{\"a\":1}"), ("message", "x\ny")]
            .map(|(name, data)| (name.to_owned(), data.to_owned()));
        for piece in 1..=stream.len() {
            assert_eq!(events(stream, piece), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let piece = [b'x'; 1 << 12];
        let taken = (0..100).take_while(|_| parser.push(&piece)).count();
        assert_eq!(taken, MAX_EVENT_BYTES / piece.len());
    }
}
