//! A client is killed while it saves and synchronizes, or its relay, or both: what the client was told is durable is on its
//! disk, and what it was told is visible is on the relay's.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use regard_client::engine::{Engine, EngineSchedule, Notice};
use regard_client::relay_http;
use regard_client::store::Store;
use regard_core::id::UnitId;
use regard_core::wire::access::InviteRequest;
use regard_core::wire::{Role, Scope};
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::killer::{Victim, moment};
use super::relaying::{Hub, logged};
use super::saving::{CHECKED_EVERY, Changed, save_on, tell_saved};
use super::told::{Acknowledged, is_sound, line, read};
use super::victim::tell;
use super::{Report, Scene};
use crate::bench::Failure;
use crate::bench::plan::Doing;
use crate::bench::raw::Raw;
use crate::bench::stage::join;

/// Attempts to settle in the end: the first may meet the wait after a connection that broke.
const SETTLING_MAX: usize = 20;

pub(super) fn story(mut scene: Scene<'_>, count: u64) -> Result<Report, Failure> {
    let hub = Hub::make(&scene)?;
    let folder = scene.folder.join("store");
    let mut relay = hub.start(&scene)?;
    relay.hear(1)?;
    hub.runtime.block_on(make_store(&hub, &folder))?;
    let (mut saved, mut visible) = (Acknowledged::default(), Acknowledged::default());
    let mut client = Victim::start(&scene, "sync", &folder, "")?;
    for cycle in 1..=count {
        let within = |failure: Failure| failure.within(&format!("kill {cycle}"));
        let lines = scene.seed.below(60);
        client.hear(lines)?;
        moment(&mut scene.seed, 20_000);
        let dies = scene.seed.below(3);
        if dies == 1 {
            relay = after_a_kill(relay, &hub, &scene)?;
            continue;
        }
        for told in client.kill()? {
            if let Some(told) = read("saved", &told) {
                saved.add(told);
            }
            if let Some(told) = read("visible", &told) {
                visible.add(told);
            }
        }
        saved.are_in(&folder).map_err(within)?;
        if cycle % CHECKED_EVERY == 0 {
            is_sound(&folder).map_err(within)?;
        }
        if dies == 2 {
            // Nobody who could fill the relay again is there.
            relay = after_a_kill(relay, &hub, &scene)?;
            are_logged(&hub, &visible).map_err(within)?;
        }
        client = Victim::start(&scene, "sync", &folder, "")?;
    }
    for told in client.kill()?.iter().filter_map(|told| read("saved", told)) {
        saved.add(told);
    }
    settle(&hub, &folder)?;
    are_logged(&hub, &saved).map_err(|failure| failure.within("after everything was sent"))?;
    relay.kill()?;
    hub.is_sound()?;
    is_sound(&folder)?;
    Ok(Report { cycles: count, acknowledged: saved.count() + visible.count() })
}

fn after_a_kill(relay: Victim, hub: &Hub, scene: &Scene<'_>) -> Result<Victim, Failure> {
    relay.kill()?;
    let mut relay = hub.start(scene)?;
    relay.hear(1)?;
    Ok(relay)
}

/// Whether all of these stand in the relay's log.
fn are_logged(hub: &Hub, acknowledged: &Acknowledged) -> Result<(), Failure> {
    let log = hub.runtime.block_on(async {
        let mut raw = Raw::connect(&hub.owner.access, hub.workspace).await?;
        logged(&mut raw).await
    })?;
    let log: std::collections::HashSet<_> = log.into_iter().collect();
    acknowledged.are_among(|id, change| log.contains(&(id, change)))
}

async fn make_store(hub: &Hub, folder: &Path) -> Result<(), Failure> {
    let request = InviteRequest { member: None, role: Role::Member };
    let invited = relay_http::invite(&hub.owner.access, hub.workspace, &request).await.doing("inviting")?;
    let address = &hub.owner.access.address;
    let joined = join(address, hub.workspace, hub.namespace, invited.secret, false).await?;
    let store = Store::create(folder, joined.identity).doing("making a store")?;
    store.change_settings(|settings| settings.relay = Some(joined.access)).doing("setting the relay")
}

/// Lets everything that is on this disk be sent, and everything else come.
fn settle(hub: &Hub, folder: &Path) -> Result<(), Failure> {
    hub.runtime.block_on(async {
        let store = Arc::new(Store::open(folder).doing("opening the store")?);
        let (engine, running) = Engine::start(store, EngineSchedule::default()).doing("starting an engine")?;
        let mut settled = engine.settle().await;
        for _ in 1..SETTLING_MAX {
            if settled.is_ok() {
                break;
            }
            settled = engine.settle().await;
        }
        drop(engine);
        running.await.doing("ending an engine")?;
        settled.doing("settling")
    })
}

pub(super) fn work(folder: &Path) -> Result<(), Failure> {
    let runtime = Runtime::new().doing("starting threads")?;
    let store = Arc::new(Store::open(folder).doing("opening the store")?);
    let (engine, _running) = {
        let _within = runtime.enter();
        Engine::start(Arc::clone(&store), EngineSchedule::default()).doing("starting an engine")?
    };
    let units: Arc<Mutex<HashMap<UnitId, Vec<Changed>>>> = Arc::default();
    let telling = runtime.spawn(tell_visible(engine.notices(), Arc::clone(&units)));
    runtime.block_on(engine.go_online());
    let saving = save_on(&store, 0, |unit, changes| {
        tell_saved(changes);
        let Some(save) = unit else { return };
        units.lock().unwrap_or_else(PoisonError::into_inner).insert(save, changes.to_vec());
        let records = changes.iter().map(|(id, _)| *id).collect();
        runtime.block_on(engine.saved(Scope::Records, Notice::Saved { save, records }));
    });
    saving?;
    runtime.block_on(telling).doing("telling")
}

async fn tell_visible(mut notices: broadcast::Receiver<Notice>, units: Arc<Mutex<HashMap<UnitId, Vec<Changed>>>>) {
    loop {
        match notices.recv().await {
            Ok(Notice::Visible { save }) => {
                let changes = units.lock().unwrap_or_else(PoisonError::into_inner).remove(&save);
                changes.iter().flatten().for_each(|(id, change)| tell(&line("visible", *id, *change)));
            }
            // What was missed is only not told.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
