//! Services on real ports, which can be killed.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

/// A service with a runtime of its own, so that killing it ends everything that it began, connections too.
pub(crate) struct Running {
    pub(crate) url: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
    runtime: Option<Runtime>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Starts a service, which tells its address once it listens.
pub(crate) async fn launch<F, S>(service: F) -> Running
where
    F: FnOnce(oneshot::Sender<SocketAddr>, CancellationToken) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    let (address, running) = spawn(service).await;
    running.at(address)
}

/// Starts a service, which tells its address once it listens, or why it does not.
pub(crate) async fn try_launch<E, F, S>(service: F) -> Result<Running, E>
where
    F: FnOnce(oneshot::Sender<Result<SocketAddr, E>>, CancellationToken) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    let (address, running) = spawn(service).await;
    Ok(running.at(address?))
}

async fn spawn<T, F, S>(service: F) -> (T, Running)
where
    F: FnOnce(oneshot::Sender<T>, CancellationToken) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (stop, (tell, told)) = (CancellationToken::new(), oneshot::channel());
    let task = runtime.spawn(service(tell, stop.clone()));
    let running = Running { url: String::new(), stop, task, runtime: Some(runtime) };
    (told.await.expect("the service starts; its panic is above"), running)
}

impl Running {
    fn at(mut self, address: SocketAddr) -> Self {
        self.url = format!("http://{address}");
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.url.trim_start_matches("http://").parse().unwrap()
    }

    /// As a crash: nothing is finished.
    pub(crate) async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        let ended = spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5)));
        ended.await.unwrap();
    }

    /// In order.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }
}
