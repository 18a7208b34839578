//! Something between device and relay lets the connection stand, answers every probe, and swallows what is pushed. What
//! others save arrives within the bound all the same.

use regard_tests::harness::{Person, RelayProcess, Swallower};
use serde_json::Value;

#[test]
fn what_others_save_arrives_within_the_bound_though_nothing_is_pushed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let swallower = Swallower::start(relay.address());
    let mut ben = Person::joins("Ben", folder.path(), &link.replacen(&relay.url(), &swallower.url(), 1));
    ben.up_with(&["--freshness-bound", "2"]);
    ben.settles();
    swallower.swallow();
    let id = ana.adds_contact("Dora");
    let _: Value = ana.asks(&["sync"]);
    // The session's own tests show that it is asked for within the bound; here it would never come without.
    ben.shows(&id, "full_name", "Dora");
    assert!(swallower.swallowed() > 0, "the push itself was swallowed");
    ben.stops();
}
