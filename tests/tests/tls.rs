//! Encrypted relays, as people meet them: made by one flag, or with a certificate of an authority.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test -p regard-tests --test tls`, and read the difference.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use regard_tests::harness::{Person, Program, RelayProcess, Said, Transcript, command};
use serde_json::Value;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The link for a workspace's first member, from a relay that is not told its address.
fn found(relay: &RelayProcess) -> String {
    let mut create = command(Program::Relay);
    create.arg("--data").arg(relay.folder()).args(["workspace", "create", "Lisbon Trading"]);
    let said: Said = create.output().expect("regard-relay can be run").into();
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said.stdout.trim().to_owned()
}

fn titles(person: &Person) -> Vec<String> {
    let answer = person.asks(&["list"]);
    let records = answer["records"].as_array().expect("records").iter();
    let mut titles: Vec<_> = records.map(|record| record["title"].as_str().expect("a title").to_owned()).collect();
    titles.sort();
    titles
}

#[test]
fn a_relay_that_made_its_certificate_is_joined_by_link_and_no_other_takes_its_place() {
    let folder = folder();
    let mut relay = RelayProcess::start_with(&folder.path().join("relay"), &["--tls-self-signed"]);
    let link = found(&relay);
    let (address, fragment) = link.split_once('#').expect("a fragment");
    assert!(address.starts_with(&format!("{}/join/", relay.url())), "{address}");
    let pin = fragment.split_once(".f").expect("a fingerprint").1;
    let file = relay.folder().join("self-signed.pem");
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);

    let ana = Person::joins("Ana", folder.path(), &link);
    let _: Value = ana.asks(&["add", "task", "summary=By Ana"]);
    let _: Value = ana.asks(&["sync"]);
    let invited = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    assert!(invited.ends_with(&format!(".f{pin}")), "{invited}");
    let ben = Person::joins("Ben", folder.path(), &invited);
    let _: Value = ben.asks(&["add", "task", "summary=By Ben"]);
    for person in [&ben, &ana] {
        let _: Value = person.asks(&["sync"]);
        assert_eq!(titles(person), ["By Ana", "By Ben"]);
    }

    let second = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    relay.kill();
    let kept = std::fs::read(&file).expect("the certificate");
    std::fs::remove_file(&file).expect("a file to remove");
    relay.start_again();
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["add", "task", "summary=Later"]);
    transcript.types(&["sync"]);
    transcript.types(&["invite"]);
    let carl = Person::new("Carl", folder.path());
    let joining = ["join", second.as_str(), "--member", "Carl", "--device", "laptop"];
    transcript.notes(&joining, &carl.does(&joining));
    assert!(!carl.folder().exists(), "a join that failed leaves nothing behind");
    let masked = transcript.masked().replace(second.split_once('#').expect("a fragment").1, "[fragment]");
    insta::assert_snapshot!("replaced", masked_fingerprints(&masked));

    // Whoever runs the relay says what its certificate is now.
    let mut settings = command(Program::Relay);
    settings.arg("--data").arg(relay.folder()).args(["settings", "--tls-self-signed"]);
    let said: Said = settings.output().expect("regard-relay can be run").into();
    let new_pin = said.stdout.split_whitespace().chain(said.stderr.split_whitespace());
    let new_pin = new_pin.map(|word| word.trim_end_matches('.')).find(|word| word.len() == 64).expect("a fingerprint");
    let wrong = ben.does(&["relay", "move", &relay.url(), "--certificate", "f1f3"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    let _: Value = ben.asks(&["relay", "move", &relay.url(), "--certificate", new_pin]);
    let _: Value = ben.asks(&["sync"]);

    relay.kill();
    std::fs::write(&file, kept).expect("a file");
    relay.start_again();
    let _: Value = ben.asks(&["relay", "move", &relay.url(), "--certificate", pin]);
    for person in [&ana, &ben] {
        let _: Value = person.asks(&["sync"]);
        assert_eq!(titles(person), ["By Ana", "By Ben", "Later"]);
    }
    let carl = Person::joins("Carl", folder.path(), &second);
    let _: Value = carl.asks(&["sync"]);
    assert_eq!(titles(&carl), ["By Ana", "By Ben", "Later"]);
}

/// Fingerprints in short are groups of four digits, which nothing else is.
fn masked_fingerprints(text: &str) -> String {
    let word = |word: &str| {
        let group = word.trim_end_matches([':', ';', ',']);
        let is_group = group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_group { format!("[four]{}", &word[4..]) } else { word.into() }
    };
    text.lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// A certificate for `localhost` and 127.0.0.1 by an authority of the test's own; answers the authority's file.
fn certified(folder: &Path) -> String {
    let (authority_key, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let mut authority = CertificateParams::new(Vec::new()).expect("an authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let vouching = authority.self_signed(&authority_key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, authority_key);
    let relay = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).expect("names");
    let relay = relay.signed_by(&key, &issuer).expect("a certificate");
    let write = |name: &str, content: String| {
        let path = folder.join(name);
        std::fs::write(&path, content).expect("a file");
        path.display().to_string()
    };
    write("relay.pem", relay.pem());
    write("relay-key.pem", key.serialize_pem());
    write("authority.pem", vouching)
}

#[test]
fn a_certificate_of_an_authority_that_the_system_trusts_needs_no_pin() {
    let folder = folder();
    let authority = certified(folder.path());
    let files = ["relay.pem", "relay-key.pem"].map(|name| folder.path().join(name).display().to_string());
    let flags = ["--tls-cert", files[0].as_str(), "--tls-key", files[1].as_str()];
    let relay = RelayProcess::start_with(&folder.path().join("relay"), &flags);
    let link = found(&relay);
    assert!(link.starts_with("https://127.0.0.1:") && !link.contains(".f"), "{link}");
    let ana = Person::new("Ana", folder.path());
    let joining = ["join", link.as_str(), "--member", "Ana", "--device", "laptop"];
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&joining);
    let trusting = |arguments: &[&str]| -> Said {
        let mut regard = ana.regard();
        regard.args(arguments).env("SSL_CERT_FILE", &authority).output().expect("regard can be run").into()
    };
    transcript.notes(&joining, &trusting(&joining));
    for arguments in [["sync"], ["status"]] {
        transcript.notes(&arguments, &trusting(&arguments));
    }
    insta::assert_snapshot!("authority", transcript.masked());
}
