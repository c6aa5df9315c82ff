//! A client that remembers every answer, and looks whether a server that starts anew does too.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::server::{Answer, Line};
use crate::harness::APPID;

/// A session as its phone knows it from answers alone.
pub(super) struct Held {
    pub(super) person: String,
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    /// What was traded for it.
    pub(super) former: Option<String>,
    /// What was traded for that: whoever shows it has stolen it.
    pub(super) older: Option<String>,
    /// Why it is over, as it was acknowledged.
    pub(super) over: Option<&'static str>,
    /// What was asked when the server was killed.
    pub(super) doubt: Option<Doubt>,
}

#[derive(Clone, Copy)]
pub(super) enum Doubt {
    Refresh,
    End(&'static str),
}

/// A sign-in whose answer never came.
pub(super) struct Unanswered {
    pub(super) person: String,
    pub(super) body: Value,
    pub(super) key: String,
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tried {
    pub(super) logins: usize,
    pub(super) refreshes: usize,
    pub(super) ends: usize,
    pub(super) in_doubt: usize,
}

impl Tried {
    pub(super) fn add(&mut self, other: Self) {
        self.logins += other.logins;
        self.refreshes += other.refreshes;
        self.ends += other.ends;
        self.in_doubt += other.in_doubt;
    }
}

/// A client: several people and their sessions, and what it was told of them.
pub(super) struct Phone {
    pub(super) nth: u64,
    pub(super) dice: Dice,
    /// Id and number of each.
    pub(super) people: BTreeMap<String, (String, i64)>,
    pub(super) sessions: Vec<Held>,
    pub(super) unanswered: Vec<Unanswered>,
    pub(super) sign_ins: u64,
    pub(super) tried: Tried,
}

impl Phone {
    pub(super) fn new(nth: u64, seed: u64) -> Self {
        let (people, sessions, unanswered) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { nth, dice: Dice(seed), people, sessions, unanswered, sign_ins: 0, tried: Tried::default() }
    }

    /// `None` when the server was killed meanwhile.
    pub(super) async fn does_something(&mut self, line: &Line) -> Option<()> {
        let alive: Vec<_> = (0..self.sessions.len()).filter(|at| self.sessions[*at].over.is_none()).collect();
        let roll = self.dice.below(10);
        if alive.is_empty() || roll < 3 {
            return self.signs_in(line).await;
        }
        let at = alive[usize::try_from(self.dice.below(alive.len() as u64)).unwrap()];
        let outcome = if roll < 8 { self.sessions[at].refreshes(line).await } else { self.ends(at, line).await };
        match roll {
            _ if outcome.is_none() => self.tried.in_doubt += 1,
            0..8 => self.tried.refreshes += 1,
            _ => self.tried.ends += 1,
        }
        outcome
    }

    pub(super) async fn signs_in(&mut self, line: &Line) -> Option<()> {
        let unanswered = self.next_sign_in(line);
        if let Some(answer) = unanswered.asks(line).await {
            self.tried.logins += 1;
            self.holds(unanswered.person, &answer);
            Some(())
        } else {
            self.tried.in_doubt += 1;
            self.unanswered.push(unanswered);
            None
        }
    }

    /// Each person signs in a few times, from a new device: no session takes another's place.
    pub(super) fn next_sign_in(&mut self, line: &Line) -> Unanswered {
        self.sign_ins += 1;
        let person = format!("person {}.{}", self.nth, self.sign_ins / 4);
        let key = format!("sign-in-{}.{}", self.nth, self.sign_ins);
        let body = json!({"code": line.sim.js_code(APPID, &person), "device": {"id": key}});
        Unanswered { person, body, key }
    }

    /// Notes what a sign-in gave; somebody known is still who they were.
    pub(super) fn holds(&mut self, person: String, answer: &Answer) {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let user = &answer.body["user"];
        let named = (user["id"].as_str().unwrap().to_owned(), user["number"].as_i64().unwrap());
        assert_eq!(*self.people.entry(person.clone()).or_insert_with(|| named.clone()), named);
        let (access_token, refresh_token) = (answer.text("access_token"), answer.text("refresh_token"));
        let (former, older, over, doubt) = (None, None, None, None);
        self.sessions.push(Held { person, access_token, refresh_token, former, older, over, doubt });
    }

    pub(super) async fn ends(&mut self, at: usize, line: &Line) -> Option<()> {
        let way = self.dice.below(3);
        self.sessions[at].ends(way, line).await
    }

    /// After a restart, everything is as it was acknowledged; what was in doubt has happened or not, and no half of it.
    pub(super) async fn looks(&mut self, line: &Line) {
        let people = &self.people;
        let looking = self.sessions.iter_mut().map(|held| held.looks(people, line));
        futures_util::future::join_all(looking).await;
    }

    /// Once more, and what can't be undone: sign-ins repeated that were never answered, and tokens stolen.
    pub(super) async fn looks_at_the_end(&mut self, line: &Line) {
        self.looks(line).await;
        let repeated = self.unanswered.iter().map(|unanswered| unanswered.asks(line));
        let answers = futures_util::future::join_all(repeated).await;
        for (unanswered, answer) in std::mem::take(&mut self.unanswered).into_iter().zip(answers) {
            let answer = answer.unwrap();
            let asked = line.sim.calls_with_code(unanswered.body["code"].as_str().unwrap());
            if answer.status == 200 {
                assert_eq!(asked, 1);
                self.holds(unanswered.person, &answer);
            } else {
                // It was killed, or lost its database, after it had claimed the code: nobody knows whether that was spent.
                answer.asks_for_another_code();
                assert!(asked <= 1, "the code was exchanged {asked} times");
            }
        }
        for held in self.sessions.iter_mut().filter(|held| held.over.is_none() && held.older.is_some()).step_by(2) {
            held.ends(2, line).await.unwrap();
        }
    }
}

impl Unanswered {
    pub(super) async fn asks(&self, line: &Line) -> Option<Answer> {
        let request = line.http.post(format!("{}/v1/login/shop", line.url)).json(&self.body);
        line.send(request.header("idempotency-key", &self.key), None).await
    }
}

impl Held {
    pub(super) async fn refreshes(&mut self, line: &Line) -> Option<()> {
        self.doubt = Some(Doubt::Refresh);
        let answer = line.refresh(&self.refresh_token).await?;
        self.doubt = None;
        self.moves_on(&answer);
        Some(())
    }

    pub(super) fn moves_on(&mut self, answer: &Answer) {
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.access_token = answer.text("access_token");
        let former = std::mem::replace(&mut self.refresh_token, answer.text("refresh_token"));
        assert_ne!(former, self.refresh_token);
        self.older = self.former.replace(former);
    }

    /// Ends by access token, by refresh token, or by theft where there is something to steal.
    pub(super) async fn ends(&mut self, way: u64, line: &Line) -> Option<()> {
        let stolen = self.older.as_ref().filter(|_| way == 2);
        let reason = if stolen.is_some() { "refresh_reused" } else { "session_ended" };
        self.doubt = Some(Doubt::End(reason));
        let answer = match stolen {
            Some(older) => line.refresh(older).await?,
            None if way == 0 => line.post("/v1/logout", &json!({}), Some(&self.access_token)).await?,
            None => line.post("/v1/logout", &json!({"refresh_token": self.refresh_token}), None).await?,
        };
        match stolen {
            Some(_) => answer.refused(reason),
            None => assert_eq!(answer.status, 204, "{}", answer.body),
        }
        (self.doubt, self.over) = (None, Some(reason));
        Some(())
    }

    pub(super) async fn looks(&mut self, people: &BTreeMap<String, (String, i64)>, line: &Line) {
        match self.doubt.take() {
            None => {}
            Some(Doubt::Refresh) => return self.refreshes(line).await.unwrap(),
            Some(Doubt::End(reason)) => {
                let answer = line.get("/v1/me", Some(&self.access_token)).await.unwrap();
                self.over = (answer.status == 401).then_some(reason);
            }
        }
        let me = line.get("/v1/me", Some(&self.access_token)).await.unwrap();
        if let Some(reason) = self.over {
            me.refused(reason);
            return line.refresh(&self.refresh_token).await.unwrap().refused(reason);
        }
        assert_eq!(me.status, 200, "a token that was signed before the kill: {}", me.body);
        let id = me.body["user"]["id"].as_str().or_else(|| me.body["id"].as_str());
        assert_eq!(id, Some(people[&self.person].0.as_str()), "{}", me.body);
        if let Some(former) = &self.former {
            let again = line.refresh(former).await.unwrap();
            assert_eq!(again.status, 200, "{}", again.body);
            assert_eq!(again.text("refresh_token"), self.refresh_token, "the counter stands where it was acknowledged");
        }
        self.refreshes(line).await.unwrap();
    }
}

/// Random numbers of a seed that a failure names (`SplitMix64`).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
