//! Messages as Automerge itself writes them, read here to the same.

use automerge::sync::{BloomFilter, Message, State, SyncDoc};
use automerge::{Automerge, ChangeHash as Theirs};
use proptest::prelude::*;
use regard_core::gate::{Have, check_sync_message};
use regard_core::id::ChangeHash;
use regard_core::record::Document;

use super::fixtures::{contact, edit, next, set};

fn own(hashes: &[Theirs]) -> Vec<ChangeHash> {
    hashes.iter().map(|hash| ChangeHash(hash.0)).collect()
}

fn opened(document: &Document) -> Automerge {
    Automerge::load(&document.save()).expect("a record")
}

#[test]
fn two_automerge_programs_can_talk_through_it() {
    let (mut left, mut right) = (contact(), contact());
    edit(&mut left, 4, &[set("nickname", "left")]);
    edit(&mut right, 5, &[set("job_title", "right")]);
    let mut sides = [(opened(&left), State::new()), (opened(&right), State::new())];
    let mut brought = 0;
    for round in 0..20 {
        let (from, to) = (round % 2, 1 - round % 2);
        let Some(mut message) = sides[from].0.generate_sync_message(&mut sides[from].1) else { continue };
        // What is not said to be understood is not sent: whole documents.
        message.flags = None;
        let read = check_sync_message(&message.clone().encode()).expect("an honest message");
        assert_eq!((read.heads, read.need), (own(&message.heads), own(&message.need)));
        let last_syncs: Vec<_> = message.have.iter().map(|have| own(&have.last_sync)).collect();
        assert_eq!(read.have.into_iter().map(|have: Have| have.last_sync).collect::<Vec<_>>(), last_syncs);
        brought += read.changes.iter().filter(|change| change.is_ok()).count();
        sides[to].0.receive_sync_message(&mut sides[to].1, message).expect("an honest message");
    }
    assert_eq!(sides[0].0.get_heads(), sides[1].0.get_heads());
    assert!(brought >= 2, "{brought} changes were brought");
}

proptest! {
    #[test]
    fn a_filter_answers_as_automerges_own(
        held in prop::collection::vec(any::<[u8; 32]>(), 0..40),
        others in prop::collection::vec(any::<[u8; 32]>(), 0..40),
    ) {
        let filter = BloomFilter::from_hashes(held.iter().map(|hash| Theirs(*hash)));
        let bytes = filter.to_bytes();
        let length = u8::try_from(bytes.len()).expect("a small filter");
        let message = [&[0x42, 0, 0, 1, 0][..], &[length], &bytes, &[0]].concat();
        // A length of 128 and more takes two bytes.
        prop_assume!(length < 128);
        let read = check_sync_message(&message).expect("an honest message");
        for hash in held.iter().chain(&others) {
            prop_assert_eq!(read.have[0].filter.contains(ChangeHash(*hash)), filter.contains_hash(&Theirs(*hash)));
        }
    }

    #[test]
    fn no_bytes_make_a_message_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut message = bytes;
        if let Some(first) = message.first_mut() {
            *first = 0x42;
        }
        if let Ok(read) = check_sync_message(&message) {
            let hash = ChangeHash([0xab; 32]);
            for have in read.have {
                let _ = have.filter.contains(hash);
            }
        }
    }
}

#[test]
fn a_message_that_was_cut_anywhere_is_refused() {
    let document = contact();
    let changes = vec![next(&document).bytes];
    let filter = BloomFilter::from_hashes(document.heads().iter().map(|head| Theirs(head.0)));
    let heads: Vec<_> = document.heads().iter().map(|head| Theirs(head.0)).collect();
    let have = vec![automerge::sync::Have { last_sync: heads.clone(), bloom: filter }];
    let version = automerge::sync::MessageVersion::V1;
    let message = Message { need: heads.clone(), heads, have, changes: changes.into(), flags: None, version }.encode();
    assert!(check_sync_message(&message).expect("an honest message").changes[0].is_ok());
    for length in 0..message.len() {
        assert!(check_sync_message(&message[..length]).is_err(), "{length} of {}", message.len());
    }
}

/// One bad change in a message takes no other with it.
#[test]
fn each_change_of_a_message_has_its_own_verdict() {
    let honest = next(&contact()).bytes;
    let mut damaged = honest.clone();
    *damaged.last_mut().expect("bytes") ^= 1;
    let version = automerge::sync::MessageVersion::V1;
    let (heads, need, have) = (Vec::new(), Vec::new(), Vec::new());
    let message = Message { heads, need, have, changes: vec![damaged, honest].into(), flags: None, version }.encode();
    let read = check_sync_message(&message).expect("a message");
    assert_eq!(read.changes.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true]);
}
