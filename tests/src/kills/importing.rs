//! Killed while importing: what was told to be durable is there, and importing again brings exactly what was missing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use regard_client::import::{self, Listener};
use regard_client::store::Store;

use super::killer::{Victim, moment};
use super::saving::make_store;
use super::told::is_sound;
use super::victim::tell;
use super::{Report, Scene};
use crate::bench::Failure;
use crate::bench::plan::Doing;

/// Cards of one import: a batch and some more.
const CARDS: u64 = 320;
const CARDS_A_FILE: u64 = 40;
/// Kills within one import, before it is ended and another one is begun.
const KILLS: u64 = 8;

pub(super) fn story(mut scene: Scene<'_>, count: u64) -> Result<Report, Failure> {
    let folder = make_store(&scene)?;
    let (mut imports, mut due) = (0, 0);
    let mut report = Report::default();
    while report.cycles < count {
        let cards = scene.folder.join(format!("cards-{imports}"));
        write_cards(&cards, imports)?;
        let mut durable = 0;
        for kill in 1..=KILLS.min(count - report.cycles) {
            let within = |failure: Failure| failure.within(&format!("import {imports}, kill {kill}"));
            let mut victim = Victim::start(&scene, "import", &folder, &cards.display().to_string())?;
            let lines = scene.seed.below(3);
            victim.hear(lines)?;
            moment(&mut scene.seed, 30_000);
            let told: u64 =
                victim.kill()?.iter().filter_map(|line| line.strip_prefix("imported ")?.parse::<u64>().ok()).sum();
            let here = records(&folder)? - due;
            let expected = durable + told;
            if here < expected {
                return Err(within(Failure::new(format!("{expected} were told to be imported, and {here} are there"))));
            }
            report.acknowledged += told;
            report.cycles += 1;
            durable = here;
        }
        let created = finish(&folder, &cards)?;
        if created != CARDS - durable {
            let found = format!("{durable} of {CARDS} were there, and importing again made {created}");
            return Err(Failure::new(found).within(&format!("import {imports}")));
        }
        due += CARDS;
        imports += 1;
    }
    // It takes longer than all imports.
    is_sound(&folder)?;
    Ok(report)
}

pub(super) fn work(folder: &Path, cards: &Path) -> Result<(), Failure> {
    let store = Store::open(folder).doing("opening the store")?;
    import(&store, cards, &mut |saved| tell(&format!("imported {saved}\n"))).map(drop)
}

/// Imports what is still missing, here, and answers how many records that made.
fn finish(folder: &Path, cards: &Path) -> Result<u64, Failure> {
    let store = Store::open(folder).doing("opening the store again")?;
    import(&store, cards, &mut |_| ())
}

fn import(store: &Store, cards: &Path, saved: &mut dyn FnMut(usize)) -> Result<u64, Failure> {
    let listener = Listener { tell: &mut |_| (), saved };
    let summary = import::paths(store, &[PathBuf::from(cards)], None, listener).doing("importing")?;
    Ok(summary.created.values().sum())
}

fn records(folder: &Path) -> Result<u64, Failure> {
    let store = Store::open(folder).doing("opening the store again")?;
    Ok(store.ids().doing("listing the records")?.len() as u64)
}

fn write_cards(folder: &Path, import: u64) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).doing("making a folder")?;
    for file in 0..CARDS / CARDS_A_FILE {
        let mut text = String::new();
        for card in file * CARDS_A_FILE..(file + 1) * CARDS_A_FILE {
            let written = write!(
                text,
                "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:card-{import}-{card}\r\nFN:Contact {card}\r\nEMAIL:c{card}@x.example\r\n\
                 NOTE:What is known of contact {card}.\r\nEND:VCARD\r\n"
            );
            written.doing("writing a card")?;
        }
        std::fs::write(folder.join(format!("{file:03}.vcf")), text).doing("writing cards")?;
    }
    Ok(())
}
