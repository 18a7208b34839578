//! What the process does that is killed: it tells what was acknowledged after it was, each line in one write.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::{backing, importing, relaying, saving, syncing};
use crate::bench::Failure;

/// The first argument of a program that is to be a victim.
pub(super) const MARK: &str = "--as-victim";
/// Whoever should have killed it has gone by then.
const LIFE: Duration = Duration::from_mins(1);

/// Does a victim's work where the program was started for that, until it is killed; answers none where it was not.
#[must_use]
pub fn as_victim() -> Option<ExitCode> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, mark, work, on, further] = &arguments[..] else { return None };
    if mark != MARK {
        return None;
    }
    std::thread::spawn(|| {
        std::thread::sleep(LIFE);
        std::process::exit(3);
    });
    let worked = match work.as_str() {
        "save" => saving::work(Path::new(on), further),
        "lie" => saving::lie(Path::new(on)),
        "import" => importing::work(Path::new(on), Path::new(further)),
        "back-up" => backing::work(Path::new(on), Path::new(further)),
        "relay" => relaying::work(Path::new(on), further),
        "sync" => syncing::work(Path::new(on)),
        other => Err(Failure::new(format!("there is no work “{other}”"))),
    };
    Some(match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    })
}

/// Tells whoever will kill this process. Where nobody listens any more, there is no reason to go on.
pub(super) fn tell(line: &str) {
    let mut stdout = std::io::stdout().lock();
    if stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}
