//! A proxy between an operator and a service, which can be cut.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub(crate) struct Proxy {
    address: SocketAddr,
    cut: watch::Sender<bool>,
}

impl Proxy {
    /// Forwards to a port of this machine.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, is_cut) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, port, is_cut.clone()));
            }
        });
        Self { address, cut }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Nothing goes through any more, and nobody is told: connections hang, old and new ones.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// What hung is gone, and what comes goes through.
    pub(crate) fn heal(&self) {
        self.cut.send_replace(false);
    }
}

async fn forward(mut client: TcpStream, port: u16, mut is_cut: watch::Receiver<bool>) {
    let forwarding = async {
        let mut service = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        copy_bidirectional(&mut client, &mut service).await.ok()
    };
    let mut watched = is_cut.clone();
    if !*is_cut.borrow() {
        tokio::select! {
            _ = forwarding => return,
            gone = watched.wait_for(|cut| *cut) => if gone.is_err() { return },
        }
    }
    // Held open and silent until it is healed.
    let _ = is_cut.wait_for(|cut| !*cut).await;
}
