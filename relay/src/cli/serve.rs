use std::net::SocketAddr;

use clap::Args;
use regard_core::limits::{CONNECTIONS_MAX, CONNECTIONS_SPARE};
use regard_relay::Relay;
use regard_relay::tls::Tls;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Places;
use super::failure::Failure;
use super::serving::{Serving, names};
use crate::settings::{Flags, Settings};

/// Files and sockets that a relay with all its connections has open: the connections, and some dozens of its own.
const DESCRIPTORS_WANTED: u64 = (CONNECTIONS_MAX + CONNECTIONS_SPARE + 64) as u64;

/// Answer devices until told to stop.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    flags: Flags,
}

impl Serve {
    pub(super) async fn run(self, places: &Places) -> Result<(), Failure> {
        let settings = places.settings_with_data(&self.flags)?.settings;
        let is_encrypted = settings.tls_self_signed || settings.tls_cert.is_some();
        if !settings.listen.ip().is_loopback() && !is_encrypted && !settings.insecure_http {
            return Err(unprotected(settings.listen));
        }
        let descriptors = regard_relay::raise_descriptors();
        if descriptors < DESCRIPTORS_WANTED {
            tracing::warn!(
                descriptors,
                wanted = DESCRIPTORS_WANTED,
                "this process may have fewer files and sockets open than the relay takes connections; `ulimit -n` or \
                 LimitNOFILE= of a systemd unit raises that"
            );
        }
        regard_relay::count_metrics()?;
        let relay = Relay::open_with(
            &settings.data,
            regard_relay::Settings {
                quotas: settings.quotas.quotas(),
                public_metrics: settings.public_metrics,
                ..regard_relay::Settings::default()
            },
        )?;
        let tls = tls(&settings)?;
        let listener = TcpListener::bind(settings.listen).await.map_err(|error| Failure {
            sentence: format!("The relay cannot listen on {}: {error}", settings.listen),
            hint: Some("choose another address with --listen".into()),
            is_usage: false,
        })?;
        let address = listener.local_addr()?;
        let certificate = tls.as_ref().map(Tls::fingerprint);
        let self_signed = certificate.filter(|_| settings.tls_self_signed);
        Serving::new(address, is_encrypted, self_signed).write(&settings.data)?;
        let shown = certificate.map_or_else(|| "none, nothing is encrypted".into(), |certificate| certificate.short());
        tracing::info!(%address, data = %settings.data.display(), certificate = shown, "the relay is ready");
        serve_until_told(relay, listener, tls).await
    }
}

fn unprotected(listen: SocketAddr) -> Failure {
    Failure {
        sentence: format!(
            "The relay does not listen on {listen}: others on the network could read what it carries"
        ),
        hint: Some(
            "give --tls-self-signed, or --tls-cert and --tls-key; or put an encrypting proxy before a loopback address; or give --insecure-http".into(),
        ),
        is_usage: true,
    }
}

fn tls(settings: &Settings) -> Result<Option<Tls>, Failure> {
    if settings.tls_self_signed {
        return Ok(Some(Tls::self_signed(&settings.data, &names(settings))?));
    }
    match (&settings.tls_cert, &settings.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(Tls::from_files(certificate, key)?)),
        _ => Ok(None),
    }
}

async fn serve_until_told(relay: Relay, listener: TcpListener, tls: Option<Tls>) -> Result<(), Failure> {
    let (stop, stopping) = watch::channel(false);
    let stopped = move || {
        let mut stopping = stopping.clone();
        async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    };
    let administered = relay.clone().serve_admin(stopped());
    let admin = tokio::spawn(async move {
        if let Err(error) = administered.await {
            tracing::warn!(%error, "commands such as `workspace create` work only while the relay is stopped");
        }
    });
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("the relay is stopping");
        stop.send_replace(true);
    });
    match tls {
        Some(tls) => relay.serve_tls(listener, &tls, stopped()).await?,
        None => relay.serve(listener, stopped()).await?,
    }
    admin.abort();
    Ok(())
}

/// Completes at an interrupt or a request to terminate.
async fn stop_signal() {
    let mut terminate = match regard_relay::terminate_signal() {
        Ok(signal) => signal,
        Err(error) => {
            tracing::warn!(%error, "the relay cannot hear requests to terminate");
            let _ = tokio::signal::ctrl_c().await;
            return;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
