//! Watches with the crate netwatch, default options. With the argument "read": measures a one-shot read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use n0_watcher::Watcher;
use netwatch::{interfaces, netmon::Monitor};
use netwatch_bench_peers::{Peer, ms_since, print_reads};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("read") {
        let mut times = Vec::new();
        let began = Instant::now();
        while times.len() <= 100 && began.elapsed() < Duration::from_secs(2) {
            let start = Instant::now();
            interfaces::State::new().await;
            times.push(ms_since(start));
        }
        print_reads(times.remove(0), times);
        return Ok(());
    }
    let monitor = Monitor::new().await?;
    let mut state = monitor.interface_state();
    let peer = Arc::new(Peer::default());
    let watching = peer.clone();
    let mut changes = monitor.interface_state().stream_updates_only();
    tokio::spawn(async move {
        while changes.next().await.is_some() {
            watching.seen();
        }
    });
    tokio::task::spawn_blocking(move || {
        peer.run(|| {
            let interfaces = &state.get().interfaces;
            let nets = interfaces.values().flat_map(|it| it.addrs());
            nets.map(|net| match net {
                interfaces::IpNet::V4(net) => net.to_string(),
                interfaces::IpNet::V6 { net, .. } => net.to_string(),
            })
            .collect()
        })
    })
    .await??;
    std::process::exit(0);
}
