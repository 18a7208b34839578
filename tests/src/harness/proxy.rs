use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy before a relay that lets through so many bytes of each connection to the relay, and keeps back what follows; what
/// the relay says arrives.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    /// Starts it before the relay at this address.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn start(relay: SocketAddr, bytes: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever is cut off tries again.
                tokio::spawn(async move { pass(stream, relay, bytes).await.ok() });
            }
        });
        Self { address, _runtime: runtime }
    }

    /// Where devices reach it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn pass(device: TcpStream, relay: SocketAddr, bytes: u64) -> std::io::Result<()> {
    let (mut from_device, mut to_device) = device.into_split();
    let (mut from_relay, mut to_relay) = TcpStream::connect(relay).await?.into_split();
    let up = async move {
        let mut allowed = (&mut from_device).take(bytes);
        if tokio::io::copy(&mut allowed, &mut to_relay).await? < bytes {
            return to_relay.shutdown().await;
        }
        std::future::pending().await
    };
    let down = async move {
        tokio::io::copy(&mut from_relay, &mut to_device).await?;
        to_device.shutdown().await
    };
    tokio::select! {
        ended = down => ended,
        Err(error) = up => Err(error),
    }
}
