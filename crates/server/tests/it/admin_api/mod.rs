//! `/admin/v1`: a file a noun. Programs call it by tokens here; cookies, and who gets in at all, are in `operators`.

mod apps;
mod audit;
mod keys;
mod leaving;
mod lists;
mod merging;
mod roles;
mod sessions;
mod taken;
mod users;

use menjin_server::store::{Actor, OperatorRole};
use reqwest::Method;
use serde_json::Value;

use crate::harness::{Answer, TestServer};

/// A program that acts as an operator.
pub(crate) struct Program<'t> {
    t: &'t TestServer,
    token: String,
    http: reqwest::Client,
}

impl<'t> Program<'t> {
    /// One with a token of its own, named after its role.
    pub(crate) async fn of(t: &'t TestServer, role: OperatorRole) -> Self {
        let made = t.menjin.create_operator_token(&Actor::command(), role.as_str(), role, None).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { t, token: made.token.clone(), http }
    }

    pub(crate) async fn admin(t: &'t TestServer) -> Self {
        Self::of(t, OperatorRole::Admin).await
    }

    /// Below `/admin/v1`.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.http.request(method, format!("{}/admin/v1{path}", self.t.admin_url));
        let request = request.bearer_auth(&self.token).header("accept-language", "en");
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        Answer::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Option<Value>) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// All items of a list, page by page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let join = if path.contains('?') { '&' } else { '?' };
        let (mut all, mut next) = (Vec::new(), None::<String>);
        for _ in 0..1000 {
            let cursor = next.map(|next| format!("{join}cursor={next}")).unwrap_or_default();
            let page = self.get(&format!("{path}{cursor}")).await.ok(200);
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(cursor) => next = Some(cursor.to_owned()),
                None => return all,
            }
        }
        panic!("{path} has no end");
    }
}

/// One member of each item.
pub(crate) fn each(items: &[Value], member: &str) -> Vec<String> {
    items.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect()
}

/// What the audit has of a program, the newest first: actions and to whom.
async fn acts(program: &Program<'_>, role: OperatorRole) -> Vec<String> {
    each(&program.all(&format!("/audit?actor_id=token:{}", role.as_str())).await, "action")
}
