//! What stands where the relay should be is slow, silent, mad or gone: `regard up` goes on answering on this machine, loses
//! nothing, and is connected again when the relay is itself.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use regard_tests::harness::{Fault, Person, Proxy, RelayProcess, Way, until};
use serde_json::Value;

/// Commands on this machine answer so soon whatever the relay does; a busy machine runs a program in a fraction of it.
const RESPONSIVE: Duration = Duration::from_secs(10);

/// Saves something, and sees that this did not wait for the relay.
fn adds_promptly(person: &Person, name: &str) -> String {
    let began = Instant::now();
    let id = person.adds_contact(name);
    let _: Value = person.asks(&["status"]);
    assert!(began.elapsed() < RESPONSIVE, "{name} took {:?}", began.elapsed());
    id
}

#[test]
fn a_device_works_on_through_every_fault_of_the_way_and_settles_after_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let link = relay.found("Lisbon Trading");
    let proxy = Proxy::start(relay.address());
    let mut ana = Person::joins("Ana", folder.path(), &link.replacen(&relay.url(), &proxy.url(), 1));
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").replacen(&proxy.url(), &relay.url(), 1);
    let mut ben = Person::joins("Ben", folder.path(), &link);
    ana.up();
    ben.up();
    ana.settles();
    for (number, (way, fault)) in [
        (Way::ToRelay, Fault::Delays(Duration::from_millis(50))),
        (Way::ToDevice, Fault::Delays(Duration::from_millis(50))),
        (Way::ToRelay, Fault::Paces(200)),
        (Way::ToDevice, Fault::Paces(200)),
        // Within the answer that opens the WebSocket, within the first frames, and between them.
        (Way::ToDevice, Fault::CutsAfter(40)),
        (Way::ToDevice, Fault::CutsAfter(170)),
        (Way::ToRelay, Fault::CutsAfter(400)),
        (Way::ToDevice, Fault::ResetsAfter(60)),
        (Way::ToRelay, Fault::ResetsAfter(300)),
        (Way::ToDevice, Fault::KeepsBackAfter(100)),
        (Way::ToRelay, Fault::KeepsBackAfter(0)),
    ]
    .into_iter()
    .enumerate()
    {
        println!("{way:?} {fault:?}");
        let taken = proxy.taken();
        proxy.suffers(way, fault);
        let name = format!("Contact {number}");
        let id = adds_promptly(&ana, &name);
        if matches!(fault, Fault::CutsAfter(_) | Fault::ResetsAfter(_)) {
            until("the connection is tried again", || {
                let again = proxy.taken();
                if again > taken { Ok(()) } else { Err(format!("{again} connections")) }
            });
        }
        let _ = adds_promptly(&ana, &format!("{name}, again"));
        proxy.suffers(way, Fault::None);
        let _: Value = ana.asks(&["online"]);
        ben.shows(&id, "full_name", &name);
        ana.settles();
    }
    ana.stops();
    ben.stops();
}

/// A raw socket in the relay's place: it accepts and says this, and leaves the connection open or closes it.
struct Impostor {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    taken: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
}

impl Impostor {
    fn at(address: SocketAddr, says: &'static [u8], closes: bool) -> Self {
        let listener = TcpListener::bind(address).expect("the relay's port");
        let (ends, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (ended, counted) = (Arc::clone(&ends), Arc::clone(&taken));
        let accepting = std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.expect("a connection");
                // Whoever has gone does not hear it.
                let _ = stream.write_all(says);
                if !closes {
                    open.push(stream);
                }
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, ends, taken, accepting: Some(accepting) }
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().expect("it accepts until it is told to end");
        }
    }
}

#[test]
fn a_device_outlives_what_is_no_relay() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    ana.up();
    ana.settles();
    // A head for another key than the device's, and a frame that is never whole.
    let switching: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x82\x7f\x00\x00";
    for (says, closes) in [
        (&b""[..], true),
        (b"", false),
        (b"HTTP/1.1 200 O", false),
        (b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 1000000\r\n\r\nno", false),
        (b"\x16\x03\x01\x00\x05hello\xff\xff\xff\xff", true),
        (switching, false),
    ] {
        println!("{:?}", String::from_utf8_lossy(says));
        relay.kill();
        let impostor = Impostor::at(relay.address(), says, closes);
        let _: Value = ana.asks(&["online"]);
        until("the device has met it", || {
            let _: Value = ana.asks(&["online"]);
            if impostor.taken.load(Ordering::SeqCst) > 0 { Ok(()) } else { Err("not yet") }.map_err(str::to_owned)
        });
        let _ = adds_promptly(&ana, "Somebody");
        drop(impostor);
        relay.start_again();
        let _: Value = ana.asks(&["offline"]);
        let _: Value = ana.asks(&["online"]);
        ana.settles();
    }
    ana.stops();
}
