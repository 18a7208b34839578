//! The story itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cast::{Person, RelayProcess, problem};
use super::claims::{self, Promised};
use super::samples;
use crate::api::types::Problem;

const WORKSPACE: &str = "Lisbon Trading";

pub(super) fn play(files: &[PathBuf], keep: bool, json: bool) -> Result<(), Problem> {
    let folder = tempfile::Builder::new().prefix("regard-demo-").tempdir();
    let mut folder = folder.map_err(|error| problem(format!("no temporary folder can be made: {error}")))?;
    folder.disable_cleanup(keep);
    let mut teller = Teller { json, told: Vec::new() };
    let outcome = Story::begin(folder.path(), &mut teller).and_then(|story| story.play(files));
    if keep {
        teller.tell(format!("Everything is in {}", folder.path().display()));
    }
    outcome?;
    teller.tell("Every claim was checked against both stores. Now for yourself: `regard init`, then `regard up`");
    teller.end();
    Ok(())
}

/// Says what happens, in plain words.
struct Teller {
    json: bool,
    told: Vec<String>,
}

impl Teller {
    fn chapter(&mut self, title: &str) {
        self.say(&format!("\n{title}"));
    }

    fn tell(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        self.say(&sentence);
        self.told.push(sentence);
    }

    /// Something that was just checked.
    fn holds(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        self.say(&format!("  ✓ {sentence}"));
        self.told.push(sentence);
    }

    fn say(&self, text: &str) {
        if !self.json {
            anstream::println!("{text}");
        }
    }

    fn end(self) {
        if self.json {
            anstream::println!("{}", json!({ "told": self.told }));
        }
    }
}

struct Story<'a> {
    folder: &'a Path,
    teller: &'a mut Teller,
    relay: RelayProcess,
    ana: Person,
    ben: Person,
    promised: Vec<Promised>,
}

/// The records that both edit.
struct Props {
    contact: String,
    task: String,
}

impl<'a> Story<'a> {
    fn begin(folder: &'a Path, teller: &'a mut Teller) -> Result<Self, Problem> {
        teller.chapter("1. A relay, Ana and Ben");
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let relay = RelayProcess::start(&folder.join("relay"), anywhere, Some(WORKSPACE))?;
        teller.tell(format!("A relay runs at http://{} as a process of its own.", relay.address));
        let founding = relay.founding.clone().ok_or_else(|| problem("the relay founded no workspace"))?;
        let ana = Person::joins("Ana", folder.join("ana"), &founding)?;
        let invitation = ana.does(&["invite"])?;
        let link = invitation["link"].as_str().ok_or_else(|| problem("the invitation has no link"))?;
        let ben = Person::joins("Ben", folder.join("ben"), link)?;
        teller.tell(format!("Ana founds the workspace “{WORKSPACE}” and invites Ben, who joins with her link."));
        Ok(Self { folder, teller, relay, ana, ben, promised: Vec::new() })
    }

    fn play(mut self, files: &[PathBuf]) -> Result<(), Problem> {
        self.import(files)?;
        let props = self.prepare()?;
        self.edit_offline(&props)?;
        self.lose_the_relay()?;
        self.merge(&props)?;
        self.tell_visibility(&props)?;
        self.decide(&props)?;
        self.compare()
    }

    fn import(&mut self, files: &[PathBuf]) -> Result<(), Problem> {
        self.teller.chapter("2. Ana imports mail, cards and calendars");
        let samples = self.folder.join("samples");
        let paths = if files.is_empty() {
            samples::write(&samples).map_err(|error| problem(format!("the samples cannot be written: {error}")))?;
            vec![samples]
        } else {
            files.to_vec()
        };
        let mut arguments = vec!["import"];
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        arguments.extend(paths.iter().map(String::as_str));
        let imported = self.ana.does(&arguments)?;
        let summary = &imported["summary"];
        let created = words(&summary["created"]);
        self.teller
            .tell(format!("Imported: {created} from {} files; {} skipped.", summary["files"], summary["skipped"]));
        for skipped in imported["skipped"].as_array().into_iter().flatten().take(3) {
            self.teller.tell(format!("  Skipped {}: {}", text(&skipped["file"]), text(&skipped["reason"])));
        }
        let again = self.ana.does(&arguments)?;
        claim(again["summary"]["created"] == json!({}), "importing again makes nothing new", &again)?;
        self.teller.holds("Importing the same again changes nothing.");
        let records = self.ana.does(&["status"])?["records"].clone();
        self.ben
            .sees("all records are there", &["status"], |status| status["records"] == records && is_settled(status))?;
        self.teller.holds(format!("Ben has them all: {}.", words(&records)));
        Ok(())
    }

    fn prepare(&mut self) -> Result<Props, Problem> {
        let add = |arguments: &[&str]| self.ana.does(arguments).map(|answer| text(&answer["record"]["id"]));
        let contact = add(&[
            "add",
            "contact",
            "full_name=Carla Nunes",
            "company=Porto Ceramics",
            "emails+=carla@porto-ceramics.example",
            "job_title=Buyer",
            "notes=Met at the fair.",
        ])?;
        let task = add(&["add", "task", "summary=Send the price list", "due=2026-12-01"])?;
        for id in [&contact, &task] {
            self.ben.sees("the new record is there", &["list", "--limit", "10"], |list| ids(list).contains(id))?;
        }
        self.teller.holds("Ana adds a contact and a task by hand; Ben sees both as soon as they are saved.");
        Ok(Props { contact, task })
    }

    fn edit_offline(&mut self, props: &Props) -> Result<(), Problem> {
        self.teller.chapter("3. Both work offline");
        self.ana.does(&["offline"])?;
        self.ben.does(&["offline"])?;
        let Props { contact, task } = props;
        let mut before = Vec::new();
        for id in [contact, task] {
            before.extend(claims::changes(&self.ana.does(&["inspect", "doc", id])?)?);
        }
        self.ana.does(&[
            "edit",
            contact,
            "job_title=Head of purchasing",
            "notes=Wants samples by May. Met at the fair.",
        ])?;
        self.ben.does(&["edit", contact, "job_title=Purchasing manager", "phones+=+351 22 000 1122"])?;
        self.ben.does(&["edit", contact, "notes=Met at the fair. Prefers mail to calls."])?;
        self.teller.tell(
            "Both edit Carla: each gives her another job title and writes into the same notes; Ben adds a phone.",
        );
        self.ana.does(&["delete", task])?;
        self.ben.does(&["edit", task, "percent=50"])?;
        self.teller.tell("Ana deletes the task “Send the price list”, while Ben notes that it is half done.");
        let lead = self.ana.does(&["add", "lead", "topic=Tiles for a hotel", "full_name=Rui Alves"])?;
        let account = self.ben.does(&["add", "account", "name=Porto Ceramics"])?;
        self.teller.tell("Ana adds a lead, Ben adds an account.");
        let added = [(&self.ana, text(&lead["record"]["id"])), (&self.ben, text(&account["record"]["id"]))];
        for (person, id) in added.iter().map(|(person, id)| (*person, id)).chain([
            (&self.ana, contact),
            (&self.ben, contact),
            (&self.ana, task),
            (&self.ben, task),
        ]) {
            let now = claims::changes(&person.does(&["inspect", "doc", id])?)?;
            self.promised.extend(now.into_iter().filter(|change| !before.contains(change)));
        }
        for (person, count) in [(&self.ana, 3), (&self.ben, 4)] {
            let status = person.does(&["status"])?;
            claim(status["outbox"]["waiting"] == count, "offline saves wait", &status)?;
            self.teller
                .holds(format!("{}: {count} saves are durable here and wait; nobody else sees them.", person.name));
        }
        Ok(())
    }

    fn lose_the_relay(&mut self) -> Result<(), Problem> {
        self.teller.chapter("4. The relay is killed");
        let address = self.relay.address;
        let folder = self.folder.join("relay");
        self.relay.kill()?;
        self.teller.tell("kill -9: the relay is gone without a goodbye.");
        self.ana.does(&["online"])?;
        let status = self.ana.sees("the relay is away", &["status"], |status| status["link"]["state"] == "waiting")?;
        claim(status["outbox"]["waiting"] == 3, "nothing is lost with the relay", &status)?;
        self.teller.holds("Ana goes online and is told that the relay is not reached; her saves are kept.");
        self.relay = RelayProcess::start(&folder, address, None)?;
        self.teller.tell("The relay is started again, on what it had on its disk.");
        Ok(())
    }

    fn merge(&mut self, props: &Props) -> Result<(), Problem> {
        self.teller.chapter("5. Both are online again");
        self.ben.does(&["online"])?;
        self.ana.does(&["online"])?;
        for person in [&self.ana, &self.ben] {
            person.sees("everything is sent", &["status"], |status| {
                is_settled(status) && status["outbox"]["waiting"] == 0
            })?;
        }
        let Props { contact, task } = props;
        let shows = |person: &Person, id: &String| person.does(&["show", id]);
        let merged = |view: &Value| heads_of(view) >= 3;
        let ana = self.ana.sees("Carla is merged", &["show", contact], merged)?;
        let ben = self.ben.sees("Carla is merged", &["show", contact], merged)?;
        for view in [&ana, &ben] {
            let notes = text(&view["fields"]["notes"]);
            claim(
                notes.contains("Wants samples by May.") && notes.contains("Prefers mail to calls."),
                "both notes stay",
                view,
            )?;
            claim(view["entries"]["phones"]["+351 22 000 1122"].is_object(), "the phone stays", view)?;
            claim(view["fields"] == ana["fields"], "both see the same", view)?;
        }
        self.teller.holds(format!("Carla's notes hold what both wrote: “{}”", text(&ana["fields"]["notes"])));
        self.teller.holds("Ben's phone number is there for both.");
        let conflict = ana["conflicts_at"].as_array().and_then(|all| all.iter().find(|c| c["place"] == "job_title"));
        let conflict = conflict.ok_or_else(|| problem(format!("the job title is in no conflict: {ana}")))?;
        claim(ben["conflicts_at"] == ana["conflicts_at"], "both see the same conflict", &ben)?;
        let other = &conflict["others"][0];
        self.teller.holds(format!(
            "Her job title was in conflict: both see “{}” by {}, and that {} wrote “{}”.",
            text(&conflict["shown"]["value"]),
            text(&conflict["shown"]["by"]),
            text(&other["by"]),
            text(&other["value"]),
        ));
        let undecided = |view: &Value| view["life"] == "undecided";
        self.ana.sees("the task waits for a decision", &["show", task], undecided)?;
        self.ben.sees("the task waits for a decision", &["show", task], undecided)?;
        claim(shows(&self.ana, task)?["fields"]["percent"] == 50, "the edit of a deleted record stays", &json!(null))?;
        self.teller.holds(
            "The task that one deleted and the other edited is there for both, to be decided; the edit is kept.",
        );
        Ok(())
    }

    fn tell_visibility(&mut self, props: &Props) -> Result<(), Problem> {
        self.teller.chapter("6. Who can see what, since when");
        let told = |view: &Value| {
            let saves = view["saves"].as_array().cloned().unwrap_or_default();
            !saves.is_empty()
                && saves.iter().all(|save| save["visible"].is_object() && !applied(save).contains("not yet"))
        };
        for (person, id) in [(&self.ana, &props.contact), (&self.ana, &props.task), (&self.ben, &props.contact)] {
            let view = person.sees("every save is applied everywhere", &["show", id], told)?;
            self.teller.tell(format!("As {} sees “{}”:", person.name, text(&view["title"])));
            for save in view["saves"].as_array().into_iter().flatten() {
                let (by, at) = (text(&save["by"]), clock(&save["visible"]["at"]));
                let line = format!(
                    "saved by {by}: visible since {at} as number {} of the log; {}",
                    save["visible"]["seq"],
                    applied(save)
                );
                self.teller.holds(line);
            }
        }
        Ok(())
    }

    fn decide(&mut self, props: &Props) -> Result<(), Problem> {
        self.teller.chapter("7. Ben decides");
        self.ben.does(&["undelete", &props.task])?;
        for person in [&self.ben, &self.ana] {
            person.sees("the task is back", &["show", &props.task], |view| view["life"] == "live")?;
        }
        self.teller.holds("Ben keeps the task; it is back for Ana too, half done.");
        Ok(())
    }

    fn compare(mut self) -> Result<(), Problem> {
        self.teller.chapter("8. The two stores, compared");
        for person in [&self.ana, &self.ben] {
            person.sees("everything is settled", &["status"], is_settled)?;
        }
        self.ana.stops()?;
        self.ben.stops()?;
        let compared = claims::check_stores(&self.ana.folder, &self.ben.folder, &self.promised)?;
        self.teller.holds(format!(
            "{} records with {} changes: the same heads in both stores.",
            compared.records, compared.changes
        ));
        self.teller.holds(format!(
            "All {} changes that were made offline are in both histories: nothing is lost.",
            compared.promised
        ));
        Ok(())
    }
}

fn claim(holds: bool, what: &str, seen: &Value) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(problem(format!("it does not hold that {what}: {seen}"))) }
}

fn is_settled(status: &Value) -> bool {
    status["settled"] == true
}

/// The saves that are known of a record: one when it was made, and those of both sides.
fn heads_of(view: &Value) -> usize {
    view["saves"].as_array().map_or(0, Vec::len)
}

fn ids(list: &Value) -> Vec<String> {
    list["records"].as_array().into_iter().flatten().map(|record| text(&record["id"])).collect()
}

fn applied(save: &Value) -> String {
    let device = |device: &Value| {
        let name = text(&device["name"]);
        match device["state"].as_str() {
            Some("author") => format!("made by {name}"),
            Some("applied") => format!("at {name} since {}", clock(&device["at"])),
            Some("set-aside") => format!("set aside by {name}"),
            _ => format!("at {name} not yet"),
        }
    };
    save["devices"].as_array().into_iter().flatten().map(device).collect::<Vec<_>>().join(", ")
}

fn words(counts: &Value) -> String {
    let counts = counts.as_object().into_iter().flatten().filter(|(_, count)| **count != 0);
    let counts: Vec<_> =
        counts.map(|(kind, count)| format!("{count} {kind}{}", if *count == 1 { "" } else { "s" })).collect();
    if counts.is_empty() { "nothing".into() } else { counts.join(", ") }
}

/// The time of day of an exact time.
fn clock(time: &Value) -> String {
    let exact = text(time);
    exact.split_once('T').map_or(exact.clone(), |(_, clock)| clock.to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
