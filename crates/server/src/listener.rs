//! Where connections come in: plain on loopback, through TLS elsewhere.
//!
//! Handshakes happen beside accepting, a bounded number at a time and
//! each in bounded time, so that a client that never finishes one keeps
//! nobody else out.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Handshakes under way at once.
const HANDSHAKES: usize = 256;
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Connections that are ready and not taken yet.
const READY: usize = 64;
/// After the system could not accept, for want of descriptors mostly.
const RESPITE: Duration = Duration::from_millis(200);

/// What a browser that came by HTTP is told.
const USE_HTTPS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
    content-length: 59\r\nconnection: close\r\n\r\n\
    This server speaks HTTPS: use https:// in place of http://.";

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, Incoming>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Incoming>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Connections, ready to speak HTTP.
#[derive(Debug)]
pub(crate) struct Incoming {
    address: SocketAddr,
    ready: mpsc::Receiver<(Stream, SocketAddr)>,
}

impl Incoming {
    /// Accepts until told to stop.
    pub(crate) fn start(
        listener: TcpListener,
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        tasks: &TaskTracker,
        shutdown: CancellationToken,
    ) -> Self {
        let (out, ready) = mpsc::channel(READY);
        tasks.spawn(accept(listener, tls, out, tasks.clone(), shutdown));
        Self { address, ready }
    }
}

impl axum::serve::Listener for Incoming {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // Stopping: there will be no other.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    out: mpsc::Sender<(Stream, SocketAddr)>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(RESPITE).await;
                continue;
            }
        };
        // Small answers must not wait for more to send.
        stream.set_nodelay(true).ok();
        let Some(acceptor) = &tls else {
            if out.send((Stream::Plain(stream), peer)).await.is_err() {
                return;
            }
            continue;
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let (acceptor, out) = (acceptor.clone(), out.clone());
        tasks.spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE_TIME, handshake(acceptor, stream)).await;
            drop(place);
            match shaken {
                Ok(Ok(Some(stream))) => drop(out.send((stream, peer)).await),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection came about"),
                Err(_elapsed) => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
        });
    }
}

/// `None`: it was no TLS, and was told so.
async fn handshake(acceptor: TlsAcceptor, mut stream: TcpStream) -> io::Result<Option<Stream>> {
    const HANDSHAKE_RECORD: u8 = 22;
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE_RECORD {
        if first[0].is_ascii_uppercase() {
            stream.write_all(USE_HTTPS).await?;
            stream.shutdown().await?;
        }
        return Ok(None);
    }
    let stream = acceptor.accept(stream).await?;
    Ok(Some(Stream::Tls(Box::new(stream))))
}

/// One connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! each {
    ($stream:expr, $name:ident => $body:expr) => {
        match $stream.get_mut() {
            Self::Plain($name) => {
                let $name = Pin::new($name);
                $body
            }
            Self::Tls($name) => {
                let $name = Pin::new(&mut **$name);
                $body
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
