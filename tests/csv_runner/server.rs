//! An HTTP server that does as it is told, well or badly: [`Server`].

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How the server answers a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// This status, with these headers and a short body.
    Status(u16, String),
    /// This status, and a body of this length in a packet of its own.
    BodyLater(u16, usize),
    /// This status, and no body although one is promised.
    NoBody(u16),
    /// 200 after a while.
    After(Duration),
    /// Nothing, ever.
    Hang,
    /// Nothing, and the connection is closed.
    Close,
    /// 200, and the connection is reset by the first byte of its next request.
    ResetNext,
    /// 200, and the connection is closed after its next request.
    CloseNext,
    /// 200 and less of a body than was promised.
    BreakOff,
    /// 200 and a body without an end.
    Endless,
}

impl Answer {
    pub(crate) const OK: Self = Self::After(Duration::ZERO);

    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, String::new())
    }

    pub(crate) fn with_header(status: u16, header: &str) -> Self {
        Self::Status(status, format!("{header}\r\n"))
    }
}

/// A request as it came: its head, and when.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) at: Instant,
}

type Script = dyn Fn(usize) -> Answer + Send + Sync;

/// A server on loopback, for as long as the test process lives.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// A server that answers its n-th request, from 0, as `script` says.
    pub(crate) fn start(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::default();
        let (log, script): (_, Arc<Script>) = (Arc::clone(&requests), Arc::new(script));
        let connections = Arc::new(AtomicUsize::new(0));
        let opened = Arc::clone(&connections);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                opened.fetch_add(1, Ordering::Relaxed);
                let (log, script) = (Arc::clone(&log), Arc::clone(&script));
                // An error is the client's, which closed the connection.
                thread::spawn(move || serve(&connection, &log, &*script));
            }
        });
        Self {
            address,
            requests,
            connections,
        }
    }

    /// A server that answers all requests alike.
    pub(crate) fn always(answer: Answer) -> Self {
        Self::start(move |_| answer.clone())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Where it listens, without a scheme.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(connection: &TcpStream, log: &Mutex<Vec<Request>>, script: &Script) -> io::Result<()> {
    let mut from = BufReader::new(connection);
    let mut to = connection;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if from.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let number = {
            let mut log = log.lock().unwrap();
            let at = Instant::now();
            log.push(Request { head, at });
            log.len() - 1
        };
        let answer = script(number);
        match answer {
            Answer::Status(status, headers) => {
                write!(
                    to,
                    "HTTP/1.1 {status} Said\r\n{headers}content-length: 2\r\n\r\nno"
                )?;
            }
            Answer::BodyLater(status, length) => {
                write!(
                    to,
                    "HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\n\r\n"
                )?;
                thread::sleep(Duration::from_millis(5));
                to.write_all(&vec![b'x'; length])?;
            }
            Answer::NoBody(status) => {
                write!(to, "HTTP/1.1 {status} Said\r\ncontent-length: 9\r\n\r\n")?;
                // Until the client gives up.
                from.read_line(&mut String::new())?;
                return Ok(());
            }
            Answer::After(pause) => {
                thread::sleep(pause);
                to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes")?;
            }
            Answer::Hang => {
                // Until the client gives up.
                from.read_line(&mut String::new())?;
                return Ok(());
            }
            Answer::Close => return Ok(()),
            Answer::ResetNext | Answer::CloseNext => {
                to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes")?;
                if matches!(answer, Answer::CloseNext) {
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") && from.read_line(&mut head)? > 0 {}
                } else {
                    // Closing a connection with unread bytes resets it.
                    connection.peek(&mut [0])?;
                }
                return Ok(());
            }
            Answer::BreakOff => {
                return to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nyes");
            }
            Answer::Endless => {
                to.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                loop {
                    to.write_all(&[b'x'; 8 * 1024])?;
                }
            }
        }
    }
}
