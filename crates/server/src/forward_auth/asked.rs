//! What a proxy's address asks for. It is the operator's to write, so whatever is odd about it lets nobody pass.

use url::form_urlencoded;

use crate::state::Menjin;

/// As long as a name in a list of them may be.
const LONGEST: usize = 128;

/// What the proxy wants to know.
pub(super) struct Asked {
    /// The back end that tokens must be for.
    pub(super) audience: String,
    /// What else they must hold.
    pub(super) require: Vec<Needed>,
    /// How the headers are called.
    pub(super) names: Names,
    /// The upstream that wants an assertion.
    pub(super) assertion: Option<String>,
}

/// What a token must hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Needed {
    /// This role.
    Role(String),
    /// This permission, or one that covers it.
    Permission(String),
    /// This scope.
    Scope(String),
}

/// How the headers are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Names {
    /// `X-Menjin-User` …
    #[default]
    Menjin,
    /// `Remote-User` …
    Remote,
}

/// Why an address can't stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misconfigured(pub(super) &'static str);

impl Asked {
    /// Reads `audience=…&require=…`.
    pub(super) fn parse(text: &str) -> Result<Self, Misconfigured> {
        let (mut audience, mut require, mut names, mut assertion) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let place = match name.as_ref() {
                "audience" => &mut audience,
                "require" => &mut require,
                "headers" => &mut names,
                "assertion" => &mut assertion,
                _ => {
                    return Err(Misconfigured("a parameter is none of audience, require, headers and assertion"));
                }
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(Misconfigured("a parameter stands twice"));
            }
        }
        let audience =
            audience.ok_or(Misconfigured("`audience` is missing: name the back end, e.g. ?audience=shop-api"))?;
        Ok(Self {
            audience,
            require: require.map_or_else(|| Ok(Vec::new()), |list| list.split(',').map(Needed::parse).collect())?,
            names: match names.as_deref() {
                None => Names::Menjin,
                Some("remote") => Names::Remote,
                Some(_) => return Err(Misconfigured("`headers` must be remote, or be left out")),
            },
            assertion,
        })
    }

    /// Refuses what this menjin knows nothing of.
    pub(super) fn checked(self, menjin: &Menjin) -> Result<Self, Misconfigured> {
        if !menjin.apps.has_audience(&self.audience) {
            return Err(Misconfigured("`audience` is that of no [[app]]"));
        }
        let is_name =
            |name: &str| !name.is_empty() && name.len() <= LONGEST && name.bytes().all(|b| b.is_ascii_graphic());
        if self.assertion.as_ref().is_some_and(|name| !is_name(name) || *name == menjin.issuer) {
            return Err(Misconfigured("`assertion` must name the upstream, in 128 visible ASCII characters at most"));
        }
        Ok(self)
    }
}

impl Needed {
    fn parse(text: &str) -> Result<Self, Misconfigured> {
        const WRONG: Misconfigured =
            Misconfigured("`require` must be a list of role:name, perm:name and scope:name, with commas between");
        let (kind, name) = text.split_once(':').ok_or(WRONG)?;
        let is_word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/'))
        };
        // A permission and a scope have segments; a wildcard is for who grants, not for who asks.
        if name.len() > LONGEST || !name.split(':').all(is_word) {
            return Err(WRONG);
        }
        match kind {
            "role" => Ok(Self::Role(name.to_owned())),
            "perm" => Ok(Self::Permission(name.to_owned())),
            "scope" => Ok(Self::Scope(name.to_owned())),
            _ => Err(WRONG),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_asks_for_an_audience_and_more() {
        let asked =
            Asked::parse("audience=shop-api&require=role:admin,perm:orders:read,scope:x&headers=remote&assertion=a")
                .ok()
                .unwrap();
        assert_eq!((asked.audience.as_str(), asked.names), ("shop-api", Names::Remote));
        assert_eq!(asked.assertion.as_deref(), Some("a"));
        let needed =
            [Needed::Role("admin".into()), Needed::Permission("orders:read".into()), Needed::Scope("x".into())];
        assert_eq!(asked.require, needed);
        let plain = Asked::parse("audience=shop-api").ok().unwrap();
        assert_eq!((plain.names, plain.require.len(), plain.assertion), (Names::Menjin, 0, None));
    }

    #[test]
    fn whatever_is_odd_is_refused() {
        for odd in [
            "",
            "require=role:admin",
            "Audience=shop-api",
            "audience=shop-api&audience=shop-api",
            "audience=shop-api&requires=role:admin",
            "audience=shop-api&require=",
            "audience=shop-api&require=admin",
            "audience=shop-api&require=role:",
            "audience=shop-api&require=Role:admin",
            "audience=shop-api&require=role:admin,",
            "audience=shop-api&require=role:admin, role:b",
            "audience=shop-api&require=perm:orders:*",
            "audience=shop-api&require=perm:orders::read",
            "audience=shop-api&require=role:admin;role:b",
            "audience=shop-api&require=role:admin&require=role:b",
            "audience=shop-api&headers=menjin2",
            "audience=shop-api&path",
            "audience=shop-api&&x",
        ] {
            assert!(Asked::parse(odd).is_err(), "{odd}");
        }
    }
}
