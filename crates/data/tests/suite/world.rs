//! A data service on a folder of its own.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use collimate_data::{DataConfig, DataParts, DataService, UploadKey};
use collimate_objects::{Key, Objects, ObjectsError};
use prometheus::Registry;
use reqwest::{Client, Method, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub(crate) const KEY_ID: &str = "batcher";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(crate) struct World {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) mirror: String,
    /// What a batcher on the same machine has.
    pub(crate) objects: Objects,
    pub(crate) folder: PathBuf,
    pub(crate) client: Client,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut DataConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("batches");
        let mut config = DataConfig::new("127.0.0.1:0".parse().unwrap(), folder.clone());
        config.upload_key = Some(UploadKey::new(KEY_ID, SECRET).unwrap());
        config.connections.stop_timeout = Duration::from_secs(1);
        change(&mut config);
        let service =
            DataService::bind(config, DataParts { metrics: Registry::new() }).await.unwrap();
        let (address, mirror) = (service.local_addr(), service.mirror());
        let objects = collimate_data::open_public_folder(&folder).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(service.run(stop.clone()));
        let client = Client::builder().no_proxy().build().unwrap();
        Self { address, mirror, objects, folder, client, stop, task, _dir: dir }
    }

    pub(crate) fn url(&self, key: &Key) -> String {
        format!("{}/objects/{key}", self.mirror)
    }

    pub(crate) async fn send(&self, method: Method, url: &str) -> Response {
        self.client.request(method, url).send().await.unwrap()
    }

    /// Status and S3's error code of an answer that is an error.
    pub(crate) async fn refusal(&self, method: Method, url: &str) -> (u16, String) {
        refusal(self.send(method, url).await).await
    }

    /// A client of the S3 API, as a batcher on another machine has it.
    pub(crate) fn s3(&self, id: &str, secret: &str) -> Objects {
        let endpoint = format!("http://{}", self.address);
        let settings = [
            ("aws_endpoint", endpoint.as_str()),
            ("aws_allow_http", "true"),
            ("aws_region", "us-east-1"),
            ("aws_access_key_id", id),
            ("aws_secret_access_key", secret),
        ];
        Objects::open_with("s3://batches", &settings).unwrap()
    }

    /// Sends these bytes as they are, and reads what comes until the other side closes.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![];
        // A reset after the answer is as good as an end.
        let _: io::Result<usize> = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Stops it; its port is free afterwards.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
        tokio::net::TcpListener::bind(self.address).await.unwrap();
    }
}

pub(crate) async fn refusal(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    (status, code.map_or_else(|| text.clone(), |(code, _)| code.to_owned()))
}

/// Names of all files below a folder's `objects`.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder.join("objects")) else { return vec![] };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub(crate) fn code(error: &ObjectsError) -> &'static str {
    error.code()
}
