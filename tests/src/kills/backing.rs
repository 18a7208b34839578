//! Killed while backing up: a copy that was told to be made is whole, and has every save that was acknowledged before it was
//! begun.

use std::path::Path;

use regard_client::store::Store;

use super::killer::{Victim, moment};
use super::saving::{CHECKED_EVERY, make_store, save_on, tell_saved};
use super::told::{Acknowledged, is_sound, read};
use super::victim::tell;
use super::{Report, Scene};
use crate::bench::Failure;
use crate::bench::plan::Doing;

const BEGUN: &str = "backing-up";
const DONE: &str = "backed-up";
/// Copies of one victim.
const BACKUPS_MAX: usize = 1_000;

pub(super) fn story(mut scene: Scene<'_>, count: u64) -> Result<Report, Failure> {
    let folder = make_store(&scene)?;
    let (backups, restored) = (scene.folder.join("backups"), scene.folder.join("restored"));
    let (mut acknowledged, mut copies) = (Acknowledged::default(), 0);
    for cycle in 1..=count {
        std::fs::create_dir_all(&backups).doing("making a folder")?;
        let mut victim = Victim::start(&scene, "back-up", &folder, &backups.display().to_string())?;
        let lines = scene.seed.below(16);
        victim.hear(lines)?;
        moment(&mut scene.seed, 10_000);
        let told = victim.kill()?;
        let within = |failure: Failure| failure.within(&format!("kill {cycle}"));
        let last_done = told.iter().rposition(|line| line.starts_with(DONE));
        let begun = last_done.and_then(|at| told[..at].iter().rposition(|line| line.starts_with(BEGUN)));
        for (at, line) in told.iter().enumerate() {
            if Some(at) == begun {
                let file = backups.join(line.trim_start_matches(BEGUN).trim());
                Store::restore(&file, &restored).doing("restoring an acknowledged backup").map_err(within)?;
                acknowledged.are_in(&restored).map_err(|failure| within(failure.within("restored")))?;
                std::fs::remove_dir_all(&restored).doing("removing what was restored")?;
                copies += 1;
            }
            if let Some(told) = read("saved", line) {
                acknowledged.add(told);
            }
        }
        acknowledged.are_in(&folder).map_err(within)?;
        if cycle % CHECKED_EVERY == 0 {
            is_sound(&folder).map_err(within)?;
        }
        std::fs::remove_dir_all(&backups).doing("removing the backups")?;
    }
    Ok(Report { cycles: count, acknowledged: acknowledged.count() + copies })
}

pub(super) fn work(folder: &Path, backups: &Path) -> Result<(), Failure> {
    let store = Store::open(folder).doing("opening the store")?;
    std::thread::scope(|scope| {
        scope.spawn(|| save_on(&store, 0, |_, changes| tell_saved(changes)));
        for number in 0..BACKUPS_MAX {
            tell(&format!("{BEGUN} {number}\n"));
            store.backup(&backups.join(number.to_string())).doing("backing up")?;
            tell(&format!("{DONE} {number}\n"));
        }
        Ok(())
    })
}
