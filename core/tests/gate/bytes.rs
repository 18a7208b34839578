//! What the bytes of one change tell alone.

use regard_core::error::Cause;
use regard_core::gate;
use regard_core::limits::{CHANGE_BYTES_MAX, DOCUMENT_OPS_MAX, MESSAGE_BYTES_MAX};

use super::chunk::{CHANGE, DOCUMENT, Draft, chunk, data_of, deflated, unsigned};
use super::{contact, next};

#[track_caller]
fn refused(name: &str, bytes: &[u8], expected: Cause) {
    let found = gate::check(bytes).map(|checked| checked.header).map_err(|refusal| refusal.cause);
    assert_eq!(found, Err(expected), "{name}");
}

fn draft() -> Draft {
    Draft::new(&[[1; 32]], 100, 3)
}

/// Otherwise the tests below could be refused for what they do not mean.
#[test]
fn an_untouched_draft_passes() {
    let header = gate::check(&draft().chunk()).expect("a good draft").header;
    assert_eq!((header.start_op, header.ops, header.max_op()), (100, 3, 102));
    let theirs = automerge::Change::from_bytes(draft().chunk()).expect("a good draft");
    assert_eq!((theirs.hash().0, theirs.len()), (header.hash.0, 3));
}

#[test]
fn what_is_no_change_is_refused() {
    let document = contact();
    let change = next(&document).bytes;
    let mut magic = change.clone();
    magic[0] ^= 1;
    let mut checksum = change.clone();
    checksum[4] ^= 1;
    let inside = change.len() - 1;
    let mut content = change.clone();
    content[inside] ^= 1;
    refused("nothing", &[], Cause::Malformed);
    refused("other first bytes", &magic, Cause::Malformed);
    refused("a wrong checksum", &checksum, Cause::Damaged);
    refused("a changed byte", &content, Cause::Damaged);
    refused("a whole document", &document.save(), Cause::Malformed);
    refused("a document chunk", &chunk(DOCUMENT, data_of(&change)), Cause::Malformed);
    refused("a chunk of a type to come", &chunk(9, data_of(&change)), Cause::Malformed);
    refused("something behind it", &[&change[..], &[0]].concat(), Cause::Malformed);
    refused("two changes", &[&change[..], &change].concat(), Cause::Malformed);
    refused("an empty body", &chunk(CHANGE, &[]), Cause::Malformed);
}

#[test]
fn a_change_that_was_cut_anywhere_is_refused() {
    let change = next(&contact()).bytes;
    for length in 0..change.len() {
        assert!(gate::check(&change[..length]).is_err(), "{length} bytes of {}", change.len());
    }
    let data = data_of(&change);
    for length in 0..data.len() {
        let cut = chunk(CHANGE, &data[..length]);
        assert!(gate::check(&cut).is_err(), "{length} bytes of {} with the right checksum", data.len());
    }
}

#[test]
fn a_flipped_bit_never_passes_as_another_change() {
    let plain = next(&contact());
    for bytes in [plain.bytes.clone(), deflated(data_of(&plain.bytes))] {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Deflate has bits without a meaning: then it is the same change.
            if let Ok(checked) = gate::check(&flipped) {
                assert_eq!((checked.header.hash, &checked.bytes), (plain.hash, &plain.bytes), "bit {bit}");
            }
        }
    }
}

#[test]
fn what_is_larger_than_its_bound_is_refused() {
    let with = |edit: fn(&mut Draft)| {
        let mut draft = draft();
        edit(&mut draft);
        draft.chunk()
    };
    let large = chunk(CHANGE, &vec![0; CHANGE_BYTES_MAX]);
    refused("a change of more than the bound", &large, Cause::TooLarge);
    let claims = [&large[..9], &unsigned(1 << 40)].concat();
    refused("a claim of a terabyte", &claims, Cause::TooLarge);
    refused("2^40 dependencies", &with(|draft| draft.deps_claimed = Some(1 << 40)), Cause::TooLarge);
    refused("an actor of 65 bytes", &with(|draft| draft.actor = vec![1; 65]), Cause::TooLarge);
    refused("another actor of 65 bytes", &with(|draft| draft.actors = vec![vec![1; 65]]), Cause::TooLarge);
    refused("a long message", &with(|draft| draft.message = vec![b'x'; MESSAGE_BYTES_MAX + 1]), Cause::TooLarge);
    refused("a million columns", &with(|draft| draft.columns = vec![(0x42, vec![]); 1_000_000]), Cause::TooLarge);
    refused("first operation near u32::MAX", &with(|draft| draft.start_op = u64::from(u32::MAX) - 1), Cause::TooLarge);
    refused("first operation at u64::MAX", &with(|draft| draft.start_op = u64::MAX), Cause::TooLarge);
    refused("last operation beyond the bound", &with(|draft| draft.start_op = DOCUMENT_OPS_MAX - 2), Cause::TooLarge);
}

#[test]
fn numbers_and_names_that_cannot_be_are_refused() {
    let with = |edit: fn(&mut Draft)| {
        let mut draft = draft();
        edit(&mut draft);
        draft.chunk()
    };
    refused("sequence number 0", &with(|draft| draft.seq = 0), Cause::Malformed);
    refused("first operation 0", &with(|draft| draft.start_op = 0), Cause::Malformed);
    refused("no actor", &with(|draft| draft.actor.clear()), Cause::Malformed);
    refused("a message that is no text", &with(|draft| draft.message = vec![0xff]), Cause::Malformed);
    refused("a deflated column", &with(|draft| draft.columns[2].0 |= 0x08), Cause::Malformed);
    refused("a column that ends early", &with(|draft| draft.columns[2].1.truncate(1)), Cause::Malformed);
}

/// Automerge hashes the shortest form of a chunk's length, whatever form stands there: the same change would have two
/// forms, and which of them is stored would depend on who brought it.
#[test]
fn a_length_that_is_longer_than_it_must_be_is_refused() {
    let change = draft().chunk();
    let data = data_of(&change);
    let mut length = unsigned(data.len() as u64);
    *length.last_mut().expect("a length") |= 0x80;
    let longer = [&change[..9], &length, &[0], data].concat();
    refused("a longer length", &longer, Cause::Malformed);
}
