use std::net::SocketAddr;
use std::path::Path;

use clap::Args;
use regard_relay::Relay;

use super::failure::Failure;

/// Answer devices until told to stop.
#[derive(Args)]
pub(super) struct Serve {
    /// Where to listen.
    #[arg(long, env = "REGARD_RELAY_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7171")]
    listen: SocketAddr,
    /// Listen on other than a loopback address although nothing is encrypted.
    #[arg(long)]
    insecure_http: bool,
}

impl Serve {
    pub(super) async fn run(self, data: &Path) -> Result<(), Failure> {
        let Self { listen, insecure_http } = self;
        if !listen.ip().is_loopback() && !insecure_http {
            return Err(Failure {
                sentence: format!(
                    "The relay does not listen on {listen}: others on the network could read what it carries"
                ),
                hint: Some("put an encrypting proxy before a loopback address, or give --insecure-http".into()),
                is_usage: true,
            });
        }
        let relay = Relay::open(data)?;
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(|error| Failure {
            sentence: format!("The relay cannot listen on {listen}: {error}"),
            hint: Some("choose another address with --listen".into()),
            is_usage: false,
        })?;
        tracing::info!(address = %listener.local_addr()?, data = %data.display(), "the relay is ready");
        let (stop, stopping) = tokio::sync::watch::channel(false);
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
        relay.serve(listener, stopped()).await?;
        admin.abort();
        Ok(())
    }
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
