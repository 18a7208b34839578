use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};

use serde_json::Value;

use super::PATIENCE;

/// A reader of a relay's visibility stream as `curl -N` would be one: plain HTTP over a socket, no library between.
#[derive(Debug)]
pub struct Streaming {
    lines: BufReader<TcpStream>,
    /// The answer's status line and headers.
    pub head: Vec<String>,
}

impl Streaming {
    /// Asks the relay at `url` for `path`, with these headers.
    ///
    /// # Panics
    /// Where the relay cannot be reached, or answers nothing.
    #[must_use]
    pub fn open(url: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let host = url.strip_prefix("http://").expect("a plain address");
        let to = host.to_socket_addrs().expect("an address").next().expect("an address");
        let mut socket = TcpStream::connect(to).expect("a relay");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        // HTTP/1.0 knows no chunks: what is read is what was written.
        let headers: String = headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
        let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).expect("a request is sent");
        let mut streaming = Self { lines: BufReader::new(socket), head: Vec::new() };
        while let Some(line) = streaming.line().filter(|line| !line.is_empty()) {
            streaming.head.push(line);
        }
        assert!(!streaming.head.is_empty(), "{path}: no answer");
        streaming
    }

    /// The next line; none at the end.
    ///
    /// # Panics
    /// Where none comes within [`PATIENCE`].
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no line: {error}"),
        }
    }

    /// The next event of the NDJSON form that is as wanted; none where the stream ended before it came.
    ///
    /// # Panics
    /// Where a line is no JSON.
    pub fn event(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        loop {
            let line = self.line()?;
            if line.is_empty() {
                continue;
            }
            let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if wanted(&event) {
                return Some(event);
            }
        }
    }
}
