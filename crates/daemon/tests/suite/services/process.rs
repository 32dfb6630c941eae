//! Processes that a test can kill, and what it can see of them.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

/// A process of ours. It is killed when this is dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) log: PathBuf,
}

/// A gateway's process, and where it listens.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

impl Process {
    pub(crate) fn kill_9(&mut self) {
        // It may have ended already, which a test finds out by what is missing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has logged.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_9();
        if std::thread::panicking() {
            let said = self.said();
            let tail: Vec<&str> = said.lines().rev().take(30).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            eprintln!("--- {} ends with:\n{}", self.log.display(), tail.join("\n"));
        }
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether a gateway there takes proofs.
pub(crate) fn is_ready(port: u16) -> bool {
    let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request = "GET /readyz HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    connection.write_all(request.as_bytes()).is_ok()
        && connection.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// A lock that `psql` holds.
pub(crate) struct TableLock {
    psql: Child,
    stdin: Option<ChildStdin>,
}

impl TableLock {
    /// Keeps everybody from writing to a table until it is dropped.
    pub(crate) fn take(database: &str, table: &str) -> Self {
        let mut psql = Command::new("psql")
            .args(["-qX", "-v", "ON_ERROR_STOP=1", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = psql.stdin.take().unwrap();
        writeln!(stdin, "BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE;\n\\echo locked").unwrap();
        let mut answer = [0; 6];
        psql.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"locked");
        Self { psql, stdin: Some(stdin) }
    }
}

impl Drop for TableLock {
    fn drop(&mut self) {
        // At the end of its input it ends its session, and so the transaction.
        self.stdin = None;
        let _ = self.psql.wait();
    }
}
