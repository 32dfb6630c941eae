//! Connections: as many as are allowed, with a time limit for each request's head, closed in order when the service stops.

use std::{convert::Infallible, future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::ConnectInfo,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::IntGauge;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use crate::client::{ClientKey, PerClient};

/// What a connection's buffer grows to at most.
const BUFFER_BYTES: usize = 64 << 10;

/// How long to wait when the system has no file descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at once.
    pub max_connections: usize,
    /// Of them, those of one client (see [`ClientKey`]). Behind a proxy all come from it: as many as in all.
    pub max_per_client: usize,
    /// For the head of a request.
    pub header_timeout: Duration,
    /// From a request's head to the head of its answer, the reading of its body included; 408 is answered then. `None` where
    /// handlers have limits of their own.
    pub request_timeout: Option<Duration>,
    /// After which a connection takes no further request; its last one has as long again, and is then cut off, however much of its
    /// answer the client has read. `None` where answers are streams without an end.
    pub connection_time: Option<Duration>,
    /// For requests in work when the service stops.
    pub stop_timeout: Duration,
}

impl Default for ServerLimits {
    /// 256 connections, 64 of one client, 10 s for a head, 30 s for an answer, 2 minutes for a connection, 5 s for a stop.
    fn default() -> Self {
        Self {
            max_connections: 256,
            max_per_client: 64,
            header_timeout: Duration::from_secs(10),
            request_timeout: Some(Duration::from_secs(30)),
            connection_time: Some(Duration::from_secs(120)),
            stop_timeout: Duration::from_secs(5),
        }
    }
}

/// A port that is open, and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    limits: ServerLimits,
    open: Option<IntGauge>,
}

impl Server {
    /// Opens the port; port 0 takes any free one.
    ///
    /// # Errors
    /// What the system says: most often that the port is in use.
    pub async fn bind(address: SocketAddr, limits: ServerLimits) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        Ok(Self { listener, local_addr, limits, open: None })
    }

    /// Counts open connections there.
    #[must_use]
    pub fn counted_by(mut self, open: IntGauge) -> Self {
        self.open = Some(open);
        self
    }

    /// The address that it listens on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`, then lets the requests in work finish, but waits for no client longer than the limit.
    pub async fn run(self, router: Router, shutdown: CancellationToken) {
        let room = Arc::new(Semaphore::new(self.limits.max_connections));
        let clients = PerClient::default();
        let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_buf_size(BUFFER_BYTES);
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&room) => accepted,
                () = shutdown.cancelled() => break,
            };
            let Some((stream, peer, permit)) = accepted else { continue };
            let Some(entry) = clients.enter(ClientKey::of(peer.ip()), self.limits.max_per_client)
            else {
                tracing::debug!(%peer, "too many connections of one client");
                continue;
            };
            let (router, request_timeout) = (router.clone(), self.limits.request_timeout);
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                answer(router.clone(), request, request_timeout)
            });
            let connection = http.serve_connection(TokioIo::new(stream), service);
            let (time, shutdown, cut) =
                (self.limits.connection_time, shutdown.clone(), cut.clone());
            let open = self.open.clone();
            if let Some(open) = &open {
                open.inc();
            }
            connections.spawn(async move {
                let mut connection = pin!(connection);
                let ended = tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = first(shutdown.cancelled(), over(time)) => {
                        connection.as_mut().graceful_shutdown();
                        tokio::select! {
                            ended = connection.as_mut() => ended,
                            () = first(cut.cancelled(), over(time)) => {
                                tracing::debug!(%peer, "a client was too slow");
                                Ok(())
                            }
                        }
                    }
                };
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                if let Some(open) = open {
                    open.dec();
                }
                drop((entry, permit));
            });
        }
        drop(self.listener);
        connections.close();
        if timeout(self.limits.stop_timeout, connections.wait()).await.is_err() {
            tracing::warn!("clients did not finish in time");
            cut.cancel();
            connections.wait().await;
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

async fn answer(
    router: Router,
    request: Request<Incoming>,
    limit: Option<Duration>,
) -> Result<Response, Infallible> {
    let answering = router.oneshot(request);
    let Some(limit) = limit else { return answering.await };
    let answered = timeout(limit, answering).await;
    answered.unwrap_or_else(|_| Ok(StatusCode::REQUEST_TIMEOUT.into_response()))
}

async fn over(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => future::pending().await,
    }
}

async fn first(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}

fn is_clients_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
