//! Everything that the simulator remembers, behind one lock.
//!
//! No I/O happens while it is held: endpoints are plain functions from world and request to an answer.

use crate::Options;
use crate::alipay::Alipay;
use crate::apps::Apps;
use crate::calls::Calls;
use crate::clock::Clock;
use crate::douyin::Douyin;
use crate::entropy::{self, Entropy};
use crate::faults::Faults;
use crate::mini::Mini;
use crate::people::People;
use crate::policy::Policy;
use crate::qq_connect::QqConnect;
use crate::scenario::Recorder;
use crate::wechat::WeChat;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) entropy: Entropy,
    /// For what the simulator sends by itself: it must not change what its answers draw.
    pub(crate) push_entropy: Entropy,
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    pub(crate) apps: Apps,
    pub(crate) people: People,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
    pub(crate) recorder: Recorder,
    pub(crate) wechat: WeChat,
    pub(crate) qq: Mini,
    pub(crate) qq_connect: QqConnect,
    pub(crate) douyin: Douyin,
    pub(crate) alipay: Alipay,
}

impl World {
    pub(crate) fn new(options: Options) -> Self {
        let (seed, mut clock) = (options.seed.unwrap_or_else(entropy::any_seed), Clock::default());
        if let Some(start) = options.start {
            clock.set(start);
        }
        let recorder = Recorder::new(seed, clock.now(), &options.apps, &options.policy);
        let mut apps = Apps::default();
        for app in options.apps {
            apps.put(app);
        }
        Self {
            entropy: Entropy::new(seed),
            push_entropy: Entropy::new(!seed),
            clock,
            policy: options.policy,
            apps,
            people: People::default(),
            faults: Faults::default(),
            calls: Calls::default(),
            recorder,
            wechat: WeChat::default(),
            qq: Mini::default(),
            qq_connect: QqConnect::default(),
            douyin: Douyin::default(),
            alipay: Alipay::default(),
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }
}
