//! The form that a batcher takes, streamed, and how much of it is on its way.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use collimate_api::fast::{FastItem, SignedAuthorization, field};
use futures::stream;
use reqwest::{
    Body,
    multipart::{Form, Part},
};

use crate::fast::{FastError, SignedGroup, limits::UPLOAD_CHUNK_BYTES};

/// Hears how many bytes of an upload were handed to the connection, of how many. A repeated upload begins at zero again.
pub type UploadProgress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// What is sent, ready to be sent again.
pub(super) struct Upload {
    authorization: String,
    items: String,
    files: Vec<(String, Bytes)>,
    total: u64,
}

impl Upload {
    pub(super) fn of(signed: &SignedGroup) -> Result<Self, FastError> {
        let authorization: &SignedAuthorization = signed.authorization();
        let items: Vec<FastItem> = signed.group().form_items();
        let files: Vec<_> = signed.group().files().into_iter().collect();
        let total = files.iter().fold(0_u64, |sum, (_, bytes)| {
            sum.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
        });
        let name = |hash: alloy::primitives::B256| alloy::hex::encode(hash);
        Ok(Self {
            authorization: json(authorization)?,
            items: json(&items)?,
            files: files.into_iter().map(|(hash, bytes)| (name(hash), bytes)).collect(),
            total,
        })
    }

    /// The form: authorisation and items first, so that everything but the proofs is checked before they come.
    pub(super) fn form(&self, progress: &UploadProgress) -> Form {
        let sent = Arc::new(AtomicU64::new(0));
        progress(0, self.total);
        let form = Form::new()
            .text(field::AUTHORIZATION, self.authorization.clone())
            .text(field::ITEMS, self.items.clone());
        self.files.iter().fold(form, |form, (name, bytes)| {
            form.part(name.clone(), self.part(bytes, &sent, progress))
        })
    }

    fn part(&self, bytes: &Bytes, sent: &Arc<AtomicU64>, progress: &UploadProgress) -> Part {
        let (sent, progress, total) = (Arc::clone(sent), Arc::clone(progress), self.total);
        let length = bytes.len() as u64;
        let mut rest = bytes.clone();
        let chunks = std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let chunk = rest.split_to(rest.len().min(UPLOAD_CHUNK_BYTES));
            let size = chunk.len() as u64;
            progress(sent.fetch_add(size, Ordering::Relaxed).saturating_add(size), total);
            Some(Ok::<_, Infallible>(chunk))
        });
        // With a file's name it is a file to every parser of forms.
        Part::stream_with_length(Body::wrap_stream(stream::iter(chunks)), length).file_name("file")
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, FastError> {
    serde_json::to_string(value).map_err(|error| FastError::BadProof {
        name: "the group".to_owned(),
        reason: format!("it cannot be written: {error}"),
    })
}
