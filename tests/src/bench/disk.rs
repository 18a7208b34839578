//! The limits: what disk, database and sockets give when nothing else is asked of them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use redb::{Database, TableDefinition};

use super::Failure;
use super::plan::{Doing, timed};

const TABLE: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("rows");
/// What is written before each flush: a page.
const FLUSHED_BYTES: usize = 4096;

/// Bare redb: one table, rows behind one another.
pub(super) struct Bare {
    database: Database,
    next: u64,
}

/// In how many phases a commit becomes durable: stores of foreign input take two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phases {
    One,
    Two,
}

impl Bare {
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let database = Database::create(path).doing(&format!("creating {}", path.display()))?;
        Ok(Self { database, next: 0 })
    }

    /// Commits these rows, durably, and answers how many seconds it took.
    pub(super) fn commit<'r>(
        &mut self,
        rows: impl IntoIterator<Item = &'r [u8]>,
        phases: Phases,
    ) -> Result<f64, Failure> {
        let committed = timed(|| {
            let mut transaction = self.database.begin_write()?;
            transaction.set_two_phase_commit(phases == Phases::Two);
            let mut table = transaction.open_table(TABLE)?;
            for row in rows {
                table.insert(self.next, row)?;
                self.next += 1;
            }
            drop(table);
            transaction.commit()?;
            Ok::<_, redb::Error>(())
        });
        committed.map(|((), seconds)| seconds).doing("committing to bare redb")
    }
}

/// A file that is overwritten and flushed.
pub(super) struct Flushed(File);

impl Flushed {
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let mut file = File::create(path).doing(&format!("creating {}", path.display()))?;
        file.write_all(&[0; FLUSHED_BYTES]).and_then(|()| file.sync_all()).doing("writing a page")?;
        Ok(Self(file))
    }

    /// Writes a page and waits for the disk.
    pub(super) fn flush(&mut self) -> Result<f64, Failure> {
        let flushed = timed(|| {
            self.0.seek(SeekFrom::Start(0))?;
            self.0.write_all(&[1; FLUSHED_BYTES])?;
            self.0.sync_data()
        });
        flushed.map(|((), seconds)| seconds).doing("flushing a page")
    }
}

/// A loopback socket whose other end sends back what it gets.
pub(super) struct Echo(TcpStream);

impl Echo {
    pub(super) fn start() -> Result<Self, Failure> {
        let opened = || {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let near = TcpStream::connect(listener.local_addr()?)?;
            let (mut far, _) = listener.accept()?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            // It ends when the near end closes.
            std::thread::spawn(move || {
                let mut bytes = vec![0; 64 << 10];
                while let Ok(count @ 1..) = far.read(&mut bytes) {
                    if far.write_all(&bytes[..count]).is_err() {
                        break;
                    }
                }
            });
            Ok::<_, std::io::Error>(near)
        };
        opened().map(Self).doing("opening a loopback socket")
    }

    /// Sends bytes there and back: two hops.
    pub(super) fn round_trip(&mut self, bytes: &[u8]) -> Result<f64, Failure> {
        let mut back = vec![0; bytes.len()];
        let done = timed(|| {
            self.0.write_all(bytes)?;
            self.0.read_exact(&mut back)
        });
        done.map(|((), seconds)| seconds).doing("sending over loopback")
    }
}
