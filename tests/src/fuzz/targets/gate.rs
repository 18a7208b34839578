use std::collections::HashSet;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use regard_core::error::Refusal;
use regard_core::gate::{self, Checked, Verdict};
use regard_core::record::{Document, Edit, Projection, genesis, schema, sheet, undo};
use regard_core::{export, inspect};

use super::records::{AT, FILLED, actor, document, following};
use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "gate",
    promise: "changes that are refused leave the record as it was, others come back byte for byte, a batch is judged as its changes \
              are one by one, and the record can be saved, opened, read, edited, undone and made again afterwards",
    form: Form::Cbor,
    words: &[
        b"title",
        b"notes",
        b"deleted",
        b"ana@x.org/label",
        b"\x42\x02\x7e\x01",
        b"\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x40",
        b"\xc0\x00",
        b"\x80\x80\x80\x80\x10",
    ],
    seeds,
    run,
    short_run: 250,
};

/// Changes of one input that are undone: each opens the record twice as it was.
const UNDONE_MAX: usize = 2;

fn run(input: &[u8]) -> String {
    let (base, chunks) = read(input);
    let base = &FILLED[base % FILLED.len()];
    let outcomes: Vec<_> = chunks.iter().map(|chunk| gate::check(chunk)).collect();
    let mut ways: Vec<String> = outcomes.iter().map(super::cause).collect();
    let checked: Vec<Checked> = outcomes.into_iter().flatten().collect();
    for change in &checked {
        assert_eq!(gate::check(&change.bytes).as_ref(), Ok(change), "what passed passes as it came out");
        assert!(change.header.max_op() < change.header.start_op + change.header.ops, "operations are counted");
    }
    let mut grown = base.clone();
    let verdicts = gate::apply(&mut grown, &checked);
    ways.extend(verdicts.iter().map(super::cause));
    judged(base, &grown, &checked, &verdicts);
    // What took nothing in is as it was, and was looked at before.
    if verdicts.contains(&Ok(Verdict::New)) {
        lives_on(&grown, &checked);
    }
    ways.sort();
    ways.dedup();
    format!("{} {}", base.kind(), ways.join("; "))
}

/// What the gate says is what has happened, and happens alike one by one.
fn judged(base: &Document, grown: &Document, checked: &[Checked], verdicts: &[Result<Verdict, Refusal>]) {
    assert_eq!(verdicts.len(), checked.len(), "a verdict for each");
    let mut single = base.clone();
    for (change, verdict) in checked.iter().zip(verdicts) {
        let alone = gate::apply(&mut single, std::slice::from_ref(change)).pop().expect("a verdict");
        assert_eq!(&alone, verdict, "a batch and its changes one by one");
        let hash = change.header.hash;
        if verdict.is_ok() {
            let there = grown.change(hash).expect("what was taken is there");
            assert!(there.bytes == change.bytes || base.has(hash), "byte for byte");
        }
    }
    let taken: HashSet<_> = checked
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| verdict.is_ok())
        .map(|(change, _)| change.header.hash)
        .collect();
    for change in checked {
        let hash = change.header.hash;
        assert_eq!(grown.has(hash), taken.contains(&hash) || base.has(hash), "what was refused is not there");
    }
    assert_eq!(single.heads(), grown.heads(), "both ways end alike");
    if !checked.is_empty() && !verdicts.contains(&Ok(Verdict::New)) {
        assert_eq!(grown.save(), base.save(), "what was refused has no effect");
    }
}

/// The record is not bricked by what it took.
fn lives_on(grown: &Document, checked: &[Checked]) {
    let mut opened = Document::load(&grown.save()).expect("what was saved opens");
    assert_eq!(opened.heads(), grown.heads(), "it opens as it was");
    assert_eq!(Projection::of(&opened), Projection::of(grown), "it shows what it showed");
    assert_eq!(opened.places().len(), grown.places().len(), "it has what it had");
    let _ = (sheet::write(document(1), grown), inspect::document(document(1), grown));
    let _ = (export::card(grown), export::calendar(grown), export::message(grown));
    let kind = grown.kind();
    let edit = [
        Edit::Set(schema::title(kind).into(), "after all".into()),
        Edit::Set(schema::notes(kind).into(), "after all, too".into()),
    ];
    let made = opened.edit(&edit, &actor(99), AT).expect("it can be edited").expect("which changes it");
    let made = gate::check(&made.bytes).expect("what is made passes");
    let mut other = grown.clone();
    assert_eq!(gate::apply(&mut other, std::slice::from_ref(&made)), [Ok(Verdict::New)], "and others take it");
    assert_eq!(other.text(schema::title(kind)), "after all", "and see it");
    for change in checked.iter().filter(|change| grown.has(change.header.hash)).take(UNDONE_MAX) {
        let undone = undo::undo(grown, &[change.header.hash]).expect("it is in the history");
        let mut taken_back = grown.clone();
        taken_back.edit(&undone.edits, &actor(98), AT).expect("what an undo wants can be written");
    }
    let refused: HashSet<_> = checked.iter().map(|change| change.header.hash).take(1).collect();
    let is_first = refused.iter().any(|hash| genesis::kind_of(*hash).is_some());
    if let Ok(redone) = gate::redo(grown, &refused, &actor(97))
        && !is_first
    {
        let again = Document::load(&redone.document.save()).expect("what was made again opens");
        assert_eq!(again.heads(), redone.document.heads(), "as it was made");
    }
}

/// The number of a record to begin with, and changes; bytes that are no list are one change.
fn read(input: &[u8]) -> (usize, Vec<&[u8]>) {
    let mut decoder = Decoder::new(input);
    let mut list = || -> Result<(usize, Vec<&[u8]>), minicbor::decode::Error> {
        let count = decoder.array()?.unwrap_or(0);
        let mut base = 0;
        let mut chunks = Vec::new();
        for _ in 0..count {
            match decoder.datatype()? {
                Type::Bytes => chunks.push(decoder.bytes()?),
                Type::U8 | Type::U16 => base = usize::from(decoder.u16()?),
                _ => decoder.skip()?,
            }
        }
        Ok((base, chunks))
    };
    list().unwrap_or_else(|_| (0, vec![input]))
}

fn written(base: usize, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let encode = |encoder: &mut Encoder<Vec<u8>>| {
        encoder.array(chunks.len() as u64 + 1)?.u64(base as u64)?;
        chunks.iter().try_for_each(|chunk| encoder.bytes(chunk).map(drop))
    };
    encode(&mut encoder).expect("memory takes everything");
    encoder.into_writer()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (at, base) in FILLED.iter().enumerate() {
        let changes: Vec<Vec<u8>> = following(base).into_iter().map(|change| change.bytes).collect();
        seeds.push(written(at, &changes));
        seeds.extend(changes.iter().map(|change| written(at, std::slice::from_ref(change))));
        seeds.push(written(at, &[genesis::bytes(base.kind()).to_vec(), changes[0].clone(), changes[0].clone()]));
    }
    let whole: Vec<Vec<u8>> = FILLED[0].changes_since(&[]).into_iter().map(|change| change.bytes).collect();
    seeds.extend([written(0, &whole), written(0, &[FILLED[0].save()])]);
    seeds
}
