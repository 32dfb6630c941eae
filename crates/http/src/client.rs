//! Who asks: the address that limits are kept by, and how much it has open.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::HeaderMap;

/// A client's address; of IPv6 the /64, since whoever has one address has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey(IpAddr);

impl ClientKey {
    /// The client with this address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let prefix = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(prefix))
            }
            v4 => v4,
        })
    }

    /// The peer, or, behind proxies that append to `X-Forwarded-For`, the address that the outermost of them saw. What stands
    /// further left was written by the client. A header that is not what trusted proxies write is ignored.
    #[must_use]
    pub fn of_request(peer: SocketAddr, headers: &HeaderMap, trusted_proxies: usize) -> Self {
        let forwarded = || -> Option<IpAddr> {
            let lists: Vec<&str> = headers
                .get_all("x-forwarded-for")
                .iter()
                .filter_map(|value| value.to_str().ok())
                .collect();
            let joined = lists.join(",");
            joined.rsplit(',').nth(trusted_proxies.checked_sub(1)?)?.trim().parse().ok()
        };
        Self::of(forwarded().unwrap_or(peer.ip()))
    }
}

/// How many of something each client has open.
#[derive(Clone, Debug, Default)]
pub struct PerClient(Arc<Mutex<HashMap<ClientKey, usize>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Entry {
    clients: PerClient,
    key: ClientKey,
}

impl PerClient {
    /// Counts one more, unless the client has `most` already.
    #[must_use]
    pub fn enter(&self, key: ClientKey, most: usize) -> Option<Entry> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key).or_default();
        if *count >= most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Entry { clients: self.clone(), key })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(peer: &str, forwarded: &[&str], proxies: usize) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a header"));
        }
        let peer = SocketAddr::new(peer.parse().expect("an address"), 1);
        ClientKey::of_request(peer, &headers, proxies).0.to_string()
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        assert_eq!(key("10.0.0.1", &["1.1.1.1"], 0), "10.0.0.1");
        assert_eq!(key("10.0.0.1", &["1.1.1.1, 2.2.2.2"], 1), "2.2.2.2");
        assert_eq!(key("10.0.0.1", &["1.1.1.1", "2.2.2.2, 3.3.3.3"], 2), "2.2.2.2");
        assert_eq!(key("10.0.0.1", &["nonsense"], 1), "10.0.0.1");
        assert_eq!(key("10.0.0.1", &[], 3), "10.0.0.1");
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        assert_eq!(key("2001:db8:1:2:3::4", &[], 0), key("2001:db8:1:2:ffff::1", &[], 0));
        assert_ne!(key("2001:db8:1:2::1", &[], 0), key("2001:db8:1:3::1", &[], 0));
        assert_eq!(key("::ffff:10.0.0.1", &[], 0), "10.0.0.1");
    }
}
