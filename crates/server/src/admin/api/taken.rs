//! What an act of `/admin/v1` does not take is refused before anything is done: dropped, it would let the act go further than
//! was asked, as an audience in the body does that belongs into the query.
//!
//! Does not: the members of a body that is taken (its struct refuses others), nor the parameters of a query that is (`page`).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use url::form_urlencoded;
use utoipa::openapi::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};

use crate::edge::inside;
use crate::extract::{body, no_members, told_back};
use crate::problem::{Fault, Problem};
use crate::state::Menjin;

const API: &str = "/admin/v1/";

/// What one act takes.
struct Takes {
    query: bool,
    body: bool,
}

/// All acts by their routes, as the document has them.
#[derive(Clone)]
pub(in crate::admin) struct Acts(Arc<BTreeMap<String, Takes>>);

impl Acts {
    pub(in crate::admin) fn of(document: &OpenApi) -> Self {
        let mut acts = BTreeMap::new();
        for (path, item) in document.paths.paths.iter().filter(|(path, _)| path.starts_with(API)) {
            let methods = [
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in methods {
                let takes =
                    operation.as_ref().map(|it| Takes { query: has_query(it), body: it.request_body.is_some() });
                acts.extend(takes.map(|takes| (format!("{method} {path}"), takes)));
            }
        }
        Self(Arc::new(acts))
    }
}

fn has_query(operation: &Operation) -> bool {
    let queried = |it: &RefOr<Parameter>| matches!(it, RefOr::T(Parameter { parameter_in: ParameterIn::Query, .. }));
    operation.parameters.iter().flatten().any(queried)
}

/// Lets a request on with what its act takes, and with nothing else.
pub(in crate::admin) async fn nothing_else(
    State((menjin, acts)): State<(Menjin, Acts)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let act = format!("{} {}", request.method(), inside(menjin.config.server.path(), route));
    let Some(takes) = acts.0.get(&act) else { return Ok(next.run(request).await) };
    let query = request.uri().query().unwrap_or_default().as_bytes();
    if let Some((name, _)) = form_urlencoded::parse(query).next().filter(|_| !takes.query) {
        return Err(Problem::field(told_back(&name, "query"), Fault::NotTaken));
    }
    if takes.body {
        return Ok(next.run(request).await);
    }
    let (parts, content) = request.into_parts();
    no_members(&body(Request::from_parts(parts.clone(), content), &menjin).await?)?;
    Ok(next.run(Request::from_parts(parts, Body::empty())).await)
}
