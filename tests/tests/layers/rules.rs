//! The import rules, each with its reason.
//!
//! 1. `relay` and the client's library never name each other; only the command `up` and the demo run the relay, embedded.
//! 2. Core's modules know only their own layer and those below: `id time limits error` <- `wire record` <-
//!    `gate tracking import export` <- `sync visibility inspect`.
//! 3. Only core's `gate`, `record` and `inspect` name automerge: whatever reaches it has passed the gate.
//! 4. redb is named in the two `store` modules alone, so that another database can take its place.
//! 5. axum is named in the relay and in the client's local API alone.
//! 6. Printing is the command line's: a library returns what it has to say.
//! 7. What is Unix-only stands in modules named `unix`.
//! 8. rustls is named where the relay and the client open encrypted connections, so that no other way around it arises.

use super::scan::{self, Named};

/// The layers of core, from the bottom.
const LAYERS: [&[&str]; 4] = [
    &["id", "time", "limits", "error"],
    &["wire", "record"],
    &["gate", "tracking", "import", "export"],
    &["sync", "visibility", "inspect"],
];

/// A package, or a part of the standard library, that only some places may name.
struct Confined {
    /// The beginning of the path.
    prefix: &'static [&'static str],
    /// Folders and files that may name it. A folder ends with `/`.
    places: &'static [&'static str],
    reason: &'static str,
}

const CONFINED: &[Confined] = &[
    Confined { prefix: &["regard_client"], places: &["client/"], reason: "the relay knows no client" },
    Confined {
        prefix: &["regard_relay"],
        places: &["relay/", "client/src/cli/commands/up.rs", "client/src/demo/", "client/src/demo.rs"],
        reason: "only the command `up` and the demo run a relay",
    },
    Confined {
        prefix: &["automerge"],
        places: &["core/src/gate/", "core/src/record/", "core/src/inspect/", "core/src/inspect.rs"],
        reason: "only core's gate, record and inspect know automerge",
    },
    Confined {
        prefix: &["redb"],
        places: &["relay/src/store/", "relay/src/store.rs", "client/src/store/", "client/src/store.rs"],
        reason: "only the two store modules know redb",
    },
    Confined {
        prefix: &["axum"],
        places: &["relay/src/", "client/src/api/", "client/src/api.rs"],
        reason: "only the relay and the client's local API know axum",
    },
    Confined {
        prefix: &["tokio_rustls"],
        places: &["relay/src/tls/", "relay/src/server/accept.rs", "client/src/transport/"],
        reason: "only the relay's `tls` and the client's `transport` know rustls",
    },
    Confined { prefix: &["anstream"], places: PRINTING, reason: "only the command line prints" },
    Confined { prefix: &["std", "io", "stdout"], places: PRINTING, reason: "only the command line prints" },
    Confined { prefix: &["std", "io", "stderr"], places: PRINTING, reason: "only the command line prints" },
    Confined {
        prefix: &["std", "os", "unix"],
        places: UNIX,
        reason: "what is Unix-only stands in modules named `unix`",
    },
    Confined {
        prefix: &["tokio", "net", "unix"],
        places: UNIX,
        reason: "what is Unix-only stands in modules named `unix`",
    },
];

const PRINTING: &[&str] = &[
    "client/src/cli/",
    "client/src/demo/",
    "client/src/demo.rs",
    "client/src/main.rs",
    "relay/src/cli/",
    "relay/src/cli.rs",
    "relay/src/main.rs",
];
const PRINTING_MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// No place at all by its folder: modules named `unix` are let through by their name.
const UNIX: &[&str] = &[];
const UNIX_SOCKETS: [&str; 4] = ["UnixListener", "UnixStream", "UnixDatagram", "UnixSocket"];

/// What is wrong with one file: a line a violation, with file, line, and the rule's reason.
pub(crate) fn check(file: &str, source: &str) -> Vec<String> {
    let below_src = file.split_once("/src/").map_or(file, |(_, below)| below);
    let module = scan::module_of(below_src);
    let mut broken: Vec<String> = Vec::new();
    for named in scan::named(&module, source) {
        let reason =
            confined(file, &named).or_else(|| printing(file, &named)).or_else(|| layered(file, &module, &named));
        if let Some(reason) = reason {
            broken.push(format!("{file}:{}: {}: {reason}", named.line, named.path.join("::")));
        }
    }
    broken
}

fn confined(file: &str, named: &Named) -> Option<String> {
    let is_unix = file.ends_with("/unix.rs") || file.contains("/unix/");
    let rule = CONFINED.iter().find(|rule| {
        let names_it = named.path.iter().map(String::as_str).take(rule.prefix.len()).eq(rule.prefix.iter().copied());
        names_it && !rule.places.iter().any(|place| is_in(file, place)) && !(is_unix && rule.places.is_empty())
    });
    let is_socket = || !is_unix && named.path.iter().any(|segment| UNIX_SOCKETS.contains(&segment.as_str()));
    let socket = || is_socket().then(|| "what is Unix-only stands in modules named `unix`".to_owned());
    rule.map(|rule| rule.reason.to_owned()).or_else(socket)
}

fn is_in(file: &str, place: &str) -> bool {
    if place.ends_with('/') { file.starts_with(place) } else { file == place }
}

fn printing(file: &str, named: &Named) -> Option<String> {
    let prints = named.is_macro && named.path.last().is_some_and(|name| PRINTING_MACROS.contains(&name.as_str()));
    let may_print = PRINTING.iter().any(|place| is_in(file, place));
    (prints && !may_print).then(|| "only the command line prints".to_owned())
}

fn layered(file: &str, module: &[String], named: &Named) -> Option<String> {
    let own = module.first().filter(|_| file.starts_with("core/src/"))?;
    let Some(height) = height(own) else { return Some(format!("`{own}` stands in no layer of core")) };
    if named.path.first().is_none_or(|first| first != "crate") {
        return None;
    }
    let other = named.path.get(1)?;
    match self::height(other) {
        Some(found) if found <= height => None,
        Some(_) => Some(format!("`{own}` lies below `{other}` and must not know it")),
        None => Some(format!("`{other}` stands in no layer of core")),
    }
}

fn height(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn broken(file: &str, source: &str, expected: &str) {
        assert_eq!(check(file, source), [expected], "{source}");
    }

    #[track_caller]
    fn kept(file: &str, source: &str) {
        assert_eq!(check(file, source), [""; 0], "{source}");
    }

    #[test]
    fn relay_and_client_do_not_know_each_other() {
        broken(
            "relay/src/log.rs",
            "\nuse regard_client::Store;",
            "relay/src/log.rs:2: regard_client::Store: the relay knows no client",
        );
        broken(
            "client/src/cli/commands/add.rs",
            "fn f() { regard_relay::run() }",
            "client/src/cli/commands/add.rs:1: regard_relay::run: only the command `up` and the demo run a relay",
        );
        kept("client/src/cli/commands/up.rs", "use regard_relay::Relay;");
        kept("client/src/demo/story.rs", "use regard_relay as relay;");
    }

    #[test]
    fn core_is_layered() {
        broken(
            "core/src/record/edit.rs",
            "use super::Kind;\nuse crate::gate::check;",
            "core/src/record/edit.rs:2: crate::gate::check: `record` lies below `gate` and must not know it",
        );
        broken(
            "core/src/limits.rs",
            "const X: u16 = super::wire::PROTOCOL_VERSION;",
            "core/src/limits.rs:1: crate::wire::PROTOCOL_VERSION: `limits` lies below `wire` and must not know it",
        );
        broken(
            "core/src/gate/apply.rs",
            "use crate::{error::Refusal, sync::Engine};",
            "core/src/gate/apply.rs:1: crate::sync::Engine: `gate` lies below `sync` and must not know it",
        );
        broken(
            "core/src/sync.rs",
            "use crate::helpers;",
            "core/src/sync.rs:1: crate::helpers: `helpers` stands in no layer of core",
        );
        broken(
            "core/src/extra.rs",
            "use std::fmt;",
            "core/src/extra.rs:1: std::fmt: `extra` stands in no layer of core",
        );
        kept("core/src/wire/access.rs", "use crate::record::identity::Namespace; use crate::id::BadId;");
        kept("core/src/gate/apply.rs", "/// [`crate::sync`]\nuse crate::record::Document; use super::Checked;");
        kept("core/src/lib.rs", "pub use crate::sync::Engine;");
    }

    #[test]
    fn libraries_stay_where_they_belong() {
        broken(
            "client/src/engine.rs",
            "let x: automerge::Automerge;",
            "client/src/engine.rs:1: automerge::Automerge: only core's gate, record and inspect know automerge",
        );
        broken(
            "core/src/import/mail.rs",
            "use automerge as am;",
            "core/src/import/mail.rs:1: automerge: only core's gate, record and inspect know automerge",
        );
        broken(
            "relay/src/log.rs",
            "use redb::Database;",
            "relay/src/log.rs:1: redb::Database: only the two store modules know redb",
        );
        broken(
            "client/src/cli/mod.rs",
            "fn f() -> axum::Router { x }",
            "client/src/cli/mod.rs:1: axum::Router: only the relay and the client's local API know axum",
        );
        broken(
            "client/src/relay_http.rs",
            "use tokio_rustls::TlsConnector;",
            "client/src/relay_http.rs:1: tokio_rustls::TlsConnector: only the relay's `tls` and the client's `transport` know rustls",
        );
        kept("client/src/transport/tls/pin.rs", "use tokio_rustls::rustls::Error;");
        kept("core/src/gate/apply.rs", "use automerge::Change; document.automerge.save()");
        kept("core/src/sync/hub.rs", "// automerge::Change\nlet s = \"automerge::Change\";");
        kept("relay/src/store/log.rs", "use redb::Database;");
        kept("client/src/api/mod.rs", "use axum::Router;");
    }

    #[test]
    fn only_the_command_line_prints() {
        for name in PRINTING_MACROS {
            let expected = format!("relay/src/log.rs:3: {name}: only the command line prints");
            broken("relay/src/log.rs", &format!("fn f() {{\n\n{name}!(\"x\"); }}"), &expected);
        }
        broken(
            "client/src/store/mod.rs",
            "std::println!()",
            "client/src/store/mod.rs:1: std::println: only the command line prints",
        );
        broken(
            "client/src/engine.rs",
            "use anstream::eprintln as say;",
            "client/src/engine.rs:1: anstream::eprintln: only the command line prints",
        );
        broken(
            "client/src/engine.rs",
            "use std::io::{self, stdout};",
            "client/src/engine.rs:1: std::io::stdout: only the command line prints",
        );
        kept("client/src/cli/commands/show.rs", "anstream::println!(\"x\")");
        kept("relay/src/main.rs", "eprintln!(\"x\")");
        kept("relay/src/log.rs", "writeln!(f, \"x\")");
    }

    #[test]
    fn unix_stands_apart() {
        for (source, path) in [
            ("use std::os::unix::fs::PermissionsExt;", "std::os::unix::fs::PermissionsExt"),
            ("use tokio::net::{UnixListener};", "tokio::net::UnixListener"),
            ("fn f(s: tokio::net::unix::UCred) {}", "tokio::net::unix::UCred"),
        ] {
            let expected = format!("client/src/api/mod.rs:1: {path}: what is Unix-only stands in modules named `unix`");
            broken("client/src/api/mod.rs", source, &expected);
            kept("client/src/api/unix.rs", source);
        }
    }
}
