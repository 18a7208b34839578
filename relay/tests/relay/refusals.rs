//! A refused unit refuses itself and nothing else.

use regard_core::error::Cause;
use regard_core::record::{Kind, genesis};
use regard_core::wire::{Role, UnitOutcome};

use crate::support::{Device, Growing, Running, seqs, team, unit};

fn causes(outcomes: &[UnitOutcome]) -> Vec<Option<Cause>> {
    let cause = |outcome: &UnitOutcome| match outcome {
        UnitOutcome::Visible { .. } => None,
        UnitOutcome::Refused(refusal) => Some(refusal.cause),
    };
    outcomes.iter().map(cause).collect()
}

#[tokio::test]
async fn each_wrong_unit_is_refused_alone_and_takes_no_place() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let mut ana = Growing::new(11);
    device.push(&[unit(1, vec![ana.genesis(), ana.edit()])]).await;

    let (_, skipped) = (ana.edit(), ana.edit());
    let mut taken = Growing::new(13);
    let (first, second) = (taken.edit(), taken.edit());
    let mut damaged = first.clone();
    damaged.bytes[30] ^= 1;
    let mut stranger = first.clone();
    stranger.document = regard_core::id::DocumentId::from_bytes([99; 16]);
    let mut second_genesis = taken.genesis();
    second_genesis.bytes = genesis::bytes(Kind::Lead).to_vec();

    let units = [
        unit(2, vec![taken.genesis(), skipped]),
        unit(3, vec![taken.genesis(), first]),
        unit(4, vec![damaged]),
        unit(5, vec![stranger]),
        unit(6, vec![second_genesis]),
        unit(7, vec![]),
        unit(8, vec![second]),
    ];
    let outcomes = device.push(&units).await;
    let expected = [
        Some(Cause::MissingDependency),
        None,
        Some(Cause::Damaged),
        Some(Cause::MissingDependency),
        Some(Cause::NotARecord),
        Some(Cause::Malformed),
        None,
    ];
    assert_eq!(causes(&outcomes), expected);
    assert_eq!([seqs(&outcomes[1]), seqs(&outcomes[6])], [&[3, 4][..], &[5]]);
    let (_, end) = device.catch_up(None).await;
    assert_eq!(end.seq, 5);
}

#[tokio::test]
async fn a_taken_number_is_refused_and_its_holder_goes_on() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let mut honest = Growing::new(11);
    device.push(&[unit(1, vec![honest.genesis(), honest.edit()])]).await;
    // The same actor and number, another content: what a store does that was copied.
    let mut copied = Growing::new(11);
    let forked = copied.edit_to("Ben");
    let outcomes = device.push(&[unit(2, vec![forked]), unit(3, vec![honest.edit()])]).await;
    assert_eq!(causes(&outcomes), [Some(Cause::SequenceTaken), None]);
    assert_eq!(seqs(&outcomes[1]), [3]);
}

#[tokio::test]
async fn a_reader_pushes_nothing() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Reader]).await;
    let mut reader = Device::connect(relay.address, &tokens[1]).await;
    let ana = Growing::new(11);
    let outcomes = reader.push(&[unit(1, vec![ana.genesis()]), unit(2, vec![ana.genesis()])]).await;
    assert_eq!(causes(&outcomes), [Some(Cause::NotAllowed); 2]);
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    assert_eq!(owner.catch_up(None).await.1.seq, 0);
    owner.push(&[unit(1, vec![ana.genesis()])]).await;
    assert_eq!(reader.catch_up(None).await.1.seq, 1, "a reader reads");
}
