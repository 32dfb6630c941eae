//! Connections: as many as are allowed, with a time limit for each request's head, closed in order when the service stops.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use prometheus::IntGauge;
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::client::{ClientKey, PerClient};

/// What a connection's buffer grows to at most.
const BUFFER_BYTES: usize = 64 << 10;

/// How long to wait when the system has no file descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) max_connections: usize,
    pub(crate) max_per_client: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) open: IntGauge,
}

impl Server {
    /// Serves until `shutdown`, then lets the requests in work finish, but waits for no client longer than the limit.
    pub(crate) async fn run(self, router: Router, shutdown: CancellationToken) {
        let room = Arc::new(Semaphore::new(self.max_connections));
        let clients = PerClient::default();
        let graceful = GracefulShutdown::new();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(BUFFER_BYTES);
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&room) => accepted,
                () = shutdown.cancelled() => break,
            };
            let Some((stream, peer, permit)) = accepted else { continue };
            let Some(entry) = clients.enter(ClientKey::of(peer.ip()), self.max_per_client) else {
                tracing::debug!(%peer, "too many connections of one client");
                continue;
            };
            let router = router.clone();
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                router.clone().oneshot(request)
            });
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
            let open = self.open.clone();
            open.inc();
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                open.dec();
                drop((entry, permit));
            });
        }
        drop(self.listener);
        tokio::select! {
            () = graceful.shutdown() => {}
            () = sleep(self.stop_timeout) => tracing::warn!("clients did not finish in time"),
        }
    }

    /// The next connection, once there is room for it.
    async fn accept(
        &self,
        room: &Arc<Semaphore>,
    ) -> Option<(tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let permit = Arc::clone(room).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                Some((stream, peer, permit))
            }
            Err(error) => {
                if !is_clients_fault(&error) {
                    tracing::error!(%error, "cannot accept connections; raise the limit of open files");
                    sleep(ACCEPT_PAUSE).await;
                }
                None
            }
        }
    }
}

fn is_clients_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
