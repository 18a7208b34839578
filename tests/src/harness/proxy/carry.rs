use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::Fault;

const PIECE_BYTES: usize = 16 << 10;
/// Pieces a second of a direction that is paced.
const PIECES_A_SECOND: u32 = 10;

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A side closed it, or has gone.
    Closed,
    /// The fault says so.
    Cut,
    /// The same, and both sides are told of a reset.
    Reset,
}

/// Carries bytes one way until one side, or a fault, ends it. While sides are left open, one that has gone ends nothing.
pub(super) async fn carry(
    from: &mut ReadHalf<'_>,
    to: &mut WriteHalf<'_>,
    mut faults: watch::Receiver<Fault>,
    mut leaves_open: watch::Receiver<bool>,
) -> End {
    let mut piece = vec![0; PIECE_BYTES];
    let mut passed = 0;
    loop {
        if let Some(end) = ended_by(*faults.borrow_and_update(), passed) {
            return end;
        }
        let read = tokio::select! {
            read = from.read(&mut piece) => read,
            Ok(()) = faults.changed() => continue,
        };
        let end = match read {
            Ok(read @ 1..) => match deliver(&piece[..read], to, &mut faults, &mut passed).await {
                Ok(()) => continue,
                Err(end) => end,
            },
            _ => End::Closed,
        };
        if end == End::Closed {
            // The proxy is never dropped before its runtime.
            let _ = leaves_open.wait_for(|leaves_open| !leaves_open).await;
            // Whoever does not hear it has gone too.
            let _ = to.shutdown().await;
        }
        return end;
    }
}

fn ended_by(fault: Fault, passed: u64) -> Option<End> {
    match fault {
        Fault::CutsAfter(bytes) if passed >= bytes => Some(End::Cut),
        Fault::ResetsAfter(bytes) if passed >= bytes => Some(End::Reset),
        _ => None,
    }
}

/// Writes a piece as the fault lets it, which may change meanwhile.
async fn deliver(
    mut rest: &[u8],
    to: &mut WriteHalf<'_>,
    faults: &mut watch::Receiver<Fault>,
    passed: &mut u64,
) -> Result<(), End> {
    while !rest.is_empty() {
        let fault = *faults.borrow_and_update();
        if let Some(end) = ended_by(fault, *passed) {
            return Err(end);
        }
        let (most, wait) = match fault {
            Fault::None => (u64::MAX, Duration::ZERO),
            Fault::Delays(delay) => (u64::MAX, delay),
            Fault::Paces(a_second) => {
                let piece = (a_second / PIECES_A_SECOND).max(1);
                (u64::from(piece), Duration::from_secs(1) * piece / a_second.max(1))
            }
            Fault::KeepsBackAfter(bytes) | Fault::CutsAfter(bytes) | Fault::ResetsAfter(bytes) => {
                (bytes.saturating_sub(*passed), Duration::ZERO)
            }
        };
        if most == 0 {
            faults.changed().await.map_err(|_| End::Closed)?;
            continue;
        }
        tokio::time::sleep(wait).await;
        let now = rest.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        to.write_all(&rest[..now]).await.map_err(|_| End::Closed)?;
        *passed += now as u64;
        rest = &rest[now..];
    }
    Ok(())
}
