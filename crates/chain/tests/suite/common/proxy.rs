//! A JSON-RPC proxy before the node, with fault handles: refuse transactions with a client's words, and see what was sent.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, Ordering},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Debug, Default)]
struct Faults {
    /// Words with which `eth_sendRawTransaction` is refused; the number of times, `None` for always.
    refusal: Option<(String, Option<u32>)>,
    /// Raw transactions that came, refused ones too.
    sent: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Proxy {
    port: u16,
    node: Arc<AtomicU16>,
    faults: Arc<Mutex<Faults>>,
}

impl Proxy {
    pub async fn start(node: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let proxy = Self { port, node: Arc::new(AtomicU16::new(node)), faults: Arc::default() };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let serving = serving.clone();
                // A connection that breaks is what the client has to live with.
                tokio::spawn(async move { serving.serve(connection).await });
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Forwards to another port from now on.
    pub fn forward_to(&self, port: u16) {
        self.node.store(port, Ordering::SeqCst);
    }

    /// Refuses transactions with these words, so many times or always.
    pub fn refuse(&self, words: &str, times: Option<u32>) {
        self.faults.lock().unwrap().refusal = Some((words.to_owned(), times));
    }

    pub fn allow(&self) {
        self.faults.lock().unwrap().refusal = None;
    }

    /// Raw transactions that were sent, in hex, refused ones too.
    pub fn sent(&self) -> Vec<String> {
        self.faults.lock().unwrap().sent.clone()
    }

    async fn serve(&self, connection: TcpStream) -> Option<()> {
        let mut client = BufReader::new(connection);
        let body = read_body(&mut client).await?;
        let answer = match self.own_answer(&body) {
            Some(answer) => answer.to_string().into_bytes(),
            None => self.forward(&body).await?,
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.len()
        );
        client.write_all(head.as_bytes()).await.ok()?;
        client.write_all(&answer).await.ok()
    }

    fn own_answer(&self, body: &[u8]) -> Option<Value> {
        let request: Value = serde_json::from_slice(body).ok()?;
        if request["method"] != "eth_sendRawTransaction" {
            return None;
        }
        let mut faults = self.faults.lock().unwrap();
        faults.sent.extend(request["params"][0].as_str().map(str::to_owned));
        let (words, times) = faults.refusal.as_mut()?;
        let answer = json!({
            "jsonrpc": "2.0", "id": request["id"], "error": { "code": -32000, "message": words },
        });
        if let Some(times) = times {
            *times -= 1;
            if *times == 0 {
                faults.refusal = None;
            }
        }
        Some(answer)
    }

    async fn forward(&self, body: &[u8]) -> Option<Vec<u8>> {
        let port = self.node.load(Ordering::SeqCst);
        let mut node = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let head = format!(
            "POST / HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        node.write_all(head.as_bytes()).await.ok()?;
        node.write_all(body).await.ok()?;
        read_body(&mut BufReader::new(node)).await
    }
}

/// Reads head and body of a request or an answer.
async fn read_body(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}
