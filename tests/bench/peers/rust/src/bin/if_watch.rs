//! Watches with the crate if-watch.

use std::sync::{Arc, Mutex};

use futures::StreamExt;
use if_watch::{IfEvent, tokio::IfWatcher};
use netwatch_bench_peers::Peer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let peer = Arc::new(Peer::default());
    let addresses = Arc::new(Mutex::new(std::collections::HashSet::new()));
    let mut watcher = IfWatcher::new()?;
    let (watching, nets) = (peer.clone(), addresses.clone());
    tokio::spawn(async move {
        while let Some(event) = watcher.next().await {
            match event {
                Ok(IfEvent::Up(net)) => nets.lock().unwrap().insert(net.to_string()),
                Ok(IfEvent::Down(net)) => nets.lock().unwrap().remove(&net.to_string()),
                Err(error) => {
                    eprintln!("if-watch: {error}");
                    break;
                }
            };
            watching.seen();
        }
    });
    let state = move || addresses.lock().unwrap().iter().cloned().collect();
    tokio::task::spawn_blocking(move || peer.run(state)).await??;
    std::process::exit(0);
}
