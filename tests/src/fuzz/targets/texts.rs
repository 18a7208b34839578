use std::fmt::{Debug, Display};
use std::str::FromStr;

use regard_core::id::{ChangeHash, DeviceId, DocumentId, EpochId, WorkspaceId};
use regard_core::record::Kind;
use regard_core::record::identity::Namespace;
use regard_core::visibility::{Query, Since, StreamId};
use regard_core::wire::Fingerprint;
use regard_core::wire::access::{Invitation, Secret};

use super::records::document;
use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "texts",
    promise: "links, tokens, ids, cursors and queries of streams that read are written so that they read the same, and what does not \
              read is refused without repeating a secret",
    form: Form::Text,
    words: &[
        b"https://",
        b"http://",
        b"/join/",
        b"#",
        b".1",
        b".f",
        b"00000000",
        b"automerge:",
        b":",
        b"since=",
        b"now",
        b"start",
        b"record=",
        b",",
        b"kind=task",
        b"scope=address-book",
        b"&",
        b"+1",
        b"-",
        b"18446744073709551615",
        b"%",
        "é".as_bytes(),
    ],
    seeds,
    run,
    short_run: 6_000,
};

fn run(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let text = text.as_ref();
    let invitation = text.parse::<Invitation>();
    if let Ok(invitation) = &invitation {
        assert_eq!(invitation.link().parse().as_ref(), Ok(invitation), "a link");
        assert!(!format!("{invitation:?}").contains(&invitation.secret.reveal()), "a secret is not shown");
    }
    let secret = text.parse::<Secret>();
    match &secret {
        Ok(secret) => assert_eq!(secret.reveal().parse().as_ref(), Ok(secret), "a secret"),
        Err(error) => assert!(text.chars().count() < 8 || !error.to_string().contains(text), "{error}"),
    }
    if let Ok(id) = DocumentId::from_automerge_url(text) {
        assert_eq!(id.to_automerge_url(), text, "one id has one URL");
    }
    let reads = [
        again::<DocumentId>(text),
        again::<ChangeHash>(text),
        again::<Fingerprint>(text),
        again::<StreamId>(text),
        again::<Kind>(text),
        text.parse::<Since>().is_ok(),
        secret.is_ok(),
    ];
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let stream = Query::read(pairs, Some(text).filter(|text| text.contains(':')));
    let link = invitation.err().map(|error| error.to_string()).unwrap_or_default();
    format!("{reads:?} {link} {}", super::cause(&stream))
}

/// Whether the text reads, and then what it means is written as something that means the same.
fn again<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) -> bool {
    let Ok(value) = text.parse::<T>() else { return false };
    assert_eq!(value.to_string().parse::<T>().expect("what was written reads"), value);
    true
}

fn seeds() -> Vec<Vec<u8>> {
    let secret: Secret = "02".repeat(32).parse().expect("a secret");
    let plain = Invitation {
        relay: "http://127.0.0.1:7171".into(),
        workspace: WorkspaceId::from_bytes([1; 16]),
        secret,
        namespace: Some(Namespace::from_bytes([3; 32])),
        certificate: None,
    };
    let pinned = Invitation {
        relay: "https://relay.example:7171".into(),
        certificate: Some(Fingerprint::from_bytes([4; 32])),
        ..plain.clone()
    };
    let id = StreamId { epoch: EpochId::from_bytes([2; 16]), seq: 5 };
    let device = DeviceId::from_bytes([4; 16]);
    let texts = [
        plain.link(),
        pinned.link(),
        "02".repeat(32),
        document(1).to_automerge_url(),
        document(1).to_string(),
        id.to_string(),
        format!("scope=records&since={id}&kind=task,lead&record={}&member={device}", document(1)),
        "contact".into(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}
