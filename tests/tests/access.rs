//! Who belongs to a workspace, with real programs: rights, shutting out, and a relay that has lost who its members are.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test -p regard-tests --test access`, and read the difference.

use std::fmt::Write as _;
use std::path::Path;

use regard_tests::harness::{Fault, Person, Proxy, RelayProcess, Transcript, Way, stores};
use serde_json::Value;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn link_of(answer: &Value) -> String {
    answer["link"].as_str().expect("a link").to_owned()
}

fn id_of(answer: &Value) -> String {
    answer["record"]["id"].as_str().expect("an id").to_owned()
}

/// An owner, a member with two devices, and a reader.
struct Team {
    ana: Person,
    ben: Person,
    bens_phone: Person,
    carla: Person,
}

impl Team {
    fn gather(folder: &Path, relay: &RelayProcess) -> Self {
        let ana = Person::joins("Ana", folder, &relay.found("Lisbon Trading"));
        let ben = Person::joins("Ben", folder, &link_of(&ana.asks(&["invite"])));
        let carla = Person::joins("Carla", folder, &link_of(&ana.asks(&["invite", "--reader"])));
        let bens_phone = Person::joins_with("Ben", "phone", folder, &link_of(&ben.asks(&["invite", "--own-device"])));
        Self { ana, ben, bens_phone, carla }
    }

    fn all(&self) -> [&Person; 4] {
        [&self.ana, &self.ben, &self.bens_phone, &self.carla]
    }
}

#[test]
fn everybody_may_do_what_the_role_allows_and_is_told_why_not() {
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let team = Team::gather(folder.path(), &relay);
    for person in team.all() {
        let _: Value = person.asks(&["sync"]);
    }
    let mut text = String::new();
    let mut types = |person: &Person, who: &str, commands: &[&[&str]]| {
        let mut transcript = Transcript::of(person, folder.path());
        transcript.remarks(who);
        for command in commands {
            transcript.types(command);
        }
        text.push_str(&transcript.masked());
    };
    let (reader, member, owner) = ("Carla, a reader", "Ben, a member", "Ana, the owner");
    types(
        &team.carla,
        reader,
        &[
            &["add", "task", "summary=Offer"],
            &["invite"],
            &["device", "revoke", "Ben (phone)"],
            &["member", "role", "Carla", "owner"],
        ],
    );
    types(
        &team.ben,
        member,
        &[
            &["member", "list"],
            &["device", "list"],
            &["invite"],
            &["member", "remove", "Carla"],
            &["member", "role", "Carla", "member"],
            &["device", "revoke", "Ana (laptop)"],
            &["device", "revoke", "laptop"],
            &["device", "revoke", "phone"],
            &["device", "revoke", "phone"],
        ],
    );
    types(&team.bens_phone, "Ben's phone", &[&["status"], &["sync"], &["status"], &["member", "remove", "Carla"]]);
    types(
        &team.ana,
        owner,
        &[
            &["member", "remove", "Ana"],
            &["member", "role", "Ana", "member"],
            &["device", "revoke", "Ana (laptop)"],
            &["member", "remove", "Dora"],
            &["member", "role", "Carla", "member"],
            &["member", "remove", "Ben"],
            &["member", "remove", "Ben"],
            &["member", "role", "Ben", "member"],
            &["member", "list"],
            &["device", "list"],
        ],
    );
    types(&team.carla, "Carla, now a member", &[&["sync"], &["add", "task", "summary=Offer"]]);
    types(
        &team.ben,
        "Ben, removed",
        &[&["sync"], &["add", "task", "summary=Kept here"], &["status"], &["outbox", "list"]],
    );
    insta::assert_snapshot!("rights", text);
}

#[test]
fn the_relays_host_sees_to_members_and_devices() {
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let team = Team::gather(folder.path(), &relay);
    let mut transcript = Transcript::of(&team.ana, folder.path());
    let host = |transcript: &mut Transcript<'_>, command: &[&str]| {
        let said = relay.does(command);
        transcript.notes_of_host(command, &said);
        said
    };
    host(&mut transcript, &["member", "list", "Lisbon Trading"]);
    host(&mut transcript, &["device", "list", "lisbon trading"]);
    host(&mut transcript, &["member", "list", "Porto Trading"]);
    host(&mut transcript, &["device", "revoke", "Lisbon Trading", "Ben (phone)"]);
    host(&mut transcript, &["device", "revoke", "Lisbon Trading", "Ben (phone)"]);
    host(&mut transcript, &["member", "remove", "Lisbon Trading", "Ana"]);
    host(&mut transcript, &["member", "remove", "Lisbon Trading", "Carla"]);
    host(&mut transcript, &["workspace", "adopt", "00000000-0000-4000-8000-000000000000", "--key", "abc"]);
    let added =
        host(&mut transcript, &["member", "add", "Lisbon Trading", "--role", "reader", "--address", &relay.url()]);
    let half = added.stdout.trim().to_owned();
    let dora = Person::new("Dora", folder.path());
    let joining = ["join", &half, "--member", "Dora", "--device", "laptop"];
    transcript.remarks("Dora, with a link that is not complete");
    transcript.notes(&joining, &dora.does(&joining));
    transcript.remarks("Ana completes it");
    let whole = transcript.types(&["invite", "--complete", &half]).stdout.trim().to_owned();
    transcript.types(&["invite", "--complete", &whole]);
    let joining = ["join", &whole, "--member", "Dora", "--device", "laptop"];
    transcript.notes(&joining, &dora.does(&joining));
    let json = relay.does(&["member", "list", "Lisbon Trading", "--json"]);
    let members: Value = serde_json::from_str(&json.stdout).expect("JSON");
    let roles: Vec<_> = members.as_array().expect("members").iter().map(|member| &member["role"]).collect();
    assert_eq!(roles.len(), 4, "{members}");
    let secrets = whole.split_once('#').expect("a link").1;
    insta::assert_snapshot!("host", transcript.masked().replace(secrets, "[id].[id]"));
}

/// How far the others are just then depends on who was quicker.
fn without_devices(said: &str) -> String {
    said.split_inclusive('\n').filter(|line| !line.starts_with("  ")).collect()
}

/// Mails of some size: what is in them does not compress.
fn write_mails(folder: &Path, count: usize) -> String {
    const BODY_BYTES: usize = 20_000;
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mbox = String::new();
    for number in 0..count {
        let _ = write!(
            mbox,
            "From ben@x.example Mon Nov 23 10:00:00 2026\nFrom: ben@x.example\nTo: ana@x.example\n\
             Subject: Offer {number}\nDate: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <{number}@x.example>\n\n"
        );
        for at in 0..BODY_BYTES / 16 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let _ = write!(mbox, "{random:016x}");
            mbox.push_str(if at % 4 == 3 { "\n" } else { "" });
        }
        mbox.push_str("\n\n");
    }
    let path = folder.join("mails.mbox");
    std::fs::write(&path, mbox).expect("a file can be written");
    path.display().to_string()
}

#[test]
fn what_a_device_could_not_send_before_it_was_shut_out_goes_through_another() {
    const MAILS: usize = 200;
    /// More than the first of the mails take and fewer than all of them, on their way to the relay.
    const LET_THROUGH: u64 = 700 << 10;
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let Team { mut ana, mut ben, bens_phone, mut carla } = Team::gather(folder.path(), &relay);
    let task = id_of(&ana.asks(&["add", "task", "summary=Offer"]));
    for person in [&ana, &ben, &bens_phone] {
        let _: Value = person.asks(&["sync"]);
    }
    ana.up();
    carla.up();
    let proxy = Proxy::start(relay.address());
    proxy.suffers(Way::ToRelay, Fault::KeepsBackAfter(LET_THROUGH));
    let _: Value = ben.asks(&["relay", "move", &proxy.url()]);
    ben.up();
    let _: Value = ben.asks(&["offline"]);
    let _: Value = ben.asks(&["import", &write_mails(folder.path(), MAILS)]);
    let _: Value = ben.asks(&["edit", &task, "summary=Offer for Porto"]);
    let _: Value = ben.asks(&["online"]);
    let _: Value = ana.sees("some of it arrives", &["status"], |status| status["records"]["email"].as_u64() > Some(0));
    let _: Value = ana.asks(&["device", "revoke", "Ben (laptop)"]);
    let status = ben.sees("the device is shut out", &["status"], |status| !status["shut_out"].is_null());
    let unsent = status["outbox"]["waiting"].as_u64().expect("a number");
    println!("{unsent} of {} saves were unsent when the device was shut out", MAILS + 1);
    assert!(unsent > 0, "what the proxy kept back was not sent");
    assert_eq!(status["outbox"]["refused"], 0, "what was not sent still waits");
    assert_eq!(status["link"]["state"], "ended", "nothing is tried any more");

    let mut transcript = Transcript::of(&bens_phone, folder.path());
    transcript.remarks("Ben's laptop");
    transcript.notes(&["status"], &ben.does(&["status"]));
    ben.stops();
    transcript.remarks("nothing runs any more");
    let file = folder.path().join("unsent.saves").display().to_string();
    for command in [&["status"][..], &["outbox", "export", &file], &["outbox", "export", &file], &["sync"]] {
        transcript.notes(command, &ben.does(command));
    }
    transcript.remarks("Ben's phone");
    let stranger = Person::founds("Dora", folder.path());
    let cut = folder.path().join("cut.saves");
    let whole = std::fs::read(&file).expect("the export");
    std::fs::write(&cut, &whole[..whole.len() - 100]).expect("written");
    let mails = folder.path().join("mails.mbox").display().to_string();
    let missing = folder.path().join("missing").display().to_string();
    for file in [&mails, &missing, &cut.display().to_string(), &file, &file] {
        transcript.types(&["outbox", "import", file]);
    }
    transcript.types(&["sync"]);
    transcript.remarks("Carla, a reader");
    transcript.notes(&["outbox", "import", &file], &carla.does(&["outbox", "import", &file]));
    transcript.remarks("Dora, of another workspace");
    transcript.notes(&["outbox", "import", &file], &stranger.does(&["outbox", "import", &file]));
    let masked = transcript.masked().replace(&unsent.to_string(), "[unsent]");
    insta::assert_snapshot!("shut_out", without_devices(&masked));

    let everything = |status: &Value| status["records"]["email"] == MAILS && status["settled"] == true;
    for person in [&ana, &carla] {
        let _: Value = person.sees("everything is there", &["status"], everything);
        let shown = person.asks(&["show", &task]);
        assert_eq!(shown["fields"]["summary"], "Offer for Porto");
        assert_eq!(shown["saves"][0]["verified"], false, "another device brought it: {}", shown["saves"][0]);
        assert_eq!(shown["saves"][0]["by"], "Ben (laptop)");
    }
    ana.stops();
    carla.stops();
    let _: Value = bens_phone.asks(&["sync"]);
    let [anas, bens, phones, carlas] = [&ana, &ben, &bens_phone, &carla].map(|person| stores::held(person.folder()));
    anas.equals(&bens);
    anas.equals(&phones);
    anas.equals(&carlas);
    anas.is_the_log_once();
}

#[test]
fn a_relay_that_lost_its_members_is_told_by_an_owner_and_everybody_is_back() {
    let folder = folder();
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let Team { mut ana, mut ben, bens_phone, mut carla } = Team::gather(folder.path(), &relay);
    let _: Value = ana.asks(&["device", "revoke", "Ben (phone)"]);
    for person in [&mut ana, &mut ben, &mut carla] {
        person.up();
    }
    let task = id_of(&ben.asks(&["add", "task", "summary=Offer"]));
    for person in [&ana, &carla] {
        let _: Value = person.sees("the task is there", &["status"], |status| status["records"]["task"] == 1);
    }
    relay.kill();
    std::fs::remove_file(relay.folder().join("access.redb")).expect("there was one");
    let _: Value = ben.asks(&["edit", &task, "summary=Offer for Porto"]);
    relay.start_again();

    let show = ana.asks(&["relay", "show"]);
    let (workspace, key) = (show["workspace"].as_str().expect("an id"), show["public_key"].as_str().expect("a key"));
    let mut transcript = Transcript::of(&ana, folder.path());
    let is_unknown = |status: &Value| status["link"]["reason"]["cause"] == "unknown";
    let _: Value = ana.sees("the relay does not know the workspace", &["status"], is_unknown);
    transcript.types(&["relay", "show"]);
    transcript.types(&["status"]);
    transcript.types(&["relay", "adopt"]);
    let adopting = ["workspace", "adopt", workspace, "--key", key];
    transcript.notes_of_host(&adopting, &relay.does(&adopting));
    transcript.remarks("Ben, a member");
    transcript.notes(&["relay", "adopt"], &ben.does(&["relay", "adopt"]));
    transcript.remarks("Ana, the owner");
    transcript.types(&["relay", "adopt"]);
    transcript.notes_of_host(&adopting, &relay.does(&adopting));
    transcript.remarks("Ben's phone, shut out before");
    transcript.notes(&["sync"], &bens_phone.does(&["sync"]));
    insta::assert_snapshot!("adopt", without_devices(&transcript.masked()));

    for person in [&ana, &ben, &carla] {
        person.settles();
    }
    let _: Value =
        carla.sees("the edit is there", &["show", &task], |shown| shown["fields"]["summary"] == "Offer for Porto");
    ana.settles();
    for person in [&mut ana, &mut ben, &mut carla] {
        person.stops();
    }
    let [anas, bens, carlas] = [&ana, &ben, &carla].map(|person| stores::held(person.folder()));
    anas.equals(&bens);
    anas.equals(&carlas);
    anas.is_the_log_once();
}

/// The owner's device has not been online since Ben joined.
#[test]
fn a_device_that_the_owners_copy_lacks_comes_back_by_an_invitation() {
    let folder = folder();
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let ben = Person::joins("Ben", folder.path(), &link_of(&ana.asks(&["invite"])));
    let task = id_of(&ben.asks(&["add", "task", "summary=Offer"]));
    let _: Value = ben.asks(&["sync"]);
    let _: Value = ben.asks(&["edit", &task, "summary=Offer for Porto"]);
    relay.kill();
    std::fs::remove_file(relay.folder().join("access.redb")).expect("there was one");
    relay.start_again();
    let show = ana.asks(&["relay", "show"]);
    let (workspace, key) = (show["workspace"].as_str().expect("an id"), show["public_key"].as_str().expect("a key"));
    assert_eq!(relay.does(&["workspace", "adopt", workspace, "--key", key]).code, Some(0));
    let mut transcript = Transcript::of(&ben, folder.path());
    transcript.remarks("the relay waits");
    transcript.types(&["sync"]);
    let _: Value = ana.asks(&["relay", "adopt"]);
    transcript.remarks("Ana's copy of the directory lacks Ben");
    transcript.types(&["sync"]);
    let link = link_of(&ana.asks(&["invite"]));
    transcript.types(&["relay", "move", &link]);
    transcript.types(&["sync"]);
    let secrets = link.split_once('#').expect("a link").1;
    insta::assert_snapshot!("lacking", transcript.masked().replace(secrets, "[id].[id]"));
    let _: Value = ana.asks(&["sync"]);
    assert_eq!(ana.asks(&["show", &task])["fields"]["summary"], "Offer for Porto");
    stores::held(ana.folder()).equals(&stores::held(ben.folder()));
}

#[test]
fn the_relay_of_up_is_told_by_its_device_when_its_files_are_gone() {
    let folder = folder();
    let mut ana = Person::founds("Ana", folder.path());
    ana.up();
    ana.settles();
    let mut ben = Person::joins("Ben", folder.path(), &link_of(&ana.asks(&["invite"])));
    let task = id_of(&ben.asks(&["add", "task", "summary=Offer"]));
    ben.up();
    ben.settles();
    let _: Value = ana.sees("Ben is there", &["status"], |status| status["devices"][0]["online"] == true);
    ana.stops();
    let _: Value = ben.asks(&["edit", &task, "summary=Offer for Porto"]);
    std::fs::remove_dir_all(ana.folder().join("relay")).expect("there was one");
    ana.up();
    let _: Value =
        ana.sees("the edit arrives", &["show", &task], |shown| shown["fields"]["summary"] == "Offer for Porto");
    ana.settles();
    ben.settles();
    // Ana's device runs the relay.
    ben.stops();
    ana.stops();
    stores::held(ana.folder()).equals(&stores::held(ben.folder()));
}

#[test]
fn a_token_that_the_relay_does_not_know_is_replaced_by_the_key() {
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let _: Value = ana.asks(&["sync"]);
    let token = change_token(&ana, &"f".repeat(64));
    let _: Value = ana.asks(&["add", "task", "summary=Offer"]);
    let _: Value = ana.asks(&["sync"]);
    let renewed = change_token(&ana, &token);
    assert_ne!(renewed, "f".repeat(64), "the device has a new token");
    assert_ne!(renewed, token, "the old one is not given out again");
    let _: Value = ana.asks(&["sync"]);
    assert_ne!(change_token(&ana, &renewed), token, "and it is worth nothing");
}

/// Changes the token that a store holds, and answers the one before.
fn change_token(person: &Person, token: &str) -> String {
    let store = regard_client::store::Store::open(person.folder()).expect("nobody has it open");
    let before = store.settings().expect("readable").relay.expect("a relay").token;
    let changed = store.change_settings(|settings| {
        if let Some(relay) = &mut settings.relay {
            token.clone_into(&mut relay.token);
        }
    });
    changed.expect("writable");
    before
}

#[test]
fn a_device_is_told_where_its_relay_has_moved() {
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let other = RelayProcess::start(&folder.path().join("other"));
    let task = id_of(&ana.asks(&["add", "task", "summary=Offer"]));
    let _: Value = ana.asks(&["sync"]);
    let alone = Person::founds("Dora", folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    let foreign = other.found("Porto Trading");
    for to in ["somewhere", "http://127.0.0.1:1", &other.url(), &foreign, &relay.url(), &foreign[..foreign.len() - 3]] {
        transcript.types(&["relay", "move", to]);
    }
    transcript.types(&["sync"]);
    transcript.remarks("Dora, without a relay");
    for command in [&["relay", "show"][..], &["relay", "move", &relay.url()], &["relay", "adopt"], &["member", "list"]]
    {
        transcript.notes(command, &alone.does(command));
    }
    insta::assert_snapshot!("move", transcript.masked());
    assert_eq!(ana.asks(&["show", &task])["fields"]["summary"], "Offer");
}
