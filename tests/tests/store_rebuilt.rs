//! A device's file is damaged while saves wait that were never sent. The store is rebuilt, and the relay brings the rest.

use std::path::Path;

use regard_tests::harness::{Person, RelayProcess, stores};
use serde_json::Value;

const PAGE: usize = 4096;

struct Scene {
    folder: tempfile::TempDir,
    _relay: RelayProcess,
    ana: Person,
    /// Records that the relay has, each with an edit that it does not have.
    ids: Vec<String>,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let ids: Vec<_> = (0..8).map(|number| ana.adds_contact(&format!("Dora {number}"))).collect();
    let _: Value = ana.asks(&["sync"]);
    for id in &ids {
        let _: Value = ana.asks(&["edit", id, "company=Porto"]);
    }
    Scene { folder, _relay: relay, ana, ids }
}

fn damage(ana: &Person, damage: impl FnOnce(&mut Vec<u8>)) {
    let file = ana.folder().join("store.redb");
    let mut bytes = std::fs::read(&file).expect("the file");
    damage(&mut bytes);
    std::fs::write(&file, bytes).expect("written");
}

/// Rebuilds, fetches, and compares with a device that joins anew.
fn comes_back(scene: &Scene) -> Value {
    let Scene { folder, ana, ids, .. } = scene;
    let looked = ana.does(&["check"]);
    assert_eq!(looked.code, Some(8), "{looked:?}");
    assert!(looked.stderr.contains("check --rebuild"), "{looked:?}");
    let rebuilt = ana.asks(&["check", "--rebuild"]);
    let kept = rebuilt["damaged_file"].as_str().expect("the damaged file is kept");
    assert!(Path::new(kept).exists(), "{kept}");
    assert_eq!(ana.does(&["check"]).code, Some(0), "the new store is sound: {rebuilt}");
    let _: Value = ana.asks(&["sync"]);
    if let Some(file) = rebuilt["unsent_file"].as_str() {
        let _: Value = ana.asks(&["outbox", "import", file]);
        let _: Value = ana.asks(&["sync"]);
    }
    for (number, id) in ids.iter().enumerate() {
        ana.shows(id, "full_name", &format!("Dora {number}"));
    }
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let ben = Person::joins("Ben", folder.path(), &link);
    let _: Value = ben.asks(&["sync"]);
    stores::held(ben.folder()).equals(&stores::held(ana.folder()));
    rebuilt
}

#[test]
fn without_its_beginning_the_file_gives_everything_back_also_what_was_never_sent() {
    let scene = scene();
    damage(&scene.ana, |bytes| bytes[..PAGE].fill(0));
    let listed = scene.ana.does(&["list"]);
    assert_eq!(listed.code, Some(8), "{listed:?}");
    let rebuilt = comes_back(&scene);
    assert_eq!(rebuilt["unsent_lost"], 0, "{rebuilt}");
    for id in &scene.ids {
        scene.ana.shows(id, "company", "Porto");
    }
}

#[test]
fn rows_that_are_damaged_come_back_from_the_relay() {
    let scene = scene();
    // The bytes of one change, wherever they stand: its text is not packed.
    damage(&scene.ana, |bytes| {
        let text = b"Dora 3";
        let places: Vec<_> = (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
        assert!(!places.is_empty());
        for at in places {
            bytes[at] ^= 0x20;
        }
    });
    let rebuilt = comes_back(&scene);
    assert_eq!(rebuilt["records"], 8, "{rebuilt}");
    for id in &scene.ids {
        scene.ana.shows(id, "company", "Porto");
    }
}

#[test]
fn a_file_that_is_cut_off_gives_back_what_the_relay_has() {
    let scene = scene();
    damage(&scene.ana, |bytes| {
        let used = bytes.rchunks(PAGE).take_while(|page| page.iter().all(|byte| *byte == 0)).count();
        bytes.truncate(bytes.len() - (used + 2) * PAGE);
    });
    comes_back(&scene);
}

#[test]
fn a_store_of_which_nothing_is_left_says_how_to_go_on() {
    let scene = scene();
    damage(&scene.ana, |bytes| bytes.fill(0));
    let rebuilt = scene.ana.does(&["check", "--rebuild"]);
    assert_eq!(rebuilt.code, Some(8), "{rebuilt:?}");
    assert!(rebuilt.stderr.contains("regard restore") && rebuilt.stderr.contains("invitation"), "{rebuilt:?}");
}
