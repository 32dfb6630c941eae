//! The S3 API as the object store, against a real server in this process.

use std::fs;
use std::path::Path;

use crate::support::behaves_as_a_store;
use collimate_objects::{Objects, ObjectsError};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

const ACCESS_KEY: &str = "collimate";
const SECRET_KEY: &str = "not a secret, a test";

/// Serves the folder's subfolders as buckets; returns the endpoint.
async fn serve(root: &Path) -> String {
    let mut service = S3ServiceBuilder::new(FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                // A client that hangs up ends its own connection only.
                let _ = server.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    endpoint
}

fn open(address: &str, endpoint: &str, secret: &str) -> Objects {
    let settings = [
        ("aws_endpoint", endpoint),
        ("aws_allow_http", "true"),
        ("aws_region", "us-east-1"),
        ("aws_access_key_id", ACCESS_KEY),
        ("aws_secret_access_key", secret),
    ];
    Objects::open_with(address, &settings).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_behaves_as_a_store() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("bucket")).unwrap();
    let endpoint = serve(root.path()).await;
    let objects = open("s3://bucket/some/prefix", &endpoint, SECRET_KEY);
    // Not the race of writers: this server looks first and writes then, where Amazon's honours If-None-Match at once.
    behaves_as_a_store(&objects, &root.path().join("bucket/some/prefix")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prefixes_keep_stores_apart() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("bucket")).unwrap();
    let endpoint = serve(root.path()).await;
    let key = open("s3://bucket/a", &endpoint, SECRET_KEY).put(&b"mine"[..]).await.unwrap();
    assert!(!open("s3://bucket/b", &endpoint, SECRET_KEY).exists(&key).await.unwrap());
    assert!(open("s3://bucket/a/", &endpoint, SECRET_KEY).exists(&key).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_named() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("bucket")).unwrap();
    let endpoint = serve(root.path()).await;
    let denied = open("s3://bucket", &endpoint, "wrong").put(&b"x"[..]).await.unwrap_err();
    assert!(matches!(denied, ObjectsError::Denied { .. }), "{denied}");
    assert!(!denied.to_string().contains("wrong"), "secrets stay out of errors: {denied}");
}
