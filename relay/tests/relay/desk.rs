//! The relay's decisions without sockets, threads and clock, on files in memory.

use std::sync::Arc;
use std::time::Duration;

use regard_core::error::{Cause, Refusal};
use regard_core::gate;
use regard_core::id::{DeviceId, EpochId, to_hex};
use regard_core::visibility::{Filter, Query, Since, StreamEvent, StreamLine, Visible};
use regard_core::wire::access::keys::{Proof, TokenRequest, public_key};
use regard_core::wire::access::{CopyRequest, InviteRequest, Secret};
use regard_core::wire::{
    self, Applied, ClientFrame, Cursor, Excerpt, Fetch, Hello, PROTOCOL_VERSION, Push, RelayFrame, Role, Segment,
    Subscribe, Unit, UnitOutcome,
};
use regard_relay::{Ambient, Connection, Desk, RelayError, Settings};

use crate::memory::{Memory, Scripted};
use crate::support::{Growing, SCOPE, WORKSPACE, cursors, join_request, seqs, signing_key, unit};

/// More frames or lines than any of these tests makes.
const ALL: usize = 10_000;

/// A relay's machine: its disks and its clock, which outlive it.
#[derive(Default)]
struct Machine {
    log: Memory,
    access: Memory,
    ambient: Arc<Scripted>,
}

impl Machine {
    fn start(&self) -> Desk {
        let (log, access) = (Arc::new(self.log.clone()), Arc::new(self.access.clone()));
        Desk::open(log, access, Settings::default(), Arc::clone(&self.ambient) as Arc<dyn Ambient>).expect("a relay")
    }

    /// A relay with an owner (device 1) and so many members more (devices 2, 3, …), and their tokens.
    fn team(&self, members: u8) -> (Desk, Vec<Secret>) {
        let desk = self.start();
        let founding = desk.create_workspace(WORKSPACE, "Test team").expect("a workspace");
        let join = |secret: &str, device| {
            let joined = desk.join(WORKSPACE, &join_request(secret, device)).expect("joined");
            joined.token.parse().expect("a token")
        };
        let mut tokens: Vec<Secret> = vec![join(&founding.reveal(), 1)];
        for device in 2..2 + members {
            let request = InviteRequest { member: None, role: Role::Member };
            let invited = desk.invite(WORKSPACE, &tokens[0], &request).expect("an invitation");
            tokens.push(join(&invited.secret, device));
        }
        (desk, tokens)
    }
}

fn hello(instance: u64) -> Hello {
    let versions = (PROTOCOL_VERSION, PROTOCOL_VERSION);
    Hello { versions, instance, program: "test".into(), features: Vec::new() }
}

fn connect(desk: &mut Desk, token: &Secret) -> Connection {
    let (connection, frames) = desk.connect(WORKSPACE, token, &hello(0)).expect("a connection");
    assert!(matches!(frames[..], [RelayFrame::Welcome(_), RelayFrame::Peers(_)]), "{frames:?}");
    connection
}

fn push(desk: &mut Desk, connection: Connection, number: u64, units: &[Unit]) {
    let push = Push { scope: SCOPE, number, units: wire::encode_batch(&units.to_vec()) };
    desk.receive(connection, ClientFrame::Push(push)).expect("taken in");
}

fn subscribe(desk: &mut Desk, connection: Connection, from: Option<Cursor>) {
    let subscribe = Subscribe { scope: SCOPE, from, witness: None };
    desk.receive(connection, ClientFrame::Subscribe(subscribe)).expect("taken in");
}

fn due(desk: &mut Desk, connection: Connection) -> Vec<RelayFrame> {
    let due = desk.due(connection, ALL);
    assert!(!due.is_over, "{:?}", due.frames);
    due.frames
}

/// The outcomes of the one push that is answered.
fn outcomes(desk: &mut Desk, connection: Connection) -> Vec<UnitOutcome> {
    let frames = due(desk, connection);
    let answers = frames.iter().filter_map(|frame| match frame {
        RelayFrame::Pushed { outcomes, .. } => Some(outcomes.clone()),
        _ => None,
    });
    answers.collect::<Vec<_>>().concat()
}

fn pushed(desk: &mut Desk, connection: Connection, units: &[Unit]) -> Vec<UnitOutcome> {
    push(desk, connection, 1, units);
    assert!(desk.commit());
    outcomes(desk, connection)
}

fn packed(frames: &[RelayFrame]) -> Vec<Vec<u8>> {
    let segments = frames.iter().filter_map(|frame| match frame {
        RelayFrame::Segment { packed, .. } => Some(packed.clone()),
        _ => None,
    });
    segments.collect()
}

fn word(desk: &mut Desk, connection: Connection) -> Refusal {
    let due = desk.due(connection, ALL);
    assert!(due.is_over, "{:?}", due.frames);
    match due.frames.last() {
        Some(RelayFrame::Refused(refusal)) => refusal.clone(),
        other => panic!("no word but {other:?}"),
    }
}

#[test]
fn a_save_goes_from_one_device_to_the_other_and_is_acknowledged_when_it_is_durable() {
    let machine = Machine::default();
    let (mut desk, tokens) = machine.team(1);
    let (ana, ben) = (connect(&mut desk, &tokens[0]), connect(&mut desk, &tokens[1]));
    for connection in [ana, ben] {
        subscribe(&mut desk, connection, None);
        assert!(matches!(due(&mut desk, connection)[..], [RelayFrame::CaughtUp { .. }]));
    }
    let mut record = Growing::new(11);
    push(&mut desk, ana, 7, &[unit(1, vec![record.genesis(), record.edit()])]);
    assert_eq!((due(&mut desk, ana), due(&mut desk, ben)), (vec![], vec![]), "nothing is durable yet");
    assert!(desk.commit() && !desk.commit());

    let head = desk.head(WORKSPACE, SCOPE).expect("a head");
    match &due(&mut desk, ana)[..] {
        [RelayFrame::Pushed { number: 7, outcomes, head: told, .. }, RelayFrame::Advanced { cursor, .. }] => {
            assert_eq!((seqs(&outcomes[0]), *told, *cursor), (&[1, 2][..], head, head));
        }
        other => panic!("{other:?}"),
    }
    let frames = due(&mut desk, ben);
    let segment = Segment::unpack(&packed(&frames)[0]).expect("a segment");
    assert_eq!((frames.len(), segment.units[0].id), (1, unit(1, vec![]).id));

    desk.receive(ben, ClientFrame::Applied(Applied { scope: SCOPE, cursor: head, except: vec![] })).expect("taken in");
    assert_eq!(due(&mut desk, ana), []);
    machine.ambient.pass(desk.due_at(ana).expect("a notice").saturating_sub(machine.ambient.steady()));
    match &due(&mut desk, ana)[..] {
        [RelayFrame::Peers(peers)] => assert_eq!(peers[0].applied[0].seq, 2),
        other => panic!("{other:?}"),
    }
    let logged = desk.logged(WORKSPACE, SCOPE).expect("a log");
    let places: Vec<_> = logged.iter().map(|change| (change.seq, change.document, change.carrier)).collect();
    let device = DeviceId::from_bytes([1; 16]);
    assert_eq!(places, [(1, record.id, device), (2, record.id, device)]);
    let hash = gate::check(&record.genesis().bytes).expect("a change").header.hash;
    assert_eq!((logged[0].change, logged[0].unit), (hash, unit(1, vec![]).id));
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_and_what_was_not_is_asked_for_again() {
    let machine = Machine::default();
    let (mut desk, tokens) = machine.team(0);
    let connection = connect(&mut desk, &tokens[0]);
    let mut record = Growing::new(11);
    let first = unit(1, vec![record.genesis(), record.edit()]);
    assert_eq!(seqs(&pushed(&mut desk, connection, std::slice::from_ref(&first))[0]), [1, 2]);
    let head = desk.head(WORKSPACE, SCOPE).expect("a head");
    let second = unit(2, vec![record.edit()]);
    push(&mut desk, connection, 2, std::slice::from_ref(&second));
    machine.log.cut_power();
    machine.access.cut_power();
    drop(desk);

    let mut desk = machine.start();
    assert!(desk.has_workspace(WORKSPACE).expect("an answer"));
    assert_eq!(desk.head(WORKSPACE, SCOPE).expect("a head"), head);
    let connection = connect(&mut desk, &tokens[0]);
    let again = pushed(&mut desk, connection, &[first, second]);
    assert_eq!([seqs(&again[0]), seqs(&again[1])], [&[1, 2][..], &[3]]);
    assert_eq!(desk.logged(WORKSPACE, SCOPE).expect("a log").len(), 3);
}

#[test]
fn wherever_the_power_is_cut_in_a_commit_a_save_is_there_as_a_whole_or_not_at_all() {
    let mut whole = [0, 0];
    for point in 0..ALL as u64 {
        let machine = Machine::default();
        let (mut desk, tokens) = machine.team(0);
        let connection = connect(&mut desk, &tokens[0]);
        let (mut one, mut two) = (Growing::new(11), Growing::new(12));
        let first = unit(1, vec![one.genesis(), one.edit()]);
        assert_eq!(seqs(&pushed(&mut desk, connection, std::slice::from_ref(&first))[0]), [1, 2]);
        let before = desk.logged(WORKSPACE, SCOPE).expect("a log");
        let second = unit(2, vec![two.genesis(), one.edit(), two.edit()]);
        machine.log.cut_power_after(point);
        push(&mut desk, connection, 2, std::slice::from_ref(&second));
        desk.commit();
        drop(desk);
        let is_cut = machine.log.restore_power();

        let mut desk = machine.start();
        let after = desk.logged(WORKSPACE, SCOPE).expect("a log");
        assert!(after.starts_with(&before), "cut at {point}");
        let there = after.len() - before.len();
        assert!(there == 0 || there == 3, "{there} of 3 changes are there, cut at {point}");
        assert_eq!(desk.head(WORKSPACE, SCOPE).expect("a head").seq, after.len() as u64, "cut at {point}");
        let connection = connect(&mut desk, &tokens[0]);
        let again = pushed(&mut desk, connection, &[second, first]);
        assert_eq!([seqs(&again[0]), seqs(&again[1])], [&[3, 4, 5][..], &[1, 2]], "cut at {point}");
        if !is_cut {
            assert!(whole[0] > 0 && there == 3, "no point loses what was not acknowledged: {whole:?}");
            return;
        }
        whole[usize::from(there == 3)] += 1;
    }
    panic!("no commit succeeds");
}

#[test]
fn pushes_that_wait_are_committed_together_and_answered_one_by_one() {
    let machine = Machine::default();
    let (mut desk, tokens) = machine.team(1);
    let (ana, ben) = (connect(&mut desk, &tokens[0]), connect(&mut desk, &tokens[1]));
    let (mut one, mut two) = (Growing::new(11), Growing::new(12));
    let first = unit(1, vec![one.genesis(), one.edit()]);
    push(&mut desk, ana, 1, std::slice::from_ref(&first));
    push(&mut desk, ben, 1, &[first, unit(2, vec![two.genesis()])]);
    push(&mut desk, ana, 2, &[unit(3, vec![two.edit()])]);
    assert!(desk.commit() && !desk.commit());
    let (of_ana, of_ben) = (outcomes(&mut desk, ana), outcomes(&mut desk, ben));
    let places = |outcomes: &[UnitOutcome]| outcomes.iter().map(|one| seqs(one).to_vec()).collect::<Vec<_>>();
    assert_eq!(places(&of_ana), [vec![1, 2], vec![4]]);
    assert_eq!(places(&of_ben), [vec![1, 2], vec![3]], "what two bring has one place");
}

#[test]
fn a_second_connection_takes_the_place_of_the_first_and_a_copy_is_told_apart() {
    let machine = Machine::default();
    let (mut desk, tokens) = machine.team(0);
    let (first, _) = desk.connect(WORKSPACE, &tokens[0], &hello(1)).expect("a connection");
    let (second, _) = desk.connect(WORKSPACE, &tokens[0], &hello(2)).expect("another");
    assert_eq!(word(&mut desk, first), Refusal::new(Cause::Replaced, "the same device connected once more"));
    assert!(desk.due(first, ALL).is_over);
    let refused = desk.receive(first, ClientFrame::Reconcile(SCOPE)).expect_err("it has ended");
    assert_eq!(refused.cause, Cause::Unavailable);
    assert_eq!(due(&mut desk, second), []);

    let copied = desk.connect(WORKSPACE, &tokens[0], &hello(2)).map(drop).expect_err("a copy");
    assert_eq!(copied.cause, Cause::Copied);
    let request = CopyRequest {
        device: DeviceId::from_bytes([9; 16]),
        device_name: "copy".into(),
        public_key: to_hex(&public_key(&signing_key(9))),
    };
    let token = desk.copy(WORKSPACE, &tokens[0], &request).expect("a device of its own").token;
    let copy = connect(&mut desk, &token.parse().expect("a token"));
    assert!(matches!(due(&mut desk, second)[..], [RelayFrame::Directory(_)]));
    assert_eq!(due(&mut desk, copy), []);
    let older = Hello { versions: (0, 0), ..hello(0) };
    assert_eq!(desk.connect(WORKSPACE, &tokens[0], &older).map(drop).expect_err("too old").cause, Cause::Version);
}

#[test]
fn tokens_are_renewed_by_key_and_rights_end_connections() {
    let machine = Machine::default();
    let (mut desk, tokens) = machine.team(1);
    let old = connect(&mut desk, &tokens[1]);
    let renew = |desk: &Desk, late: Duration| {
        let nonce = desk.challenge(WORKSPACE).expect("a challenge").nonce;
        machine.ambient.pass(late);
        let device = DeviceId::from_bytes([2; 16]);
        let proof = Proof { workspace: WORKSPACE, device, nonce: &nonce, directory: None };
        desk.renew(WORKSPACE, &TokenRequest { device, nonce, signature: proof.sign(&signing_key(2)) })
    };
    let refused = renew(&desk, Duration::from_mins(10)).expect_err("a challenge that is too old");
    assert_eq!(refused.cause, Cause::NotAllowed);
    let token: Secret = renew(&desk, Duration::ZERO).expect("a token").token.parse().expect("a token");
    assert_eq!(word(&mut desk, old).cause, Cause::Replaced);
    let new = connect(&mut desk, &token);
    let record = Growing::new(11);
    push(&mut desk, new, 1, &[unit(1, vec![record.genesis()])]);
    desk.shut_out(WORKSPACE, DeviceId::from_bytes([2; 16])).expect("shut out");
    desk.commit();
    assert_eq!(word(&mut desk, new).cause, Cause::Revoked);
    assert_eq!(desk.head(WORKSPACE, SCOPE).expect("a head").seq, 0, "what waited when it was shut out is not logged");
    assert_eq!(desk.connect(WORKSPACE, &token, &hello(0)).map(drop).expect_err("out").cause, Cause::Revoked);
}

#[test]
fn a_void_cursor_is_told_and_the_device_reconciles_or_polls() {
    let machine = Machine::default();
    let (mut desk, tokens) = machine.team(0);
    let connection = connect(&mut desk, &tokens[0]);
    let mut record = Growing::new(11);
    pushed(&mut desk, connection, &[unit(1, vec![record.genesis(), record.edit()])]);
    let head = desk.head(WORKSPACE, SCOPE).expect("a head");
    let other_life = Cursor { epoch: EpochId::from_bytes([9; 16]), ..head };
    let beyond = Cursor { seq: 9, ..head };
    for void in [other_life, beyond, Cursor { seq: 1, ..head }] {
        subscribe(&mut desk, connection, Some(void));
        assert_eq!(due(&mut desk, connection), [RelayFrame::CursorVoid { scope: SCOPE, head }]);
    }
    desk.receive(connection, ClientFrame::Reconcile(SCOPE)).expect("taken in");
    match &due(&mut desk, connection)[..] {
        [RelayFrame::Inventory { at, entries, last: true, .. }] => {
            let listed = wire::unpack_inventory(entries).expect("a list");
            assert_eq!((*at, listed.len(), listed[0].0), (head, 1, record.id));
        }
        other => panic!("{other:?}"),
    }
    desk.receive(connection, ClientFrame::Fetch(Fetch { scope: SCOPE, documents: vec![record.id] })).expect("taken in");
    match &due(&mut desk, connection)[..] {
        [RelayFrame::Excerpt { packed, last: true, .. }] => {
            assert_eq!(Excerpt::unpack(packed).expect("an excerpt").units[0].seqs, [1, 2]);
        }
        other => panic!("{other:?}"),
    }
    let wish = |from| Subscribe { scope: SCOPE, from, witness: None };
    let answers = desk.poll(WORKSPACE, &tokens[0], &[wish(None), wish(Some(beyond))]).expect("answers");
    assert_eq!((answers[0].is_valid, answers[0].segments.len(), answers[0].more), (true, 1, false));
    assert_eq!((answers[1].is_valid, answers[1].segments.len(), answers[1].head), (false, 0, head));
}

/// Everything that becomes visible behind a place, as a reader hears it who begins there.
fn visible(desk: &Desk, token: &Secret, since: Since) -> Vec<Visible> {
    let query = Query { scope: SCOPE, since, filter: Filter::default() };
    let mut stream = desk.stream(WORKSPACE, token, query).expect("a stream");
    let lines = desk.read(&mut stream, ALL);
    assert!(lines.iter().any(|line| matches!(line.event, StreamEvent::CaughtUp(_))), "{lines:?}");
    let visible = lines.into_iter().filter_map(|StreamLine { id, event }| match event {
        StreamEvent::Visible(visible) => {
            assert_eq!(id, Some(visible.id()));
            Some(visible)
        }
        _ => None,
    });
    visible.collect()
}

#[test]
fn the_visibility_stream_replays_from_any_place_also_after_a_restart() {
    let machine = Machine::default();
    let (mut desk, tokens) = machine.team(1);
    let connection = connect(&mut desk, &tokens[0]);
    let mut record = Growing::new(11);
    pushed(&mut desk, connection, &[unit(1, vec![record.genesis(), record.edit()])]);
    let query = Query { scope: SCOPE, since: Since::Now, filter: Filter::default() };
    let mut live = desk.stream(WORKSPACE, &tokens[1], query).expect("a stream");
    desk.read(&mut live, ALL);
    pushed(&mut desk, connection, &[unit(2, vec![record.edit()])]);
    let heard = desk.read(&mut live, ALL);
    assert!(matches!(&heard[..], [StreamLine { event: StreamEvent::Visible(visible), .. }] if visible.seq == 3));
    let all = visible(&desk, &tokens[0], Since::Start);
    assert_eq!(all.iter().map(|one| one.seq).collect::<Vec<_>>(), [1, 2, 3]);
    desk.shut_out(WORKSPACE, DeviceId::from_bytes([2; 16])).expect("shut out");
    let heard = desk.read(&mut live, ALL);
    assert!(matches!(&heard[..], [StreamLine { event: StreamEvent::Ended(word), .. }] if word.cause == Cause::Revoked));
    assert_eq!(desk.read(&mut live, ALL), [], "nothing follows the end");
    drop(desk);
    let desk = machine.start();
    assert_eq!(visible(&desk, &tokens[0], Since::Start), all);
    for (at, one) in all.iter().enumerate() {
        assert_eq!(visible(&desk, &tokens[0], Since::After(one.id())), all[at + 1..]);
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_and_the_next_commit_after_it_succeeds() {
    let machine = Machine::default();
    let (mut desk, tokens) = machine.team(0);
    let connection = connect(&mut desk, &tokens[0]);
    let mut record = Growing::new(11);
    pushed(&mut desk, connection, &[unit(1, vec![record.genesis()])]);
    machine.log.fill_up(true);
    let edit = unit(2, vec![record.edit()]);
    let refused = pushed(&mut desk, connection, std::slice::from_ref(&edit));
    assert!(matches!(&refused[..], [UnitOutcome::Refused(refusal)] if refusal.cause == Cause::Unavailable));
    assert!(matches!(desk.check_ready(), Err(RelayError::Store(_))));
    machine.log.fill_up(false);
    assert_eq!(seqs(&pushed(&mut desk, connection, &[edit])[0]), [2]);
    desk.check_ready().expect("ready");
}

#[test]
fn a_device_that_takes_no_answers_is_not_read_and_a_word_ends_what_makes_no_sense() {
    let machine = Machine::default();
    let (mut desk, tokens) = machine.team(0);
    let connection = connect(&mut desk, &tokens[0]);
    let mut asked = 0;
    while desk.reads(connection) {
        desk.receive(connection, ClientFrame::Reconcile(SCOPE)).expect("taken in");
        asked += 1;
    }
    let refused = desk.receive(connection, ClientFrame::Reconcile(SCOPE)).expect_err("not read");
    assert_eq!(refused.cause, Cause::Unavailable);
    assert_eq!(desk.due(connection, 3).frames.len(), 3);
    assert!(desk.reads(connection));
    let refused = desk.receive(connection, ClientFrame::Hello(hello(0))).expect_err("no sense");
    let due = desk.due(connection, ALL);
    assert_eq!(due.frames.len(), asked - 3 + 1, "what was due before comes first");
    assert_eq!((due.frames.last(), due.is_over), (Some(&RelayFrame::Refused(refused)), true));
}

/// The relay's part of a simulation must be the same each time that a seed is played.
#[test]
fn the_same_calls_make_the_same_frames_and_the_same_bytes() {
    let play = || {
        let machine = Machine::default();
        let (mut desk, tokens) = machine.team(4);
        let mut heard = Vec::new();
        let connections: Vec<_> = tokens.iter().map(|token| connect(&mut desk, token)).collect();
        let mut records: Vec<_> = (0..40).map(|number| Growing::new(number + 10)).collect();
        for round in 0..3u8 {
            for (at, connection) in connections.iter().enumerate() {
                subscribe(&mut desk, *connection, None);
                let changes = records.iter_mut().enumerate().filter(|(number, _)| number % connections.len() == at);
                let changes = changes.flat_map(|(_, record)| [record.genesis(), record.edit()]).collect();
                push(&mut desk, *connection, u64::from(round), &[unit(round, changes)]);
                let documents = records.iter().map(|record| record.id).collect();
                desk.receive(*connection, ClientFrame::Fetch(Fetch { scope: SCOPE, documents })).expect("taken in");
            }
            desk.commit();
            machine.ambient.pass(Duration::from_secs(1));
            heard.extend(connections.iter().flat_map(|connection| due(&mut desk, *connection)));
            let query = Query { scope: SCOPE, since: Since::Start, filter: Filter::default() };
            let mut stream = desk.stream(WORKSPACE, &tokens[0], query).expect("a stream");
            assert!(!desk.read(&mut stream, ALL).is_empty());
            desk.keep_peers().expect("kept");
        }
        let head = desk.head(WORKSPACE, SCOPE).expect("a head");
        let segments = desk.poll(WORKSPACE, &tokens[0], &[Subscribe { scope: SCOPE, from: None, witness: None }]);
        let segments: Vec<_> = segments.expect("an answer")[0].segments.iter().map(|one| one.to_vec()).collect();
        let start = Cursor::start(WORKSPACE, SCOPE, head.epoch);
        assert_eq!(cursors(&segments, start).last(), Some(&head), "the log has no gap");
        drop(desk);
        let disks = [&machine.log, &machine.access].map(|disk| (disk.bytes(), disk.trace()));
        (heard, disks)
    };
    let (first, second) = (play(), play());
    assert!(first.0 == second.0, "other frames");
    for (file, (first, second)) in ["log", "access file"].iter().zip(first.1.iter().zip(&second.1)) {
        assert!(first.0 == second.0, "other bytes of the {file}");
        assert_eq!(first.1, second.1, "other operations, or in another order, of the {file}'s disk");
    }
}
