//! Files that an earlier version wrote are opened, and nothing of them is lost.

use std::path::{Path, PathBuf};

use regard_relay::admin::Admin;
use regard_relay::check;

/// A relay's files as they were kept.
fn kept(format: &str) -> (tempfile::TempDir, PathBuf) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/relays").join(format);
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["log.redb", "access.redb"] {
        let packed = std::fs::File::open(fixtures.join(format!("{name}.zst"))).expect("the file that was kept");
        let mut file = std::fs::File::create(folder.path().join(name)).expect("a file");
        zstd::stream::copy_decode(packed, &mut file).expect("the whole file");
    }
    let data = folder.path().to_owned();
    (folder, data)
}

#[tokio::test]
async fn a_log_of_format_2_with_access_of_format_2_is_read_as_it_was_written() {
    let (_folder, data) = kept("log-2-access-2");
    let found = check(&data).await.expect("looked at");
    assert!(found.log.is_sound() && found.access.is_sound(), "{found:?}");
    assert_eq!(found.log.changes, 62);
    let admin = Admin::of(&data).await.expect("a stopped relay");
    let workspace = admin.find_workspace("Porto Ceramics").await.expect("the workspace");
    let directory = admin.directory(workspace.id).await.expect("its members");
    let mut names: Vec<_> = directory.members.iter().map(|member| member.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Ana", "Ben"]);
    assert_eq!(directory.devices.len(), 2);
}
