//! What a relay counts of its work. Without a recorder, as in tests and where the relay is embedded, counting costs next to
//! nothing and goes nowhere.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use regard_core::error::Cause;
use regard_core::wire::UnitOutcome;

use crate::error::RelayError;

const SOCKETS: &str = "regard_sockets";
const SOCKETS_IMPATIENT: &str = "regard_sockets_cut_total";
const CONNECTIONS: &str = "regard_connections";
const DEVICES_ONLINE: &str = "regard_devices_online";
const PUSHES: &str = "regard_pushes_total";
const CHANGES_ACCEPTED: &str = "regard_changes_accepted_total";
const UNITS_REFUSED: &str = "regard_units_refused_total";
const COMMIT_SECONDS: &str = "regard_commit_seconds";
const COMMITS_FAILED: &str = "regard_commits_failed_total";
const COMMIT_QUEUE: &str = "regard_commit_queue";
const SEGMENTS_SENT: &str = "regard_segments_sent_total";
const RECEIVED_BYTES: &str = "regard_received_bytes_total";
const SENT_BYTES: &str = "regard_sent_bytes_total";
const SLOW_CONSUMERS: &str = "regard_slow_consumers_total";
const HTTP_REQUESTS: &str = "regard_http_requests_total";
const LOG_FILE_BYTES: &str = "regard_log_file_bytes";

/// Upper bounds of the histogram of commits: a flush takes 0.3 ms on a good disk and 10 on a slow one; beyond are full commits.
const COMMIT_SECONDS_BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// How often what was measured is folded together, so that it stays small where nobody asks for it.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count, once a process: `/metrics` answers from then on. Needs a tokio runtime.
///
/// # Errors
/// [`RelayError::Metrics`] where something else in this process counts already.
pub fn count_metrics() -> Result<(), RelayError> {
    let told = |error: &dyn std::fmt::Display| RelayError::Metrics(error.to_string());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(COMMIT_SECONDS.into()), &COMMIT_SECONDS_BUCKETS)
        .map_err(|error| told(&error))?;
    let handle = builder.install_recorder().map_err(|error| told(&error))?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            upkeep.run_upkeep();
        }
    });
    describe();
    // A second recorder of the process was refused above.
    let _ = RECORDER.set(handle);
    Ok(())
}

/// Everything that was counted, as Prometheus reads it; none where nothing is counted.
pub(crate) fn render(log_file_bytes: u64) -> Option<String> {
    let handle = RECORDER.get()?;
    set(LOG_FILE_BYTES, log_file_bytes);
    Some(handle.render())
}

/// Something that is there as long as this is.
pub(crate) struct Present(&'static str);

impl Present {
    /// A socket, whether or not it has carried a request yet.
    pub(crate) fn socket() -> Self {
        Self::new(SOCKETS)
    }

    /// A connection.
    pub(crate) fn connection() -> Self {
        Self::new(CONNECTIONS)
    }

    /// A device that is online.
    pub(crate) fn device() -> Self {
        Self::new(DEVICES_ONLINE)
    }

    fn new(name: &'static str) -> Self {
        gauge!(name).increment(1.0);
        Self(name)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        gauge!(self.0).decrement(1.0);
    }
}

/// A socket was cut since its peer took too long for this.
pub(crate) fn socket_cut(during: &'static str) {
    counter!(SOCKETS_IMPATIENT, "during" => during).increment(1);
}

/// So many more pushes wait for the writer, or fewer.
pub(crate) fn commit_queue(more: i32) {
    gauge!(COMMIT_QUEUE).increment(f64::from(more));
}

/// A commit took so long, logged so many changes, and had these outcomes.
pub(crate) fn committed(took: Duration, changes: u64, outcomes: &[Vec<UnitOutcome>]) {
    histogram!(COMMIT_SECONDS).record(took);
    counter!(CHANGES_ACCEPTED).increment(changes);
    for outcome in outcomes.iter().flatten() {
        if let UnitOutcome::Refused(refusal) = outcome {
            units_refused(refusal.cause, 1);
        }
    }
}

/// A commit failed, and so many units with it.
pub(crate) fn commit_failed(units: usize) {
    counter!(COMMITS_FAILED).increment(1);
    units_refused(Cause::Unavailable, units);
}

/// Units were refused.
pub(crate) fn units_refused(cause: Cause, units: usize) {
    let cause = cause.to_string().replace([' ', '\''], "_");
    counter!(UNITS_REFUSED, "cause" => cause).increment(units as u64);
}

/// A push came.
pub(crate) fn push() {
    counter!(PUSHES).increment(1);
}

/// A segment was sent.
pub(crate) fn segment_sent() {
    counter!(SEGMENTS_SENT).increment(1);
}

/// A device's message came.
pub(crate) fn received(bytes: usize) {
    counter!(RECEIVED_BYTES).increment(bytes as u64);
}

/// A message was sent to a device.
pub(crate) fn sent(bytes: usize) {
    counter!(SENT_BYTES).increment(bytes as u64);
}

/// Somebody who reads too slowly was cut off.
pub(crate) fn slow_consumer() {
    counter!(SLOW_CONSUMERS).increment(1);
}

/// An HTTP request was answered. The route is its template: paths would be endless.
pub(crate) fn http_request(route: &str, status: u16) {
    counter!(HTTP_REQUESTS, "route" => route.to_owned(), "status" => status.to_string()).increment(1);
}

fn set(name: &'static str, value: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a file of more than 2^53 bytes may be told inexactly")]
    gauge!(name).set(value as f64);
}

fn describe() {
    describe_gauge!(SOCKETS, "Sockets that are open");
    describe_counter!(SOCKETS_IMPATIENT, "Sockets that were cut since the peer took too long, by for what");
    describe_gauge!(CONNECTIONS, "WebSocket connections that are open");
    describe_gauge!(DEVICES_ONLINE, "Devices that are connected");
    describe_counter!(PUSHES, "Pushes that came");
    describe_counter!(CHANGES_ACCEPTED, "Changes that were logged");
    describe_counter!(UNITS_REFUSED, "Saves that were refused, by cause");
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "How long a commit of the log took");
    describe_counter!(COMMITS_FAILED, "Commits of the log that failed");
    describe_gauge!(COMMIT_QUEUE, "Pushes that wait for the writer");
    describe_counter!(SEGMENTS_SENT, "Pieces of the log that were sent");
    describe_counter!(RECEIVED_BYTES, Unit::Bytes, "Bytes of messages from devices");
    describe_counter!(SENT_BYTES, Unit::Bytes, "Bytes of messages to devices");
    describe_counter!(SLOW_CONSUMERS, "Readers that were cut off for being too slow");
    describe_counter!(HTTP_REQUESTS, "HTTP requests, by route and status");
    describe_gauge!(LOG_FILE_BYTES, Unit::Bytes, "Bytes of the file log.redb");
    // What has not happened yet is shown as zero, so that alarms can be written before it does.
    for name in [PUSHES, CHANGES_ACCEPTED, COMMITS_FAILED, SEGMENTS_SENT, RECEIVED_BYTES, SENT_BYTES, SLOW_CONSUMERS] {
        counter!(name).absolute(0);
    }
    for name in [CONNECTIONS, DEVICES_ONLINE, COMMIT_QUEUE] {
        gauge!(name).set(0.0);
    }
}
