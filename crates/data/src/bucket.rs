//! The one bucket: which names there are, who may do what, and how an object is read.

use std::{io::SeekFrom, ops::Range, path::PathBuf, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use collimate_objects::Key;
use s3s::{
    S3, S3ErrorCode, S3Request, S3Response, S3Result,
    access::{S3Access, S3AccessContext},
    auth::{S3Auth, SecretKey},
    dto::{
        ETag, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
        PutObjectInput, PutObjectOutput, StreamingBlob,
    },
    s3_error,
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};
use tokio_util::io::ReaderStream;

use crate::{UploadKey, limits::READ_BYTES, metrics::Metrics, upload::Uploads};

/// Objects never change under their name.
const FOREVER: &str = "public, max-age=31536000, immutable";
const BYTES: &str = "application/octet-stream";

/// A name that the bucket has. It is made from what was parsed, so that no text of a client becomes part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Object(Key),
    /// The store's own name, which its clients may ask for.
    Identity,
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        if text == "identity" {
            return Some(Self::Identity);
        }
        let digits = text.strip_prefix("objects/")?;
        let key: Key = digits.parse().ok()?;
        // Upper-case digits would be a second name.
        (key.to_string() == digits).then_some(Self::Object(key))
    }

    fn path(self) -> String {
        match self {
            Self::Object(key) => format!("objects/{key}"),
            Self::Identity => "identity".to_owned(),
        }
    }

    fn e_tag(self) -> ETag {
        match self {
            Self::Object(key) => ETag::Strong(key.to_string()),
            Self::Identity => ETag::Strong("identity".to_owned()),
        }
    }
}

/// The bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) uploads: Arc<Uploads>,
    pub(crate) metrics: Metrics,
}

/// A file that is there.
struct Found {
    file: File,
    bytes: u64,
    modified: SystemTime,
    e_tag: ETag,
}

impl Bucket {
    fn name_of(&self, bucket: &str, key: &str) -> S3Result<Option<Name>> {
        match bucket == self.name {
            true => Ok(Name::parse(key)),
            false => Err(s3_error!(NoSuchBucket, "there is no such bucket here")),
        }
    }

    async fn find(
        &self,
        bucket: &str,
        key: &str,
        if_match: Option<&ETagCondition>,
        if_none_match: Option<&ETagCondition>,
    ) -> S3Result<Found> {
        let missing = || s3_error!(NoSuchKey, "there is no such object");
        let name = self.name_of(bucket, key)?.ok_or_else(missing)?;
        let failed = |error: std::io::Error| self.uploads.fault("read", &error);
        let file = match File::open(self.folder.join(name.path())).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
            Err(error) => return Err(failed(error)),
        };
        let about = file.metadata().await.map_err(failed)?;
        if !about.is_file() {
            return Err(missing());
        }
        let e_tag = name.e_tag();
        let holds = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(other) => other.weak_cmp(&e_tag),
        };
        if if_match.is_some_and(|condition| !holds(condition)) {
            return Err(s3_error!(PreconditionFailed, "the object has another ETag"));
        }
        if if_none_match.is_some_and(holds) {
            return Err(S3ErrorCode::NotModified.into());
        }
        let modified = about.modified().map_err(failed)?;
        Ok(Found { file, bytes: about.len(), modified, e_tag })
    }
}

/// What of a file is asked for, and how its answer is headed.
fn part(range: Option<s3s::dto::Range>, bytes: u64) -> S3Result<(Range<u64>, Option<String>)> {
    let Some(range) = range else { return Ok((0..bytes, None)) };
    let part = range.check(bytes)?;
    let heading = format!("bytes {}-{}/{bytes}", part.start, part.end.saturating_sub(1));
    Ok((part, Some(heading)))
}

fn length(bytes: u64) -> S3Result<i64> {
    i64::try_from(bytes).map_err(|error| s3_error!(error, InternalError))
}

#[async_trait]
impl S3 for Bucket {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let GetObjectInput { bucket, key, if_match, if_none_match, range, .. } = request.input;
        let found = self.find(&bucket, &key, if_match.as_ref(), if_none_match.as_ref()).await?;
        let (part, content_range) = part(range, found.bytes)?;
        let mut file = found.file;
        if part.start > 0 {
            let sought = file.seek(SeekFrom::Start(part.start)).await;
            sought.map_err(|error| self.uploads.fault("read", &error))?;
        }
        let bytes = part.end.saturating_sub(part.start);
        self.metrics.sent_bytes.inc_by(bytes);
        let body = ReaderStream::with_capacity(file.take(bytes), READ_BYTES);
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(StreamingBlob::wrap(body)),
            cache_control: Some(FOREVER.to_owned()),
            content_length: Some(length(bytes)?),
            content_range,
            content_type: Some(BYTES.to_owned()),
            e_tag: Some(found.e_tag),
            last_modified: Some(found.modified.into()),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let HeadObjectInput { bucket, key, if_match, if_none_match, .. } = request.input;
        let found = self.find(&bucket, &key, if_match.as_ref(), if_none_match.as_ref()).await?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: Some(FOREVER.to_owned()),
            content_length: Some(length(found.bytes)?),
            content_type: Some(BYTES.to_owned()),
            e_tag: Some(found.e_tag),
            last_modified: Some(found.modified.into()),
            ..HeadObjectOutput::default()
        }))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let PutObjectInput { bucket, key, body, content_length, .. } = request.input;
        let name = match self.name_of(&bucket, &key)? {
            Some(Name::Object(key)) => key,
            Some(Name::Identity) => {
                return Err(s3_error!(PreconditionFailed, "the store has its name"));
            }
            None => {
                let reason = "objects/<SHA-256 of the bytes, in lower-case hex> is all that can be written here";
                return Err(s3_error!(AccessDenied, "{reason}"));
            }
        };
        let bytes = content_length.and_then(|length| u64::try_from(length).ok());
        let bytes = bytes.ok_or(S3ErrorCode::MissingContentLength)?;
        self.uploads.store(name, bytes, body).await?;
        self.metrics.received_bytes.inc_by(bytes);
        let e_tag = Some(Name::Object(name).e_tag());
        Ok(S3Response::new(PutObjectOutput { e_tag, ..PutObjectOutput::default() }))
    }
}

/// Everybody reads, the holder of the key writes, and nobody does anything else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access;

#[async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        match (context.s3_op().name(), context.credentials()) {
            ("GetObject" | "HeadObject", _) | ("PutObject", Some(_)) => Ok(()),
            ("PutObject", None) => {
                Err(s3_error!(AccessDenied, "sign the request with the data service's upload key"))
            }
            _ => {
                Err(s3_error!(AccessDenied, "this bucket has GetObject, HeadObject and PutObject"))
            }
        }
    }
}

/// The one key.
#[derive(Debug, Clone)]
pub(crate) struct Keys(pub(crate) Option<UploadKey>);

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, id: &str) -> S3Result<SecretKey> {
        match &self.0 {
            Some(key) if key.id == id => Ok(key.secret.clone()),
            _ => Err(s3_error!(InvalidAccessKeyId, "there is no such access key here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_hashes_and_nothing_that_leads_elsewhere() {
        let key = Key::of(b"bytes");
        assert_eq!(Name::parse(&format!("objects/{key}")), Some(Name::Object(key)));
        assert_eq!(Name::parse("identity"), Some(Name::Identity));
        let upper = key.to_string().to_uppercase();
        for name in [
            "",
            "public",
            "objects",
            "objects/",
            "objects/../identity",
            "objects/../../etc/passwd",
            "/etc/passwd",
            "outputs/00",
            "identity/",
            &format!("objects/{upper}"),
            &format!("objects/{key}/"),
            &format!("objects/{key}#1"),
            &format!("objects//{key}"),
            &format!("outputs/{key}"),
        ] {
            assert_eq!(Name::parse(name), None, "{name}");
        }
    }
}
