//! Misfortunes on order: which call they strike and what they do to it.
//!
//! Here they are kept and chosen; `gateway` carries them out.

use std::time::Duration;

use crate::entropy::Entropy;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// errcode -1 `system error`; nothing is done, a code is not spent.
    Busy,
    /// The work is done, and the answer comes late. The delay is real time, whatever the simulator's clock says.
    Slow(Duration),
    /// The work is done, and the connection breaks before the answer.
    Dropped,
    /// The work is done, and the answer is cut off in the middle of its JSON.
    Malformed,
    /// The work is done, and a gateway answers 502 with a page of HTML.
    Html,
    /// This errcode is answered; nothing is done.
    Errcode {
        /// Any number; the text of a known one need not be given.
        errcode: i64,
        /// The text before the rid.
        errmsg: Option<String>,
    },
}

impl FaultKind {
    /// The name in the control API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Slow(_) => "slow",
            Self::Dropped => "dropped",
            Self::Malformed => "malformed",
            Self::Html => "html",
            Self::Errcode { .. } => "errcode",
        }
    }
}

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strikes {
    /// The next so many calls that match; then the fault is gone.
    Next(u32),
    /// About this share of all calls that match, 0 to 1, until the faults are cleared.
    Share(f64),
}

/// A misfortune waiting for its call.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// How often.
    pub strikes: Strikes,
    /// Only calls to this path.
    pub path: Option<String>,
    /// Only calls by this app.
    pub appid: Option<String>,
}

impl Fault {
    /// Strikes the next call to any path.
    pub fn once(kind: FaultKind) -> Self {
        Self { kind, strikes: Strikes::Next(1), path: None, appid: None }
    }

    /// The same fault, for one path only.
    #[must_use]
    pub fn on(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    fn concerns(&self, path: &str, appid: Option<&str>) -> bool {
        self.path.as_deref().is_none_or(|wanted| wanted == path)
            && self.appid.as_deref().is_none_or(|wanted| appid == Some(wanted))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<(u64, Fault)>,
    last_id: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> u64 {
        self.last_id += 1;
        self.waiting.push((self.last_id, fault));
        self.last_id
    }

    pub(crate) fn all(&self) -> &[(u64, Fault)] {
        &self.waiting
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// The first fault, oldest first, that strikes this call.
    pub(crate) fn strike(&mut self, path: &str, appid: Option<&str>, entropy: &mut Entropy) -> Option<FaultKind> {
        let at = self.waiting.iter().position(|(_, fault)| {
            fault.concerns(path, appid)
                && match fault.strikes {
                    Strikes::Next(left) => left > 0,
                    Strikes::Share(share) => entropy.chance(share),
                }
        })?;
        let fault = &mut self.waiting[at].1;
        let kind = fault.kind.clone();
        if let Strikes::Next(left) = &mut fault.strikes {
            *left -= 1;
            if *left == 0 {
                self.waiting.remove(at);
            }
        }
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_ordered_and_only_where_ordered() {
        let (mut faults, mut entropy) = (Faults::default(), Entropy::new(1));
        faults.add(Fault { strikes: Strikes::Next(2), ..Fault::once(FaultKind::Busy).on("/a") });
        let mut strike = |path: &str| faults.strike(path, None, &mut entropy);
        assert_eq!(strike("/b"), None);
        assert_eq!([strike("/a"), strike("/a"), strike("/a")], [Some(FaultKind::Busy), Some(FaultKind::Busy), None]);
    }

    #[test]
    fn faults_strike_in_the_order_of_their_making() {
        let (mut faults, mut entropy) = (Faults::default(), Entropy::new(1));
        faults.add(Fault { appid: Some("wxother".into()), ..Fault::once(FaultKind::Html) });
        faults.add(Fault::once(FaultKind::Dropped));
        faults.add(Fault::once(FaultKind::Malformed));
        let mut strike = || faults.strike("/a", Some("wxshop"), &mut entropy);
        assert_eq!([strike(), strike(), strike()], [Some(FaultKind::Dropped), Some(FaultKind::Malformed), None]);
    }
}
