//! Content-addressed object store: a folder or any S3 API.
