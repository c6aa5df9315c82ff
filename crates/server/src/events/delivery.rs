//! Webhooks: each is sent its audience's events in order, one at a time, by one node at a time, until it has taken them.
//!
//! How far it has come is kept in the store, and moves after the receiver has answered: what was sent and not noted is sent
//! again, with the same id. Not here: what is told (`page`), the request's bytes on the wire (`outbound`).

use std::time::Duration;

use futures_util::future::join_all;
use menjin_token::Timestamp;
use tokio::time::MissedTickBehavior;

use super::horizon::settled;
use super::page::page;
use super::signature::signatures;
use super::told::Event;
use crate::config::Webhook;
use crate::outbound::Receiver;
use crate::problem::{self, Problem};
use crate::state::Menjin;
use crate::store::{ClaimedPlace, ClaimingPlace, MovingPlace, Result};

/// How often is looked for news.
const LOOK: Duration = Duration::from_secs(1);
/// A node that dies is waited for so long; longer than a receiver may take to answer.
const LEASE: Duration = Duration::from_mins(1);
/// Lines of the audit that are looked at in one go.
const LINES: u32 = 200;
/// The pause after the first failure; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_hours(1);
/// An event that is older is not tried again when it is refused, and the try before was.
const GIVEN_UP: Duration = Duration::from_hours(3 * 24);
/// After so many in a row the receiver gets a pause: it may be down, and take the next ones later.
const GIVEN_UP_AT_ONCE: u32 = 10;

/// Sends events for as long as the server runs.
pub(crate) async fn follow(menjin: Menjin) {
    let webhooks = menjin.config.webhook.clone();
    if webhooks.is_empty() {
        std::future::pending::<()>().await;
    }
    join_all(webhooks.into_iter().map(|webhook| follow_one(menjin.clone(), webhook))).await;
}

async fn follow_one(menjin: Menjin, webhook: Webhook) {
    let receiver = match Receiver::new(webhook.url.clone(), webhook.private_address) {
        Ok(receiver) => receiver,
        Err(error) => {
            tracing::error!(webhook = webhook.name, error = format!("{error:#}"), "a webhook can't be called");
            return std::future::pending().await;
        }
    };
    let sending = Sending { menjin, webhook, receiver };
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tick.tick().await;
        match sending.round().await {
            Ok(()) => failing = false,
            Err(error) if !std::mem::replace(&mut failing, true) => problem::tell(&Problem::from(error)),
            Err(_) => {}
        }
    }
}

/// A webhook and what it is sent by.
struct Sending {
    menjin: Menjin,
    webhook: Webhook,
    receiver: Receiver,
}

/// What is sent until the receiver gets a pause, or there is nothing more.
struct Round {
    claimed: ClaimedPlace,
    /// How many were given up since one was taken.
    given_up: u32,
}

/// How a try went on.
#[derive(PartialEq, Eq)]
enum Went {
    /// On: the next one.
    On,
    /// Not: somebody else sends, or the receiver gets a pause.
    Not,
}

/// What the place of a webhook is kept under.
pub(super) fn place_name(webhook: &str) -> String {
    format!("webhook/{webhook}")
}

impl Sending {
    fn name(&self) -> String {
        place_name(&self.webhook.name)
    }

    /// Sends what there is.
    async fn round(&self) -> Result<()> {
        let store = &self.menjin.store;
        let last = settled(&self.menjin).await?;
        let Some(place) = store.place(&self.name()).await? else {
            // What happened before it was configured is nothing to it.
            return store.begin_place(&self.name(), last).await.map(drop);
        };
        if place >= last {
            self.lags(Duration::ZERO);
            return Ok(());
        }
        let now = self.menjin.clock.now();
        let claiming = ClaimingPlace { name: self.name(), now, until: now.plus(LEASE) };
        let Some(claimed) = store.claim_place(claiming).await? else { return Ok(()) };
        let mut round = Round { claimed, given_up: 0 };
        while self.part(&mut round).await? == Went::On {}
        Ok(())
    }

    /// Sends the events of one part of the audit.
    async fn part(&self, round: &mut Round) -> Result<Went> {
        let Round { claimed, given_up } = round;
        let found = page(&self.menjin, &self.webhook.audience, claimed.seq, LINES).await?;
        for (line, event) in found.events.into_iter().filter(|(_, event)| self.webhook.wants(event.kind)) {
            let now = self.menjin.clock.now();
            self.lags(now.since(line.at));
            if self.send(&event).await {
                (claimed.tries, *given_up) = (0, 0);
            } else {
                let is_old = line.at.plus(GIVEN_UP) < now;
                // A first refusal may be of a receiver that just starts, and menjin itself may have been off for days.
                if !is_old || claimed.tries == 0 {
                    return self.pause(claimed).await;
                }
                self.give_up(&event);
                *given_up += 1;
            }
            claimed.seq = line.seq;
            if *given_up == GIVEN_UP_AT_ONCE {
                return self.pause(claimed).await;
            }
            if !self.note(claimed, (Timestamp::from_secs(0), self.menjin.clock.now().plus(LEASE))).await? {
                return Ok(Went::Not);
            }
        }
        claimed.seq = found.next;
        let now = self.menjin.clock.now();
        let until = if found.more { now.plus(LEASE) } else { now };
        let is_held = self.note(claimed, (Timestamp::from_secs(0), until)).await?;
        if !found.more {
            self.lags(Duration::ZERO);
        }
        Ok(if is_held && found.more { Went::On } else { Went::Not })
    }

    /// Whether the receiver took it.
    async fn send(&self, event: &Event) -> bool {
        let Ok(body) = serde_json::to_string(event) else { return false };
        let secs = self.menjin.clock.now().secs();
        let signed = signatures(&self.webhook.keys(), (&event.id, secs), &body);
        let secs = secs.to_string();
        let headers = [("webhook-id", event.id.as_str()), ("webhook-timestamp", &secs), ("webhook-signature", &signed)];
        let answered = self.receiver.post(&headers, body).await;
        let outcome = if answered.is_ok() { "delivered" } else { "failed" };
        self.count(outcome);
        match answered {
            Ok(()) => true,
            Err(why) => {
                let (webhook, id) = (&self.webhook.name, &event.id);
                tracing::warn!(webhook, event.id = id, why, "a receiver did not take an event, and gets it again");
                false
            }
        }
    }

    fn give_up(&self, event: &Event) {
        self.count("given_up");
        let (webhook, id) = (&self.webhook.name, &event.id);
        tracing::error!(webhook, event.id = id, "an event is given up after three days: GET /v1/events still has it");
    }

    /// Gives the place back, and the receiver some time.
    async fn pause(&self, claimed: &mut ClaimedPlace) -> Result<Went> {
        let pause = FIRST.saturating_mul(1 << claimed.tries.min(20)).min(LONGEST);
        claimed.tries = claimed.tries.saturating_add(1);
        let now = self.menjin.clock.now();
        self.note(claimed, (now.plus(pause), now)).await?;
        Ok(Went::Not)
    }

    async fn note(&self, claimed: &ClaimedPlace, (due_at, until): (Timestamp, Timestamp)) -> Result<bool> {
        let ClaimedPlace { seq, claim, tries } = *claimed;
        self.menjin.store.move_place(MovingPlace { name: self.name(), claim, seq, tries, due_at, until }).await
    }

    fn count(&self, outcome: &'static str) {
        let webhook = self.webhook.name.clone();
        metrics::counter!("menjin_webhook_deliveries_total", "webhook" => webhook, "outcome" => outcome).increment(1);
    }

    /// How old the event is that the receiver has not taken yet.
    fn lags(&self, by: Duration) {
        metrics::gauge!("menjin_webhook_lag_seconds", "webhook" => self.webhook.name.clone()).set(by.as_secs_f64());
    }
}
