//! Where the relay's settings come from, and what is said of those that cannot be used.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test -p regard-tests --test relay_settings`, and read the
//! difference.

use std::fmt::Write;
use std::path::Path;

use regard_tests::harness::{Program, Said, command, mask};

/// Runs `regard-relay` with an environment, and notes what is said as [`regard_tests::harness::Transcript`] does.
fn types(text: &mut String, environment: &[(&str, &str)], arguments: &[&str]) {
    let mut relay = command(Program::Relay);
    let said: Said = relay.envs(environment.iter().copied()).args(arguments).output().expect("it can be run").into();
    text.push_str("$ ");
    for (name, value) in environment {
        let _ = write!(text, "{name}='{value}' ");
    }
    let _ = writeln!(text, "regard-relay {}", arguments.join(" "));
    text.push_str(&said.stdout);
    for line in said.stderr.lines() {
        let _ = writeln!(text, "! {line}");
    }
    let _ = writeln!(text, "[exit {}]\n", said.code.expect("a code"));
}

/// Columns are as wide as the folder's path makes them.
fn masked(text: &str, folder: &Path) -> String {
    let masked = mask::mask(text, &folder.canonicalize().expect("a folder"));
    masked.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn every_setting_is_shown_with_its_origin() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().canonicalize().expect("a folder");
    let file = "address = \"https://relay.example.org\"\nlisten = \"0.0.0.0:80\"\ntls_cert = \"cert.pem\"\n\
                tls_key = \"/etc/key.pem\"\n";
    std::fs::write(data.join("relay.toml"), file).expect("a file");
    let named = data.join("other.toml").display().to_string();
    std::fs::write(&named, "insecure_http = true\n").expect("a file");
    let data = data.display().to_string();
    let mut text = String::new();
    types(&mut text, &[], &["settings"]);
    types(&mut text, &[("REGARD_RELAY_DATA", &data)], &["settings"]);
    let environment = [("REGARD_RELAY_LISTEN", "0.0.0.0:81"), ("REGARD_RELAY_TLS_NAME", "a.example, b.example")];
    types(&mut text, &environment, &["--data", &data, "settings", "--listen", "0.0.0.0:82", "--insecure-http"]);
    types(&mut text, &environment, &["--data", &data, "--config", &named, "settings", "--json"]);
    types(&mut text, &[("REGARD_RELAY_CONFIG", &named), ("REGARD_RELAY_LISEN", "0.0.0.0:83")], &["settings"]);
    insta::assert_snapshot!("origins", masked(&text, folder.path()));
}

#[test]
fn settings_that_cannot_be_used_are_refused_with_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().canonicalize().expect("a folder");
    let config = data.join("relay.toml");
    let shown = data.display().to_string();
    let mut text = String::new();
    types(&mut text, &[], &["serve"]);
    types(&mut text, &[("REGARD_RELAY_LISTEN", "somewhere")], &["--data", &shown, "serve"]);
    types(&mut text, &[], &["--data", &shown, "serve", "--listen", "7171"]);
    types(&mut text, &[], &["--data", &shown, "serve", "--listen", "0.0.0.0:7171"]);
    types(&mut text, &[], &["--data", &shown, "--config", "/nowhere/relay.toml", "serve"]);
    types(&mut text, &[], &["--data", &shown, "serve", "--tls-cert", "/nowhere/cert.pem"]);
    types(
        &mut text,
        &[],
        &["--data", &shown, "serve", "--tls-cert", "/nowhere/cert.pem", "--tls-key", "/nowhere/key.pem"],
    );
    let set = [("REGARD_RELAY_TLS_SELF_SIGNED", "true"), ("REGARD_RELAY_TLS_NAME", "bad name ü")];
    types(&mut text, &set, &["--data", &shown, "serve"]);
    for file in ["listen = 7171\n", "lisen = \"127.0.0.1:7171\"\n", "listen = \n", "tls_self_signed = \"maybe\"\n"] {
        std::fs::write(&config, file).expect("a file");
        types(&mut text, &[], &["--data", &shown, "serve"]);
    }
    insta::assert_snapshot!("refused", masked(&text, folder.path()));
}
