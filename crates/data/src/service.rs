use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use collimate_http::Server;
use tokio_util::sync::CancellationToken;

use crate::{
    DataConfig, DataError, DataParts, bucket::Bucket, folder::open_public_folder, front::Front,
    metrics::Metrics, upload::Uploads,
};

/// Serves the folder until `shutdown`.
///
/// # Errors
/// The settings, the folder or the address cannot be used.
pub async fn run(
    config: DataConfig,
    parts: DataParts,
    shutdown: CancellationToken,
) -> Result<(), DataError> {
    DataService::bind(config, parts).await?.run(shutdown).await;
    Ok(())
}

/// A data service whose port is open, but which answers nothing yet.
#[derive(Debug)]
pub struct DataService {
    server: Server,
    router: Router,
    bucket: String,
}

impl DataService {
    /// Checks the settings, opens folder and port.
    ///
    /// # Errors
    /// [`DataError`], of every kind.
    pub async fn bind(config: DataConfig, parts: DataParts) -> Result<Self, DataError> {
        config.check()?;
        let metrics = Metrics::new(parts.metrics)
            .map_err(|error| DataError::Config { reason: error.to_string() })?;
        let objects = open_public_folder(&config.folder)?;
        // Named from the start: what comes to lie here later is then never taken for the store (`Objects::check_identity`).
        objects.name().await?;
        let folder = config
            .folder
            .canonicalize()
            .map_err(|source| DataError::Mark { path: config.folder.clone(), source })?;
        let uploads =
            Uploads::new(objects.clone(), config.max_object_bytes, config.upload_memory_bytes);
        let bucket = Bucket {
            name: config.bucket.clone(),
            folder,
            uploads: Arc::new(uploads),
            metrics: metrics.clone(),
        };
        let open = metrics.connections.clone();
        let router = Front::new(bucket, config.upload_key, objects, metrics).router();
        let address = config.listen;
        let server = Server::bind(address, config.connections).await;
        let server = server.map_err(|source| DataError::Listen { address, source })?;
        Ok(Self { server: server.counted_by(open), router, bucket: config.bucket })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// The mirror's address, as batches name it, for clients that reach the service as it listens.
    #[must_use]
    pub fn mirror(&self) -> String {
        format!("http://{}/{}", self.local_addr(), self.bucket)
    }

    /// Serves until `shutdown`. Afterwards the port is free.
    pub async fn run(self, shutdown: CancellationToken) {
        tracing::info!(address = %self.local_addr(), bucket = self.bucket, "data service listens");
        self.server.run(self.router, shutdown).await;
    }
}
