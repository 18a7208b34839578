//! A proxy between devices and a relay whose faults are switched while it runs, each direction by itself.

mod carry;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use carry::{End, carry};

/// A proxy before a relay. It passes everything on until a direction is told to suffer a [`Fault`].
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    _runtime: tokio::runtime::Runtime,
}

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From devices to the relay.
    ToRelay,
    /// From the relay to devices.
    ToDevice,
}

/// What happens to bytes of one direction, of connections that are there and of new ones. Counts of bytes begin with each
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// They pass.
    None,
    /// Each piece waits so long, and those behind it too.
    Delays(Duration),
    /// Not more than so many a second pass, in pieces of a tenth, and at least one byte at a time.
    Paces(u32),
    /// So many of a connection pass; what follows is kept back, and both sides believe that the other one lives. What is kept
    /// back passes when the fault is over.
    KeepsBackAfter(u64),
    /// So many of a connection pass; then it ends for both sides as when somebody closes it, wherever a frame is.
    CutsAfter(u64),
    /// So many of a connection pass; then both sides are told that it is reset.
    ResetsAfter(u64),
}

#[derive(Debug)]
struct State {
    relay: SocketAddr,
    to_relay: watch::Sender<Fault>,
    to_device: watch::Sender<Fault>,
    /// Whether a side is kept although the other one has gone.
    leaves_open: watch::Sender<bool>,
    open: AtomicUsize,
    taken: AtomicUsize,
}

impl Proxy {
    /// Starts it before the relay at this address.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn start(relay: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (to_relay, to_device) = (watch::Sender::new(Fault::None), watch::Sender::new(Fault::None));
        let (open, taken, leaves_open) = (AtomicUsize::new(0), AtomicUsize::new(0), watch::Sender::new(false));
        let state = Arc::new(State { relay, to_relay, to_device, leaves_open, open, taken });
        let accepting = Arc::clone(&state);
        runtime.spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                let state = Arc::clone(&accepting);
                tokio::spawn(async move {
                    state.taken.fetch_add(1, Ordering::SeqCst);
                    state.open.fetch_add(1, Ordering::SeqCst);
                    // Whoever is cut off tries again.
                    let _ = pass(device, &state).await;
                    state.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, state, _runtime: runtime }
    }

    /// Where devices reach it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address at which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on a direction suffers this.
    pub fn suffers(&self, way: Way, fault: Fault) {
        let direction = match way {
            Way::ToRelay => &self.state.to_relay,
            Way::ToDevice => &self.state.to_device,
        };
        direction.send_replace(fault);
    }

    /// From now on both directions suffer this.
    pub fn suffers_both_ways(&self, fault: Fault) {
        self.suffers(Way::ToRelay, fault);
        self.suffers(Way::ToDevice, fault);
    }

    /// Whether, from now on, a side is left as it is when the other one has gone: it hears nothing more and is not told.
    pub fn leaves_open(&self, leaves_open: bool) {
        self.state.leaves_open.send_replace(leaves_open);
    }

    /// How many connections it has now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }

    /// How many connections it has taken so far.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.state.taken.load(Ordering::SeqCst)
    }
}

async fn pass(mut device: TcpStream, state: &State) -> std::io::Result<()> {
    let mut relay = TcpStream::connect(state.relay).await?;
    device.set_nodelay(true)?;
    relay.set_nodelay(true)?;
    let end = {
        let ((mut from_device, mut to_device), (mut from_relay, mut to_relay)) = (device.split(), relay.split());
        let up = carry(&mut from_device, &mut to_relay, state.to_relay.subscribe(), state.leaves_open.subscribe());
        let down = carry(&mut from_relay, &mut to_device, state.to_device.subscribe(), state.leaves_open.subscribe());
        tokio::pin!(up, down);
        tokio::select! {
            // A device that has said all may still wait for the answer.
            end = &mut up => if end == End::Closed { down.await } else { end },
            end = &mut down => end,
        }
    };
    if end == End::Reset {
        device.set_zero_linger()?;
        relay.set_zero_linger()?;
    }
    Ok(())
}
