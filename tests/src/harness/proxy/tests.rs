use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::{Fault, Proxy, Way};

/// Sends back what it gets, a connection at a time.
fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            std::thread::spawn(move || std::io::copy(&mut stream.try_clone().expect("one"), &mut stream));
        }
    });
    address
}

fn said(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut heard = vec![0; bytes];
    stream.read_exact(&mut heard).expect("what was said");
    heard
}

#[test]
fn everything_passes_and_what_was_kept_back_passes_later() {
    let proxy = Proxy::start(echo());
    let mut stream = TcpStream::connect(proxy.address()).expect("a connection");
    stream.write_all(b"hello").expect("sent");
    assert_eq!(said(&mut stream, 5), b"hello");
    proxy.suffers(Way::ToRelay, Fault::KeepsBackAfter(7));
    stream.write_all(b"again").expect("sent");
    assert_eq!(said(&mut stream, 2), b"ag");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
    stream.read(&mut [0]).expect_err("the rest is kept back");
    stream.set_read_timeout(None).expect("set");
    proxy.suffers(Way::ToRelay, Fault::None);
    assert_eq!(said(&mut stream, 3), b"ain");
}

#[test]
fn slow_ways_are_as_slow_as_said() {
    let proxy = Proxy::start(echo());
    for (fault, bytes) in [(Fault::Delays(Duration::from_millis(200)), 5), (Fault::Paces(20), 5)] {
        proxy.suffers(Way::ToDevice, fault);
        let mut stream = TcpStream::connect(proxy.address()).expect("a connection");
        let began = Instant::now();
        stream.write_all(&vec![7; bytes]).expect("sent");
        assert_eq!(said(&mut stream, bytes), vec![7; bytes]);
        assert!(began.elapsed() >= Duration::from_millis(190), "{fault:?} took {:?}", began.elapsed());
    }
}

#[test]
fn cuts_and_resets_come_after_so_many_bytes_and_at_once_where_they_are_due() {
    let proxy = Proxy::start(echo());
    proxy.suffers(Way::ToDevice, Fault::CutsAfter(3));
    let mut stream = TcpStream::connect(proxy.address()).expect("a connection");
    stream.write_all(b"hello").expect("sent");
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("an orderly end");
    assert_eq!(heard, b"hel");

    proxy.suffers(Way::ToDevice, Fault::None);
    let mut stream = TcpStream::connect(proxy.address()).expect("a connection");
    stream.write_all(b"hello").expect("sent");
    assert_eq!(said(&mut stream, 5), b"hello");
    proxy.suffers(Way::ToRelay, Fault::ResetsAfter(0));
    let error = stream.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_side_is_left_open_when_the_other_has_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = Proxy::start(listener.local_addr().expect("an address"));
    proxy.leaves_open(true);
    let mut stream = TcpStream::connect(proxy.address()).expect("a connection");
    let (mut relay, _) = listener.accept().expect("the proxy's connection");
    relay.write_all(b"farewell").expect("sent");
    drop(relay);
    assert_eq!(said(&mut stream, 8), b"farewell");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
    let error = stream.read(&mut [0]).expect_err("no end is told");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    proxy.leaves_open(false);
    stream.set_read_timeout(None).expect("set");
    assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
}
