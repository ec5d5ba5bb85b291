//! The proxies that the environment names: [`Proxies`].

use std::ffi::OsString;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

/// The proxies that the environment names, and the hosts that are asked without one.
///
/// `reqwest` reads the same variables, but ignores a proxy that it cannot parse, entries of `NO_PROXY` with a
/// port, and `*` where the host is an IP address: requests would take another way than the user believes.
#[derive(Clone, Debug)]
pub(super) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    exceptions: Exceptions,
}

/// The entries of `NO_PROXY`.
#[derive(Clone, Debug, Default)]
struct Exceptions {
    /// `*`: there are no proxies at all.
    all: bool,
    hosts: Vec<Exception>,
}

/// A host, an address, a network, or a domain with all below it, by the rules of `hyper-util`.
#[derive(Clone, Debug)]
struct Exception {
    /// Intercepts all but these.
    others: Arc<Matcher>,
    /// The only port that the entry is for.
    port: Option<u16>,
}

impl Proxies {
    /// Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` and their lower-case forms. Returns `None`
    /// if no proxy is to be used.
    ///
    /// # Errors
    ///
    /// If a variable is malformed. The message does not contain a proxy's URL, which may hold a password.
    pub(super) fn from_environment(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> anyhow::Result<Option<Self>> {
        let first = |names: [&'static str; 2]| {
            let found = names
                .into_iter()
                .find_map(|name| Some((name, variable(name)?)));
            let Some((name, value)) = found else {
                return Ok(None);
            };
            let Ok(value) = value.into_string() else {
                bail!("{name}: not valid UTF-8");
            };
            Ok(Some((name, value)).filter(|(_, value)| !value.trim().is_empty()))
        };
        let proxy = |names| match first(names)? {
            Some((name, value)) => proxy(value.trim()).context(name).map(Some),
            None => Ok(None),
        };
        // A CGI program is given the header `Proxy` of a request, which anybody can send, as HTTP_PROXY.
        if variable("REQUEST_METHOD").is_some() {
            return Ok(None);
        }
        let all = proxy(["ALL_PROXY", "all_proxy"])?;
        let http = proxy(["HTTP_PROXY", "http_proxy"])?.or_else(|| all.clone());
        let https = proxy(["HTTPS_PROXY", "https_proxy"])?.or(all);
        if http.is_none() && https.is_none() {
            return Ok(None);
        }
        let exceptions = match first(["NO_PROXY", "no_proxy"])? {
            Some((name, value)) => Exceptions::parse(&value).context(name)?,
            None => Exceptions::default(),
        };
        Ok((!exceptions.all).then_some(Self {
            http,
            https,
            exceptions,
        }))
    }

    /// The proxy for requests to `url`.
    pub(super) fn intercept(&self, url: &Url) -> Option<Url> {
        let proxy = match url.scheme() {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        };
        proxy.filter(|_| !self.exceptions.contain(url)).cloned()
    }
}

/// Parses a proxy, with or without a scheme.
fn proxy(text: &str) -> anyhow::Result<Url> {
    let with_scheme = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    let url = with_scheme.context("not the URL of a proxy, such as http://proxy:3128")?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => bail!("a proxy of the scheme `{scheme}` is not supported, only http and https"),
    }
}

impl Exceptions {
    /// Parses entries that are separated by commas or white space.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut exceptions = Self::default();
        let entries = text.split(|c: char| c == ',' || c.is_whitespace());
        for entry in entries.filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                exceptions.all = true;
                continue;
            }
            let exception = Exception::parse(entry)
                .with_context(|| format!("`{entry}` is not a host, an address or a network"))?;
            exceptions.hosts.push(exception);
        }
        Ok(exceptions)
    }

    fn contain(&self, url: &Url) -> bool {
        let Ok(uri) = url.as_str().parse() else {
            return false;
        };
        let port = url.port_or_known_default();
        self.hosts
            .iter()
            .any(|host| host.port.is_none_or(|only| Some(only) == port) && host.covers(&uri))
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        if entry.parse::<IpAddr>().is_ok() {
            return Some(Self::new(entry, None));
        }
        let (host, port) = match entry.rsplit_once(':') {
            // A network of IPv6 has colons and no port.
            Some((host, port)) if !port.contains(['/', ']']) => (host, Some(port.parse().ok()?)),
            _ => (entry, None),
        };
        if let Some(address) = host.strip_prefix('[') {
            let address = address.strip_suffix(']')?;
            return address
                .parse::<IpAddr>()
                .ok()
                .map(|_| Self::new(address, port));
        }
        if let Some((address, _)) = host.split_once('/') {
            let exception = Self::new(host, port);
            let address = match address.parse().ok()? {
                IpAddr::V4(address) => format!("http://{address}"),
                IpAddr::V6(address) => format!("http://[{address}]"),
            };
            // A text that is not a network covers nothing.
            return exception
                .covers(&address.parse().ok()?)
                .then_some(exception);
        }
        // Other programs take `*.example.org` for `.example.org`.
        let domain = host.strip_prefix('*').filter(|rest| rest.starts_with('.'));
        let domain = domain.unwrap_or(host);
        let is_domain = !domain.is_empty() && !domain.contains(['*', ':', '@', '[', ']']);
        is_domain.then(|| Self::new(domain, port))
    }

    fn new(host: &str, port: Option<u16>) -> Self {
        let others = Matcher::builder().all("http://proxy").no(host).build();
        Self {
            others: Arc::new(others),
            port,
        }
    }

    fn covers(&self, uri: &Uri) -> bool {
        self.others.intercept(uri).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> anyhow::Result<Option<Proxies>> {
        Proxies::from_environment(|name| {
            let mut variables = variables.iter();
            let found = variables.find(|(variable, _)| *variable == name)?;
            Some(found.1.into())
        })
    }

    fn intercepted(no_proxy: &str, url: &str) -> bool {
        let proxies = proxies(&[("ALL_PROXY", "proxy:3128"), ("no_proxy", no_proxy)]).unwrap();
        let url = Url::parse(url).unwrap();
        proxies.is_some_and(|proxies| proxies.intercept(&url).is_some())
    }

    #[test]
    fn each_scheme_has_its_proxy_or_that_for_all() {
        let variables = [
            ("ALL_PROXY", "a:1"),
            ("https_proxy", "http://me:secret@b:2/"),
        ];
        let proxies = proxies(&variables).unwrap().unwrap();
        let proxy = |url| proxies.intercept(&Url::parse(url).unwrap()).unwrap();
        assert_eq!(proxy("http://host/").as_str(), "http://a:1/");
        assert_eq!(proxy("https://host/").as_str(), "http://me:secret@b:2/");
    }

    #[test]
    fn there_is_no_proxy_unless_a_variable_names_one() {
        for variables in [
            &[][..],
            &[("HTTP_PROXY", "")],
            &[("HTTP_PROXY", ""), ("http_proxy", "a:1")],
            &[("HTTP_PROXY", "a:1"), ("NO_PROXY", "x, *")],
            &[("HTTP_PROXY", "a:1"), ("REQUEST_METHOD", "GET")],
            &[("NO_PROXY", "host:port")],
        ] {
            assert!(proxies(variables).unwrap().is_none(), "{variables:?}");
        }
    }

    #[test]
    fn hosts_addresses_networks_and_ports_are_exceptions() {
        for (no_proxy, url, is_exception) in [
            ("example.org", "http://example.org/", true),
            ("example.org", "http://a.example.org:81/", true),
            ("example.org", "http://badexample.org/", false),
            (".example.org", "http://a.example.org/", true),
            ("*.example.org", "http://a.example.org/", true),
            ("a b,c", "http://b/", true),
            ("host:8080", "http://host:8080/", true),
            ("host:8080", "http://host/", false),
            ("host:80", "http://host/", true),
            ("host:443", "https://host/", true),
            ("127.0.0.1", "http://127.0.0.1:9/", true),
            ("127.0.0.1:9", "http://127.0.0.1:9/", true),
            ("127.0.0.1:9", "http://127.0.0.1:8/", false),
            ("127.0.0.0/8", "http://127.1.2.3/", true),
            ("127.0.0.0/8:80", "http://127.1.2.3:81/", false),
            ("::1", "http://[::1]:5/", true),
            ("[::1]", "http://[::1]:5/", true),
            ("[::1]:5", "http://[::1]:5/", true),
            ("[::1]:5", "http://[::1]:6/", false),
            ("fe80::/10", "http://[fe80::1]/", true),
            ("*", "http://127.0.0.1/", true),
            ("*", "http://host/", true),
            ("", "http://host/", false),
        ] {
            let is_intercepted = intercepted(no_proxy, url);
            assert_eq!(is_intercepted, !is_exception, "{no_proxy}: {url}");
        }
    }

    #[test]
    fn a_malformed_variable_is_refused_without_its_secrets() {
        for (name, value, words) in [
            ("HTTP_PROXY", "http://me:secret@", "not the URL of a proxy"),
            (
                "https_proxy",
                "http://me:secret@host:port",
                "not the URL of a proxy",
            ),
            (
                "ALL_PROXY",
                "socks5://me:secret@host:1",
                "scheme `socks5` is not supported",
            ),
            (
                "http_proxy",
                "htp://me:secret@host",
                "scheme `htp` is not supported",
            ),
            ("NO_PROXY", "a, host:port", "`host:port` is not a host"),
            ("NO_PROXY", "10.0.0.0/99", "`10.0.0.0/99` is not a host"),
            ("no_proxy", "http://host/", "`http://host/` is not a host"),
            ("no_proxy", "a*b", "`a*b` is not a host"),
            ("no_proxy", "[::1", "`[::1` is not a host"),
        ] {
            let error = proxies(&[(name, value), ("ALL_PROXY", "a:1")]).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.starts_with(&format!("{name}: ")), "{error}");
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt as _;
        let proxies = Proxies::from_environment(|name| {
            (name == "ALL_PROXY").then(|| OsString::from_vec(vec![0xff]))
        });
        let error = proxies.unwrap_err().to_string();
        assert_eq!(error, "ALL_PROXY: not valid UTF-8");
    }
}
