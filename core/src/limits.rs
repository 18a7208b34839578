//! Every bound of Regard, in one place, each with its reason.
//!
//! The bounds of the gate and the wire belong to the protocol version: all devices and the relay must come to the same
//! verdict about the same bytes. Change one and [`crate::wire::PROTOCOL_VERSION`] changes with it.

use std::time::Duration;

// The gate: one change.

/// Bytes of one change, inflated. The largest field is a body of [`BODY_BYTES_MAX`]; the rest is room for columns and keys.
pub const CHANGE_BYTES_MAX: usize = 4 << 20;
/// How much a deflated change may grow: text deflates to a fifth, repetitive bodies to a fiftieth. A bomb grows a thousandfold.
pub const INFLATE_RATIO_MAX: usize = 200;
/// Operations of one change. Each costs Automerge up to 700 bytes and some microseconds while it is taken in: with so many a
/// change stays below 64 MB. Notes of [`NOTES_BYTES_MAX`] at once fit, and so does replacing half of that by other words.
pub const CHANGE_OPS_MAX: u64 = 80_000;
/// Operations of a change beyond one a byte, deletions aside: columns write equal rows as one run, and a hundred bytes would
/// cost what a hundred thousand do. Text has a byte or more for each character; whole rows alike are rare, and few.
pub const CHANGE_OPS_BEYOND_BYTES_MAX: u64 = 4096;
/// Bytes of a change's keys, runs written out: a run writes a key once for thousands of operations, and Automerge holds it
/// for each of them. 100 KB made it take 1 GB. The largest honest change, a full map of entries, has 1 MB.
pub const CHANGE_TEXT_BYTES_MAX: u64 = 4 << 20;
/// Operations of one document over its life. Far below `u32::MAX`, where Automerge panics.
pub const DOCUMENT_OPS_MAX: u64 = 1 << 30;
/// How far a change may number its operations beyond all that its document has. Whoever edits an older version (`isolate`,
/// JavaScript's `changeAt`) numbers behind everything that their copy has, also what has not come here yet. Without a bound one
/// change could use up [`DOCUMENT_OPS_MAX`], and nobody could edit the record any more; with it, it takes a thousand changes.
pub const OPS_AHEAD_MAX: u64 = 1 << 20;
/// Seconds before and after 1970 that a change may claim, 285 million years. No date is refused for being wrong; but Automerge
/// keeps the differences of times, and numbers beyond all dates overflow them.
pub const TIME_SECONDS_MAX: u64 = 1 << 53;
/// Dependencies of one change: as many as there were concurrent heads. A team of a hundred all offline needs a hundred.
pub const CHANGE_DEPS_MAX: usize = 1024;
/// Actors that one change's operations refer to: everybody whose value it overwrites.
pub const CHANGE_ACTORS_MAX: usize = 4096;
/// Bytes of an actor id. Regard's have 20, JavaScript's 16, others up to 32.
pub const ACTOR_BYTES_MAX: usize = 64;
/// Bytes of a change's message.
pub const MESSAGE_BYTES_MAX: usize = 4096;
/// Columns of one change. Automerge writes 14 of them today.
pub const CHANGE_COLUMNS_MAX: usize = 64;

// The gate: what other programs send by Automerge's own synchronization.

/// Bytes of one message; automerge-repo's carry one each. As large as what a connection lets through.
pub const SYNC_MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX;
/// Changes of one message. A program that has never synchronized sends a record's whole history at once.
pub const SYNC_CHANGES_MAX: usize = 16_384;
/// Bytes that the changes of one message may have together when they are inflated: as many as one unit's.
pub const SYNC_INFLATED_BYTES_MAX: usize = UNIT_BYTES_MAX;
/// Summaries of what the sender has. Automerge sends one, or none.
pub const SYNC_HAVES_MAX: usize = 8;
/// Changes that one bloom filter may summarize: four times what a message can carry.
pub const SYNC_FILTER_ENTRIES_MAX: usize = 65_536;
/// Bits that a bloom filter spends on each. Automerge takes 10; more than 64 make nothing better.
pub const SYNC_FILTER_BITS_MAX: usize = 64;
/// Bits that are looked at for one question to a bloom filter. Automerge looks at 7.
pub const SYNC_FILTER_PROBES_MAX: usize = 32;
/// Bytes of the flags behind a message. Automerge writes two.
pub const SYNC_FLAGS_BYTES_MAX: usize = 64;

// The gate: changes that came before what they follow.

/// Such changes of all documents that are held. A thousand records of a peer that sends everything backwards, ten changes each.
pub const ORPHANS_MAX: usize = 10_000;
/// Those of one document, so that one that is flooded does not push out all others'.
pub const ORPHANS_OF_DOCUMENT_MAX: usize = 1_000;
/// Bytes that they take, so that a device can hold them in memory.
pub const ORPHANS_BYTES_MAX: usize = 16 << 20;
/// How long one is held. What it follows comes in the same exchange or after a device has been online again: within a week, or
/// not before documents are compared anyway.
pub const ORPHAN_AGE_MAX: Duration = Duration::from_hours(7 * 24);

// The gate: what it could not let in.

/// Changes set aside on one device; beyond that the oldest go, so that a hostile peer cannot fill the disk.
pub const QUARANTINE_MAX: usize = 10_000;
/// Bytes of the changes that are set aside on one device: sixteen of the largest, or as many ordinary ones as there may be.
pub const QUARANTINE_BYTES_MAX: u64 = 64 << 20;
/// How long a change is kept that only lacks another one. What it lacks was set aside too, or comes with a comparison of the
/// logs, within days; after a season nobody brings it any more.
pub const QUARANTINE_ORPHAN_AGE: Duration = Duration::from_hours(90 * 24);

/// How far ahead of the clock a claimed time may be without being flagged: clocks that nobody sets are off by minutes.
pub const CLAIM_AHEAD_MAX: Duration = Duration::from_mins(10);

// Records.

/// Bytes of a field of one line.
pub const LINE_BYTES_MAX: usize = 16 << 10;
/// Bytes of a received body or another block of text. A change holds it with all other fields of the first save.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of notes that people write together: [`crate::record::Document`] spends one operation a character on it.
pub const NOTES_BYTES_MAX: usize = 64 << 10;
/// Entries of one keyed map (addresses, attendees): the largest invitation seen in real calendars has some hundreds.
pub const ENTRIES_MAX: usize = 2_000;
/// Bytes of a key below a keyed map, escaped.
pub const KEY_BYTES_MAX: usize = 1024;

// Import.

/// Bytes of one message, card or calendar that is imported. Real mail servers stop at 25-50 MB.
pub const IMPORT_ITEM_BYTES_MAX: usize = 64 << 20;
/// Bytes that all entries of one imported record may take together: with the body and its HTML form they fit one change.
pub const IMPORT_ENTRIES_BYTES_MAX: usize = 1 << 20;
/// Bytes of a mail's headers that are kept verbatim. Real ones have up to 30 KB; mail servers stop between 64 KB and 1 MB.
pub const IMPORT_HEADERS_BYTES_MAX: usize = 256 << 10;
/// Bytes that all edits of one imported record may take together. What is left of [`CHANGE_BYTES_MAX`] is room for columns.
pub const IMPORT_RECORD_BYTES_MAX: usize = CHANGE_BYTES_MAX - (512 << 10);
/// Bytes of a picture, a sound or a key in a card that are kept with the record. Pictures in real cards have 2-110 KB; what is
/// kept is sent to every device and stays in the record's history.
pub const IMPORT_BINARY_BYTES_MAX: usize = 128 << 10;
/// Bytes of what belongs to a whole calendar (its own properties, definitions of time zones) that the records of one file may hold
/// altogether, since each of them keeps a copy. A calendar of 20,000 events with a time zone of 1 KB has a third of it.
pub const IMPORT_REPEATED_BYTES_MAX: usize = 64 << 20;
/// Records saved in one transaction during an import: enough to hide the disk's flush (0.3 ms) behind the work (20 ms).
pub const IMPORT_BATCH_RECORDS: usize = 256;

// Units, frames and the log.

/// Changes of one unit: a save of several records (a merge of duplicates with its links) stays far below.
pub const UNIT_CHANGES_MAX: usize = 512;
/// Bytes of one unit's changes.
pub const UNIT_BYTES_MAX: usize = 8 << 20;
/// Bytes of one WebSocket message, either way; a push or a segment with its largest unit and the envelope fits.
pub const FRAME_BYTES_MAX: usize = 12 << 20;
/// Bytes that a push or a segment may have after decompression.
pub const BATCH_BYTES_MAX: usize = 16 << 20;
/// Bytes at which a push or a segment is closed and the next begun. Large enough for zstd, small enough to show progress.
pub const BATCH_BYTES_TARGET: usize = 256 << 10;
/// Changes at which a push or a segment is closed, whatever their size.
pub const BATCH_CHANGES_TARGET: usize = 1_000;
/// Pushes on the way that are not yet acknowledged: hides the round trip behind the relay's commit.
pub const PUSHES_IN_FLIGHT_MAX: usize = 4;
/// Documents that one frame asks for in whole: 16 KB of ids, and an answer that a relay can gather in one go.
pub const FETCH_DOCUMENTS_MAX: usize = 1_000;
/// Lists of all documents that a relay makes at the same time: each reads the whole index of a log.
pub const INVENTORIES_AT_ONCE_MAX: usize = 2;
/// How often in a row a relay may call a cursor void before the device waits: each time costs a list of all documents.
pub const VOID_CURSORS_MAX: u32 = 3;
/// Frames of a scope in a row that may bring nothing before the connection is left: an excerpt repeats what is here of a record's
/// history, and a poll overlaps with the connection. At 256 KB a frame these are 64 MB of one record.
pub const IDLE_FRAMES_MAX: u32 = 256;
/// How often in a row a record may differ from a log in the same way and be fetched: a fetch that was cut off is made up for
/// by the next, and what three did not bring, none will.
pub const RECONCILED_AGAIN_MAX: u32 = 3;
/// Records that are remembered as differing, a hundred bytes each; those beyond are fetched as ever.
pub const STUCK_DOCUMENTS_MAX: usize = 10_000;
/// Records that a relay's list may name, as many as a relay takes: a list without an end fills the memory.
pub const INVENTORY_DOCUMENTS_MAX: usize = 10_000_000;
/// Answers in a row to a poll that say there is more and lead nowhere, before the next waits until it is due.
pub const POLLS_IN_VAIN_MAX: u32 = 3;
/// Connections in a row that may end within [`KEEPALIVE`] with nothing brought before the waits between them grow: a relay
/// that is being restarted ends one or two.
pub const CONNECTIONS_IN_VAIN_MAX: u32 = 3;
/// Connections in a row that may end before the same push is answered, before that save is named as what ends them.
pub const PUSHED_IN_VAIN_MAX: u32 = 3;
/// How often a refused save is made again under a new actor: a second time where two copies of a store meet, and one more.
pub const REDONE_MAX: u8 = 3;
/// How long a save of this device may be set aside by another one before it is made again: what only lacked something, or
/// collided with a copied store, has been healed within seconds.
pub const REMAKE_PATIENCE: Duration = Duration::from_mins(1);
/// Saves of this device that others set aside and that are remembered; the oldest go.
pub const COMPLAINTS_MAX: usize = 256;
/// Saves among which those are looked for that another device set aside, the newest: 100 ms. An older one is not made again.
pub const SAVES_LOOKED_AT_MAX: usize = 50_000;
/// How long a push may stay unanswered before the connection counts as broken: many commits of a busy relay.
pub const PUSH_PATIENCE: Duration = Duration::from_mins(1);

// The relay.

/// Actors of one document in the relay's index: everybody who ever wrote it, each store and each copy anew.
pub const DOCUMENT_ACTORS_MAX: usize = 4096;
/// Concurrent heads of one document: as many as one change can join.
pub const DOCUMENT_HEADS_MAX: usize = CHANGE_DEPS_MAX;
/// Pushes waiting for the relay's writer, of all connections. Beyond, connections wait, and TCP holds their senders.
pub const COMMIT_QUEUE_MAX: usize = 256;
/// Pushes that one commit of the relay takes in: bounds the time that the first of them waits.
pub const COMMIT_PUSHES_MAX: usize = 128;
/// Bytes that one commit of the relay takes in.
pub const COMMIT_BYTES_MAX: usize = 8 << 20;
/// Bytes of recent segments that the relay keeps in memory, so that live subscribers cost no reads.
pub const RECENT_SEGMENTS_BYTES_MAX: usize = 32 << 20;
/// Acknowledgements and notices waiting for one connection's socket; a client that reads none is cut off.
pub const CONNECTION_QUEUE_MAX: usize = 64;
/// Documents whose index the relay keeps decoded: hot documents cost no decoding.
pub const INDEX_CACHE_MAX: usize = 4096;
/// Hashes that a document's index keeps in its own row; older ones move to a table of their own.
pub const INDEX_RECENT_HASHES_MAX: usize = 64;
/// Connections of one relay process.
pub const CONNECTIONS_MAX: usize = 16_384;
/// Connections beyond those, for telling devices that there is no place, and whoever asks how the relay is. When these are
/// taken too, further ones wait in the system's queue.
pub const CONNECTIONS_SPARE: usize = 256;
/// Connections of one device, also those on which it has not said yet who it is. It needs one; a further one takes the place of
/// the one before when it says so, and until a relay sees that a broken connection is dead, a device that tries again has
/// several. Each may hold a message of [`FRAME_BYTES_MAX`] in the middle of its way, so that a hostile member costs so many
/// times that at most.
pub const DEVICE_CONNECTIONS_MAX: usize = 8;
/// TLS handshakes at the same time. Each takes some 20 KB and 1 ms of a processor; one that is slow takes nothing else, and
/// ends after [`PEER_PATIENCE`].
pub const HANDSHAKES_MAX: usize = 1_024;
/// Bytes of an HTTP body that is not a frame.
pub const HTTP_BODY_BYTES_MAX: usize = 1 << 20;
/// How long an invitation can be used.
pub const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);
/// How long a device may take to sign a challenge.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_mins(1);
/// Challenges that a relay remembers, 80 bytes each; the oldest goes for a new one. Whoever wants to push an honest device's
/// challenge out must ask for so many within its round trip.
pub const CHALLENGES_MAX: usize = 4_096;
/// How long a peer may take for its first frame, and for reading what was sent to it.
pub const PEER_PATIENCE: Duration = Duration::from_secs(30);
/// A relay probes each connection this often; a device that hears nothing for three times this leaves and tries again.
pub const KEEPALIVE: Duration = Duration::from_secs(20);
/// Changes that one page of the visibility stream has: half a megabyte of text, which a reader that is behind gets at a time.
pub const STREAM_PAGE_CHANGES_MAX: usize = 1_024;
/// Bytes of rendered pages of the visibility stream that the relay keeps, so that a thousand readers cost one rendering.
pub const STREAM_PAGES_BYTES_MAX: usize = 32 << 20;
/// Rendered pages kept, whatever their size: most have one save.
pub const STREAM_PAGES_MAX: usize = 16_384;
/// Changes that a filter passes over before its reader is told a bare position, so that little is looked at again when it
/// resumes.
pub const STREAM_SKIPPED_MAX: u64 = 10_000;
/// Values that one filter of the visibility stream may name; a team's members and a project's records are fewer.
pub const STREAM_FILTER_VALUES_MAX: usize = 256;
/// How long a server that is told to stop waits for its connections.
pub const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

// What a relay lets others use, unless whoever runs it says otherwise. Generous: they stop what runs wild, not a team.

/// Bytes of changes that a workspace may store. A team that tracks a million mails a year with 1 KB each fills a tenth in six years.
pub const WORKSPACE_BYTES_MAX: u64 = 64 << 30;
/// Records of a workspace. A relay's index takes about 250 bytes for each.
pub const WORKSPACE_DOCUMENTS_MAX: u64 = 10_000_000;
/// Changes a second of a whole workspace, over ten seconds: what two cores take in, so that no workspace starves another for long.
pub const WORKSPACE_CHANGES_PER_SECOND_MAX: u32 = 100_000;
/// Bytes of changes that one device may bring. As many as the workspace may have: a device that fills an emptied relay again
/// brings everybody's.
pub const DEVICE_BYTES_MAX: u64 = WORKSPACE_BYTES_MAX;
/// Records that one device may bring; the same holds as for bytes.
pub const DEVICE_DOCUMENTS_MAX: u64 = WORKSPACE_DOCUMENTS_MAX;
/// Changes a second of one device, over ten seconds: above what a client can make and send while it imports.
pub const DEVICE_CHANGES_PER_SECOND_MAX: u32 = 50_000;

// The client.

/// Loaded documents kept in memory: 17.7 KB each, measured.
pub const DOCUMENTS_LOADED_MAX: usize = 256;
/// Single changes beside a snapshot at which they are folded into it: 50 edits take 9 KB as chunks and 1.2 KB as one snapshot.
pub const CHANGES_UNFOLDED_MAX: usize = 32;
/// First wait before connecting again.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(250);
/// Longest wait before connecting again: a relay that comes back is found within half a minute.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Bytes of a record written as a sheet to edit: a body, its HTML form, notes and entries at their bounds, with escapes.
pub const SHEET_BYTES_MAX: usize = 8 << 20;
/// How old what is shown may be while the relay can be reached by whatever way, where nobody set another bound.
pub const FRESHNESS_BOUND: Duration = Duration::from_mins(15);
/// How often the address book is synchronized, where nobody set another time: names and addresses change rarely.
pub const ADDRESS_BOOK_EVERY: Duration = Duration::from_hours(24);
/// The shortest such bound: each poll is a request to the relay.
pub const FRESHNESS_BOUND_MIN: Duration = Duration::from_secs(1);
/// The longest time between two synchronizations of the address book that can be set.
pub const ADDRESS_BOOK_EVERY_MAX: Duration = Duration::from_hours(30 * 24);
/// Records that one list shows: some hundred kilobytes of text, and more than anybody reads.
pub const LIST_ROWS_MAX: usize = 10_000;
/// Reports kept of how far another device was at which time.
pub const RECEIPTS_PER_DEVICE_MAX: usize = 1_000;
