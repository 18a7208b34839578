//! A device of the simulated world: a real session over a real store on a simulated disk.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use regard_client::engine;
use regard_client::store::{Identity, RelayAccess, Save, Saved, Store, StoreError};
use regard_core::error::{Cause, Refusal};
use regard_core::limits::{ADDRESS_BOOK_EVERY, FRESHNESS_BOUND};
use regard_core::sync::{Effect, Event, Link, Session, Start};
use regard_core::time::Timestamp;
use regard_core::wire::{Subscribe, encode};

use super::clock::Clock;
use super::disk::{Disk, Ending, Faults};
use super::planted::{self, Planted};
use crate::harness::Seed;

/// What a device asks of the world around it.
#[derive(Debug)]
pub enum Wish {
    /// A connection to the relay.
    Connect,
    /// No connection any more.
    Close,
    /// A frame is to be sent.
    Send(Vec<u8>),
    /// The relay is to be asked beside the connection.
    Poll(Vec<Subscribe>),
    /// The store is a copy and wants to be a device of its own.
    Separate,
}

/// One device; its program runs or does not.
#[derive(Debug)]
pub struct Device {
    disk: Disk,
    seed: Seed,
    clock: Clock,
    program: Option<Program>,
    /// The last failure of the store, but for what it only refused.
    complaint: Option<String>,
    /// A bug in how its store is driven.
    planted: Option<Planted>,
}

struct Program {
    store: Store,
    /// How often the store's file had been opened when the session began with what it says.
    openings: u64,
    session: Session,
    /// The clock that the session goes by.
    clock: Clock,
    wake: Option<Timestamp>,
    is_redone: bool,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("link", self.session.link()).finish_non_exhaustive()
    }
}

impl Device {
    /// A device with a new store.
    ///
    /// # Errors
    /// As the store has it.
    pub fn new(
        disk: Disk,
        identity: Identity,
        access: RelayAccess,
        seed: Seed,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let store = Store::create_on(Arc::new(disk.clone()), identity)?;
        store.change_settings(|settings| settings.relay = Some(access))?;
        drop(store);
        Ok(Self { disk, seed, clock, program: None, complaint: None, planted: None })
    }

    /// A device on a disk that has a store.
    #[must_use]
    pub fn on(disk: Disk, seed: Seed, clock: Clock) -> Self {
        Self { disk, seed, clock, program: None, complaint: None, planted: None }
    }

    /// Plants a bug.
    pub fn plant(&mut self, planted: Option<Planted>) {
        self.planted = planted;
        let lies = planted == Some(Planted::SaveNotFlushed);
        self.disk.set_faults(Faults { lies, ..self.disk.faults() });
    }

    /// Its disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Its wall clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Its wall clock, to be set.
    pub fn clock_mut(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// The store, while its program runs.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.program.as_ref().map(|program| &program.store)
    }

    /// The session, while its program runs.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.program.as_ref().map(|program| &program.session)
    }

    /// The last failure of the store, which counts as told now.
    pub fn take_complaint(&mut self) -> Option<String> {
        self.complaint.take()
    }

    /// Whether its program runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.program.is_some()
    }

    /// Starts the program.
    ///
    /// # Errors
    /// As the store has it; it does not run then.
    pub fn start(&mut self, steady: u64) -> Result<(), StoreError> {
        let store = Store::open_on(Arc::new(self.disk.clone()))?;
        // A copy: what is set later does not reach it.
        let clock = self.clock;
        let openings = store.openings();
        let session = Session::new(start_of(&store, &mut self.seed)?, clock.at(steady));
        self.program = Some(Program { store, openings, session, clock, wake: None, is_redone: false });
        Ok(())
    }

    /// Begins a session anew where the store's disk has failed meanwhile, as the engine does.
    fn begin_anew(&mut self, steady: u64) -> Vec<Wish> {
        let Some(program) = &mut self.program else { return Vec::new() };
        let openings = program.store.openings();
        if openings == program.openings {
            return Vec::new();
        }
        let Ok(start) = start_of(&program.store, &mut self.seed) else { return Vec::new() };
        let is_online = !matches!(program.session.link(), Link::Offline { .. } | Link::Ended { .. });
        program.session = Session::new(start, program.clock.at(steady));
        (program.openings, program.wake, program.is_redone) = (openings, None, false);
        let mut wishes = vec![Wish::Close];
        if is_online {
            wishes.extend(self.take_in(Event::GoOnline, steady));
        }
        wishes
    }

    /// Ends the program in the middle of whatever it does.
    pub fn end(&mut self, ending: Ending) {
        self.disk.end(ending);
        let program = self.program.take();
        // A database whose file is gone may say so in its own way.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(program)));
    }

    /// Makes a save; `Ok` is the acknowledgement.
    ///
    /// # Errors
    /// As the store has it.
    pub fn save(&mut self, save: Save) -> Option<Result<Saved, StoreError>> {
        let program = self.program.as_ref()?;
        let saved = program.store.save(save, &mut self.seed);
        if let Err(error) = &saved {
            note(&mut self.complaint, error);
        }
        Some(saved)
    }

    /// When its session wants to be woken.
    #[must_use]
    pub fn wakes_at(&self) -> Option<u64> {
        let program = self.program.as_ref()?;
        program.wake.map(|at| program.clock.steady_of(at))
    }

    /// Tells its session that the time has come.
    pub fn wake(&mut self, steady: u64) -> Vec<Wish> {
        let wall = self.clock.at(steady);
        let mut wishes = Vec::new();
        if let Some(program) = &mut self.program {
            program.wake = None;
            if program.session.link().is_live() {
                let answered = engine::answer_complaints(&program.store, wall, &mut self.seed);
                let events =
                    answered.map_or_else(|error| vec![failed(&mut self.complaint, &error)], |(events, _)| events);
                wishes.extend(events.into_iter().flat_map(|event| self.handle(event, steady)));
            }
        }
        wishes.extend(self.handle(Event::Timer, steady));
        wishes
    }

    /// The socket stands: what the session is told of it.
    pub fn connected(&mut self, steady: u64) -> Vec<Wish> {
        let Some(program) = &self.program else { return Vec::new() };
        let event = match program.store.next_instance() {
            Ok(instance) => Event::Connected { instance },
            Err(error) => failed(&mut self.complaint, &error),
        };
        self.handle(event, steady)
    }

    /// Lets the session take in an event and performs what it wants of the store.
    pub fn handle(&mut self, event: Event, steady: u64) -> Vec<Wish> {
        let mut wishes = self.take_in(event, steady);
        wishes.extend(self.begin_anew(steady));
        wishes
    }

    fn take_in(&mut self, event: Event, steady: u64) -> Vec<Wish> {
        let wall = self.clock.at(steady);
        let Some(program) = &mut self.program else { return Vec::new() };
        let mut wishes = Vec::new();
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in program.session.handle(event, program.clock.at(steady)) {
                match effect {
                    Effect::Connect => {
                        if !program.is_redone {
                            match engine::redo(&program.store, wall, &mut self.seed) {
                                Ok(redone) => events.extend(redone),
                                Err(error) => {
                                    events.push_back(failed(&mut self.complaint, &error));
                                    continue;
                                }
                            }
                            program.is_redone = true;
                        }
                        wishes.push(Wish::Connect);
                    }
                    Effect::Close => wishes.push(Wish::Close),
                    Effect::Send(frame) => wishes.push(Wish::Send(encode(&frame))),
                    Effect::Poll { wishes: asked } => wishes.push(Wish::Poll(asked)),
                    Effect::Separate => wishes.push(Wish::Separate),
                    Effect::Wake(at) => program.wake = Some(at),
                    effect => match in_store(&program.store, effect, self.planted, wall, &mut self.seed) {
                        Ok((answer, _)) => events.extend(answer),
                        Err(error) => events.push_back(failed(&mut self.complaint, &error)),
                    },
                }
            }
        }
        wishes
    }
}

/// What the session wants of the store, with the bug where one is planted.
fn in_store(
    store: &Store,
    effect: Effect,
    planted: Option<Planted>,
    wall: Timestamp,
    seed: &mut Seed,
) -> Result<engine::InStore, StoreError> {
    let effect = match (planted, effect) {
        (Some(Planted::CursorBeforeApply), Effect::Apply { scope, epoch, packed }) => {
            if let Some(cursor) = planted::behind(epoch, &packed) {
                store.advance(scope, cursor)?;
            }
            Effect::Apply { scope, epoch, packed }
        }
        (Some(Planted::RefillForgotten), Effect::Refill { scope, at, .. }) => {
            store.advance(scope, at)?;
            return Ok((vec![Event::Refilled { scope, at, exceptions: Vec::new() }], Vec::new()));
        }
        (Some(planted), Effect::Settle { scope, epoch, outcomes, head }) => {
            Effect::Settle { scope, epoch, outcomes: planted.heard(outcomes), head }
        }
        (_, effect) => effect,
    };
    engine::in_store(store, effect, wall, seed)
}

fn start_of(store: &Store, seed: &mut Seed) -> Result<Start, StoreError> {
    Ok(Start {
        program: "world".into(),
        scopes: engine::scopes(store, ADDRESS_BOOK_EVERY)?,
        freshness_bound: FRESHNESS_BOUND,
        seed: seed.below(usize::MAX) as u64,
    })
}

/// What the engine makes of a store that fails.
fn failed(complaint: &mut Option<String>, error: &StoreError) -> Event {
    note(complaint, error);
    Event::Failed { reason: Refusal::new(Cause::Unavailable, error.to_string()) }
}

fn note(complaint: &mut Option<String>, error: &StoreError) {
    // What a relay sends in the wrong order is refused, and that is right.
    if !matches!(error, StoreError::Refused(_)) {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        *complaint = Some(format!("{error}{cause}"));
    }
}
