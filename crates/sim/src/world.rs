//! Everything that the simulator remembers, behind one lock.
//!
//! No I/O happens while it is held: endpoints are plain functions from world and request to an answer.

use crate::Options;
use crate::apps::Apps;
use crate::calls::Calls;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::faults::Faults;
use crate::people::People;
use crate::policy::Policy;
use crate::wechat::WeChat;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) entropy: Entropy,
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    pub(crate) apps: Apps,
    pub(crate) people: People,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
    pub(crate) wechat: WeChat,
}

impl World {
    pub(crate) fn new(options: Options) -> Self {
        let mut apps = Apps::default();
        for app in options.apps {
            apps.put(app);
        }
        Self {
            entropy: Entropy::new(options.seed),
            clock: Clock::default(),
            policy: options.policy,
            apps,
            people: People::default(),
            faults: Faults::default(),
            calls: Calls::default(),
            wechat: WeChat::default(),
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }
}
