//! Connections through TLS: a bounded number, each let go of when nothing
//! comes on it.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::Router;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, Sleep},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

/// Connections there may be.
const CONNECTIONS: usize = 1_000;
const HANDSHAKE: Duration = Duration::from_secs(5);
/// A connection on which nothing comes for so long is closed; API servers
/// close theirs after 90 seconds.
const IDLE: Duration = Duration::from_mins(3);
const READY: usize = 64;
const RESPITE: Duration = Duration::from_millis(100);

/// Answers on a listener until told to stop; then what was begun is
/// ended.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let (out, ready) = mpsc::channel(READY);
    let mut accepting = JoinSet::new();
    accepting.spawn(accept(listener, acceptor, out, shutdown.clone()));
    axum::serve(Incoming { address, ready }, router)
        .with_graceful_shutdown(async move { shutdown.cancelled().await })
        .await?;
    accepting.shutdown().await;
    Ok(())
}

struct Incoming {
    address: SocketAddr,
    ready: mpsc::Receiver<(Connection, SocketAddr)>,
}

impl axum::serve::Listener for Incoming {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    out: mpsc::Sender<(Connection, SocketAddr)>,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut shaking = JoinSet::new();
    loop {
        // Who finds no place waits in the system's own line.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        while shaking.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(RESPITE).await;
                continue;
            }
        };
        stream.set_nodelay(true).ok();
        let (acceptor, out) = (acceptor.clone(), out.clone());
        shaking.spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let connection = Connection {
                        stream,
                        idle: Box::pin(tokio::time::sleep(IDLE)),
                        _place: place,
                    };
                    drop(out.send((connection, peer)).await);
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection came about"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
        });
    }
}

/// One connection, and its place among those there may be.
struct Connection {
    stream: TlsStream<TcpStream>,
    idle: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                self.idle.as_mut().reset(Instant::now() + IDLE);
                Poll::Ready(read)
            }
            Poll::Pending => self.idle.as_mut().poll(context).map(|()| {
                let told = "nothing came for too long";
                Err(io::Error::new(io::ErrorKind::TimedOut, told))
            }),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
