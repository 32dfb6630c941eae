//! The data service of fast mode: serves the files of batches from a folder, over the S3 API, where there is no S3.
//!
//! ```text
//!  anybody ── GET, HEAD /<bucket>/objects/<sha256> ─▶ Front ─▶ Bucket ─▶ <folder>/objects/<sha256>
//!  batcher ── PUT, signed (AWS signature v4) ───────▶ methods,   names,    whole or absent, synced
//!                                                     queries    hashes
//! ```
//!
//! A batch's mirror is `http://<address>/<bucket>`. A batcher on this machine writes into the folder, one on another machine uses
//! `s3://<bucket>` of [`collimate_objects`] with this service as `aws_endpoint`, and the [`UploadKey`].
//!
//! # What holds
//! - Everybody may read everything in the folder's `objects`, so the folder is the data service's own:
//!   [`open_public_folder`] refuses one that other parts keep their objects in. Nothing else in it is ever sent, but the store's
//!   random name.
//! - A name is made from a parsed hash, never from a client's text, so there is no path to climb.
//! - Written is only what the configured key signed, and only bytes whose SHA-256 is the name: whoever steals the key can fill
//!   the disk, and can replace nothing.
//! - Objects are read without hashing them: whoever downloads a batch trusts no mirror and checks every hash anyway.
//! - Memory is bounded by [`DataConfig::upload_memory_bytes`] and the number of connections. A connection lives for a limited time,
//!   however slowly its other end reads or writes ([`ServerLimits`](collimate_http::ServerLimits)).
//!
//! | request | answer |
//! |---|---|
//! | `GET`, `HEAD` of an object | 200, or 206 with `Range`; `ETag` is the hash; 304 and 412 for `If-None-Match`, `If-Match` |
//! | of any other name | 404 `NoSuchKey`, `NoSuchBucket` |
//! | `PUT` of an object | 200 once it is on disk; 400 `BadDigest`, `EntityTooLarge`, `IncompleteBody`; 403 unsigned, wrong key |
//! | `PUT` of `identity` | 412 `PreconditionFailed`: the store has its name |
//! | other methods, queries, older signatures | 405 `MethodNotAllowed`, 501 `NotImplemented`, 403 `AccessDenied` |
//! | `GET /healthz`, `GET /metrics` | health, and metrics in Prometheus's text form |

mod bucket;
mod config;
mod error;
mod folder;
mod front;
pub mod limits;
mod metrics;
mod service;
mod upload;

pub use config::{DataConfig, DataParts, UploadKey};
pub use error::DataError;
pub use folder::{check_public_folder, open_public_folder};
pub use service::{DataService, run};
