//! What the packages depend on, also through others, as cargo resolves it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The workspace's dependencies.
#[derive(Debug, Default)]
pub(crate) struct Packages {
    /// Names of the workspace's own packages.
    pub(crate) own: BTreeSet<String>,
    /// What each package, of the workspace or not, is built from; not what only its tests need.
    pub(crate) normal: BTreeMap<String, BTreeSet<String>>,
    /// What the workspace's packages name in their manifests, tests included.
    pub(crate) declared: BTreeMap<String, BTreeSet<String>>,
}

/// Core is pure: it is built from nothing that has sockets, a runtime or a database.
const NOT_IN_CORE: [&str; 7] = ["tokio", "axum", "hyper", "redb", "mio", "tracing-subscriber", "clap"];

/// What breaks a rule, a line each.
pub(crate) fn check(packages: &Packages) -> Vec<String> {
    let mut broken = Vec::new();
    for banned in NOT_IN_CORE {
        if let Some(way) = way(packages, "regard-core", banned) {
            broken.push(format!("regard-core is built from {banned}: {}", way.join(" <- ")));
        }
    }
    for (package, declared) in &packages.declared {
        let declares = |name: &str| declared.contains(name);
        if declares("regard-tests") {
            broken.push(format!("{package} depends on regard-tests, on which nothing may"));
        }
        if package == "regard-relay" && declares("regard-client") {
            broken.push("regard-relay depends on regard-client, and must not know it".into());
        }
        if package == "regard-core" && declared.iter().any(|name| packages.own.contains(name)) {
            broken.push("regard-core depends on another package of the workspace".into());
        }
        if package != "regard-core" && declares("automerge") {
            broken.push(format!("{package} depends on automerge, which only core knows"));
        }
    }
    broken
}

/// The shortest chain of packages through which `from` is built from `to`.
fn way(packages: &Packages, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![from.to_owned()]];
    let mut seen = BTreeSet::from([from]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            if way.last().is_some_and(|last| last == to) {
                return Some(way);
            }
            for next in way.last().and_then(|last| packages.normal.get(last)).into_iter().flatten() {
                if seen.insert(next) {
                    longer.push(way.iter().cloned().chain([next.clone()]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}

/// Unsafe code is forbidden once, for the workspace, and every package takes part.
pub(crate) fn check_lints(manifests: &[(&str, String)]) -> Vec<String> {
    let has = |text: &str, section: &str, line: &str| {
        let mut lines = text.lines().map(str::trim).skip_while(|found| *found != section).skip(1);
        lines.by_ref().take_while(|found| !found.starts_with('[')).any(|found| found == line)
    };
    let (workspace, packages): (Vec<_>, Vec<_>) = manifests.iter().partition(|(path, _)| *path == "Cargo.toml");
    let mut broken = Vec::new();
    if !workspace.iter().any(|(_, text)| has(text, "[workspace.lints.rust]", "unsafe_code = \"forbid\"")) {
        broken.push("Cargo.toml: [workspace.lints.rust] does not forbid unsafe_code".to_owned());
    }
    for (path, text) in packages {
        if !has(text, "[lints]", "workspace = true") {
            broken.push(format!("{path}: [lints] does not take the workspace's"));
        }
    }
    broken
}

/// Asks cargo.
pub(crate) fn workspace(root: &Path) -> Packages {
    // Only for this machine: otherwise packages of other systems, which nothing here has fetched, would be wanted.
    let options = vec!["--filter-platform".to_owned(), host()];
    let mut command = MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml")).other_options(options);
    let metadata = command.exec().expect("cargo metadata reads the workspace");
    let own: BTreeSet<_> = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let names: BTreeMap<_, _> = metadata.packages.iter().map(|p| (&p.id, p.name.to_string())).collect();
    let mut packages = Packages { own, ..Packages::default() };
    for node in &metadata.resolve.as_ref().expect("a resolved workspace").nodes {
        let is_normal = |kind: &cargo_metadata::DepKindInfo| kind.kind == DependencyKind::Normal;
        let deps = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(is_normal));
        let deps = deps.map(|dep| names[&dep.pkg].clone());
        packages.normal.entry(names[&node.id].clone()).or_default().extend(deps);
    }
    for package in metadata.workspace_packages() {
        let declared = package.dependencies.iter().map(|dependency| dependency.name.clone()).collect();
        packages.declared.insert(package.name.to_string(), declared);
    }
    packages
}

fn host() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc tells its version");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc tells its host").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(normal: &[(&str, &str)], declared: &[(&str, &str)]) -> Packages {
        let graph = |pairs: &[(&str, &str)]| {
            let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (from, to) in pairs {
                graph.entry((*from).into()).or_default().insert((*to).into());
            }
            graph
        };
        let own = ["regard-core", "regard-relay", "regard-client", "regard-tests"].map(str::to_owned).into();
        Packages { own, normal: graph(normal), declared: graph(declared) }
    }

    #[test]
    fn a_runtime_in_core_is_found_also_behind_others() {
        let planted = packages(&[("regard-core", "a"), ("a", "b"), ("b", "tokio"), ("regard-core", "serde")], &[]);
        assert_eq!(check(&planted), ["regard-core is built from tokio: regard-core <- a <- b <- tokio"]);
        let planted = packages(&[("regard-core", "a"), ("regard-relay", "axum"), ("a", "regard-core")], &[]);
        assert_eq!(check(&planted), [""; 0]);
    }

    #[test]
    fn forbidden_dependencies_are_found() {
        for (from, to, expected) in [
            ("regard-client", "regard-tests", "regard-client depends on regard-tests, on which nothing may"),
            ("regard-relay", "regard-client", "regard-relay depends on regard-client, and must not know it"),
            ("regard-core", "regard-relay", "regard-core depends on another package of the workspace"),
            ("regard-client", "automerge", "regard-client depends on automerge, which only core knows"),
        ] {
            assert_eq!(check(&packages(&[], &[(from, to)])), [expected]);
        }
        assert_eq!(check(&packages(&[], &[("regard-client", "regard-relay"), ("regard-core", "automerge")])), [""; 0]);
    }

    #[test]
    fn a_package_without_the_workspaces_lints_is_found() {
        let workspace = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n".to_owned();
        let good = "[package]\n[lints]\nworkspace = true\n".to_owned();
        assert_eq!(check_lints(&[("Cargo.toml", workspace.clone()), ("core/Cargo.toml", good.clone())]), [""; 0]);
        let bad = "[lints]\n[dependencies]\nworkspace = true\n".to_owned();
        assert_eq!(
            check_lints(&[("Cargo.toml", workspace), ("core/Cargo.toml", bad)]),
            ["core/Cargo.toml: [lints] does not take the workspace's"]
        );
        assert_eq!(
            check_lints(&[("Cargo.toml", String::new()), ("core/Cargo.toml", good)]),
            ["Cargo.toml: [workspace.lints.rust] does not forbid unsafe_code"]
        );
    }
}
