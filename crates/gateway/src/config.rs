//! What can be set. Every default is meant for production on a small machine.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use collimate_http::Rate;

/// Settings of a gateway.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Where to listen; port 0 takes any free one. Default 127.0.0.1:8547.
    pub listen: SocketAddr,
    /// Connections at once; further ones wait in the system's backlog. Each costs at most some 400 KiB. Default 1024.
    pub max_connections: NonZeroUsize,
    /// Connections at once of one client address; further ones are closed. Default 256.
    pub max_connections_per_client: NonZeroUsize,
    /// How many proxies in front of the gateway append to `X-Forwarded-For`. With 0, the default, the header is not looked at:
    /// a client could write anything into it.
    pub trusted_proxies: usize,
    /// Time for a request's head, also on a connection that is kept. Default 15 s.
    pub header_timeout: Duration,
    /// Time for a whole upload. Default 60 s: 4 MiB at 0.6 Mbit/s.
    pub upload_timeout: Duration,
    /// Time without a byte after which an upload is given up. Default 10 s.
    pub idle_timeout: Duration,
    /// Time that an upload waits for memory and for a verifier before it is answered with "busy". Default 30 s.
    pub queue_timeout: Duration,
    /// Time for one step in the database before it counts as away. Default 5 s.
    pub database_timeout: Duration,
    /// Time for one question to the Ethereum node. Default 5 s.
    pub node_timeout: Duration,
    /// Time that clients get to finish when the gateway stops. Default 20 s.
    pub stop_timeout: Duration,
    /// Uploads that are held in memory, of at most some 4.2 MiB each; further ones are spooled to disk while they arrive,
    /// and loaded in turn. Default 32.
    pub uploads_in_memory: NonZeroUsize,
    /// Where uploads are spooled. Default: the system's folder for temporary files. It needs `max_connections` × 4.2 MiB
    /// at worst.
    pub spool_dir: PathBuf,
    /// Proofs handed to the verifiers at once. Default: five for each processor, which is what
    /// [`VerifierPool::for_this_machine`](collimate_verifiers::VerifierPool::for_this_machine) takes.
    pub verifications: NonZeroUsize,
    /// Requests of one client address. Default 300 a second, 600 at once; `None` for no limit.
    pub client_rate: Option<Rate>,
    /// New proofs of one account. Default 20 a second, 200 at once; `None` for no limit.
    pub account_rate: Option<Rate>,
    /// How long after its acceptance a proof is to be on chain: what receipts promise. Default 30 h: a run a day, and
    /// time to prove it.
    pub inclusion_time: Duration,
    /// How often proofs are looked for that were stored and whose submitter was not answered. Default 60 s.
    pub sweep_interval: Duration,
    /// How often a stream of events looks for the next one. Default 1 s.
    pub event_interval: Duration,
    /// Streams of events at once. Default 256.
    pub max_event_streams: NonZeroUsize,
    /// Streams of events at once of one client address, which would otherwise shut out the others. Default 32.
    pub max_event_streams_per_client: NonZeroUsize,
    /// Whether to serve clients of Aligned's gateway. What they sign names no contract and has no deadline, so two services on
    /// one chain that both take that form could be sent the same request. Default true.
    pub aligned_form: bool,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8547)),
            max_connections: count(1024),
            max_connections_per_client: count(256),
            trusted_proxies: 0,
            header_timeout: Duration::from_secs(15),
            upload_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(10),
            queue_timeout: Duration::from_secs(30),
            database_timeout: Duration::from_secs(5),
            node_timeout: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(20),
            uploads_in_memory: count(32),
            spool_dir: std::env::temp_dir(),
            verifications: processors.saturating_mul(count(5)),
            client_rate: Some(Rate { per_second: 300, burst: 600 }),
            account_rate: Some(Rate { per_second: 20, burst: 200 }),
            inclusion_time: Duration::from_secs(30 * 3600),
            sweep_interval: Duration::from_secs(60),
            event_interval: Duration::from_secs(1),
            max_event_streams: count(256),
            max_event_streams_per_client: count(32),
            aligned_form: true,
        }
    }
}

/// A constant that is not zero.
const fn count(n: usize) -> NonZeroUsize {
    match NonZeroUsize::new(n) {
        Some(n) => n,
        None => NonZeroUsize::MIN,
    }
}
