//! `/openapi.json`, made from the handlers, and `/docs`, which shows it without the internet.
//!
//! Lives here: what all routes of a kind have in common, above all their refusals. Does not: what one route alone answers.

use axum::Router;
use axum::http::{HeaderValue, header};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Server};
use utoipa::{OpenApi, ToSchema};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::state::Menjin;

/// What stands above the routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "menjin", description = "The login system for mini programs: a `code` goes in; a user, a session and tokens come out. Errors are `application/problem+json` (RFC 9457) with a stable `code` and an `action`. People's own programs of an app with `envelope = true` get both as `{code, msg, data}`, with the same status."),
    tags(
        (name = "sign-in", description = "From a code to tokens, and back out"),
        (name = "pages", description = "For browsers, which are led there and on; what fails is told on a page"),
        (name = "me", description = "The caller"),
        (name = "privacy", description = "What people agree to, a copy of what is kept of them, and the way out"),
        (name = "profile", description = "What the platform proves of the caller, and what they show of themselves; each person is limited (`limits.per_person`)"),
        (name = "tokens", description = "What back ends verify with"),
        (name = "back-end", description = "For back ends that prove which app they are"),
        (name = "oauth", description = "OAuth 2.0 for libraries that speak it: forms, and errors as RFC 6749 has them"),
        (name = "forward-auth", description = "For proxies that ask about each request"),
        (name = "platform", description = "For the platforms themselves, which tell of their people"),
        (name = "sdk", description = "For programs on phones"),
        (name = "operation", description = "For operators"),
    ),
    components(schemas(ProblemView)),
    modifiers(&Bearer)
)]
pub(crate) struct Api;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let http = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let scheme = http.description(Some("An access token, from a sign-in or a refresh.")).build();
        api.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
        let http = Http::builder().scheme(HttpAuthScheme::Basic);
        let scheme =
            http.description(Some("The id and client_secret of a back end's `[[app]]` (RFC 6749 §2.3.1).")).build();
        api.components.get_or_insert_default().add_security_scheme("basic", SecurityScheme::Http(scheme));
    }
}

/// Why a request was refused, and what to do (RFC 9457). Decide by `code` and `action`, show `title` and `detail`.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "says in the document what `problem::answer` writes")]
struct ProblemView {
    /// Where the problem is explained.
    #[schema(format = "uri-reference", example = "/problems/field_invalid")]
    r#type: String,
    /// Its name, in the language of `Accept-Language`.
    #[schema(example = "A field of the request is not valid")]
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// What happened and what to do, in the language of `Accept-Language`.
    #[schema(example = "`code` is missing.")]
    detail: String,
    /// The stable name; more of them may come.
    #[schema(pattern = "^[a-z_]+$", example = "field_invalid")]
    code: String,
    /// What to do next.
    action: ActionView,
    /// Names the request in the server's log; the same as the header `x-request-id`.
    #[schema(example = "5778f00000000002")]
    request_id: String,
    /// The member, header or parameter that can't stand; with `field_invalid` alone.
    #[schema(nullable = false, example = "code")]
    field: Option<String>,
    /// The header whose token is meant, where two came together: `Menjin-Subject-Token` or `Authorization`.
    #[schema(nullable = false, example = "Menjin-Subject-Token")]
    header: Option<String>,
    /// What the platform said, where a person caused its refusal.
    #[schema(nullable = false)]
    platform: Option<PlatformView>,
    /// What took the session's place; with `session_replaced`, while it is known.
    #[schema(nullable = false)]
    replaced_by: Option<ReplacedByView>,
}

/// What took a session's place.
#[derive(ToSchema)]
#[schema(as = ReplacedBy)]
#[expect(dead_code, reason = "says in the document what `problem::answer` writes")]
struct ReplacedByView {
    /// Where somebody signed in.
    device: ReplacingDeviceView,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

/// A device as it calls itself.
#[derive(ToSchema)]
#[schema(as = ReplacingDevice)]
#[expect(dead_code, reason = "says in the document what `problem::answer` writes")]
struct ReplacingDeviceView {
    /// What kind.
    class: crate::store::DeviceClass,
    /// Its model.
    name: Option<String>,
}

/// What to do next: trade the refresh token; call `wx.login` and sign in again; send the same request after `Retry-After`;
/// sign in freshly, then repeat; show the newest documents and ask again; or nothing, as only another request helps.
#[derive(ToSchema)]
#[schema(as = Action, rename_all = "snake_case")]
#[expect(dead_code, reason = "says in the document what `problem::Action` is called on the wire")]
enum ActionView {
    Refresh,
    Relogin,
    Retry,
    Reauth,
    Consent,
    None,
}

/// A platform's refusal in its own words.
#[derive(ToSchema)]
#[schema(as = PlatformSaid)]
#[expect(dead_code, reason = "says in the document what `problem::answer` writes")]
struct PlatformView {
    /// Its number.
    #[schema(example = 40029)]
    errcode: i64,
    /// Its text.
    #[schema(example = "invalid code")]
    errmsg: String,
}

/// A status, and the codes with which a route of some kind gives it.
type Refusal = (&'static str, &'static str);

const WITH_A_BODY: [Refusal; 4] = [
    ("400", "`field_invalid`: `field` says which; `json_invalid`"),
    ("408", "`body_too_slow`: the body did not arrive in time"),
    ("413", "`body_too_large`"),
    ("415", "`content_type_invalid`"),
];
const WITH_A_PATH: [Refusal; 1] = [("400", "`field_invalid`: the path is not text")];
const BY_TOKEN: [Refusal; 2] = [
    (
        "401",
        "`token_missing`, `token_invalid`; `token_expired`: refresh; `session_ended`, `session_replaced`, `session_kicked`, `session_expired`, `password_changed`, `refresh_reused`, `restored`, `account_closed`, `user_merged`, `user_disabled`: the session is over",
    ),
    ("503", "`revocations_stale`: whether the session lives can't be told just now"),
];
const OF_ONE_PERSON: [Refusal; 1] = [("429", "`too_many_requests` of this person")];
const SIGNING_IN: [Refusal; 1] = [("429", "`too_many_requests` from this address")];
const BY_STORE: [Refusal; 2] =
    [("500", "`internal`"), ("503", "`store_unavailable`, `timed_out`: `action` says what may come again")];

/// Completes the document, once every room has added its routes, so that a handler's attributes name only its own answers.
pub(crate) fn complete(api: &mut utoipa::openapi::OpenApi) {
    for operation in api.paths.paths.values_mut().flat_map(operations) {
        never_null(operation);
        // Its refusals are no problems, and each names all of its own.
        if operation.tags.iter().flatten().any(|tag| tag == "oauth") {
            continue;
        }
        let is_page = operation.tags.iter().flatten().any(|tag| tag == "pages");
        refuse(operation, refusals(operation), is_page);
    }
}

const BY_OPERATOR: [Refusal; 2] = [
    ("401", "`operator_required`"),
    (
        "403",
        "`right_missing`: the operator's role does not reach; `origin_refused`: a cookie without `X-Menjin-Console: 1`, or from another site's page",
    ),
];
const WITH_PARAMETERS: [Refusal; 1] =
    [("400", "`field_invalid`: `field` says which parameter, and `detail` which ones there are")];

const WITH_NOTHING: [Refusal; 3] = [
    (
        "400",
        "`field_invalid`: `field` says which parameter, or which member of a body, it does not take; `json_invalid`: a body of something else",
    ),
    ("408", "`body_too_slow`: the body did not arrive in time"),
    ("413", "`body_too_large`"),
];

/// The same of the operator's side.
pub(crate) fn complete_for_operators(api: &mut utoipa::openapi::OpenApi) {
    let problems = Api::openapi().components.unwrap_or_default().schemas;
    api.components.get_or_insert_default().schemas.extend(problems);
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in with_methods(item) {
            never_null(operation);
            let is_page = operation.tags.iter().flatten().any(|tag| tag == "pages");
            if is_page {
                operation.operation_id = Some(format!("{method}{}", path.replace(['/', '-', '{', '}', '.'], "_")));
            } else {
                operation.security =
                    Some(["token", "cookie"].map(|scheme| SecurityRequirement::new(scheme, [""; 0])).into());
            }
            let has_parameters = operation.parameters.iter().flatten().next().is_some();
            let is_act = method != "get";
            let kinds: [(bool, &[Refusal]); 5] = [
                (!is_page && operation.request_body.is_some(), &WITH_A_BODY),
                (!is_page && operation.request_body.is_none() && is_act, &WITH_NOTHING),
                (!is_page && !is_act && has_parameters, &WITH_PARAMETERS),
                (!is_page, &BY_OPERATOR),
                (true, &BY_STORE),
            ];
            let refusals = kinds.into_iter().filter(|(applies, _)| *applies).flat_map(|(_, refusals)| refusals);
            refuse(operation, refusals.copied().collect(), is_page);
        }
    }
}

fn with_methods(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [("get", &mut item.get), ("put", &mut item.put), ("post", &mut item.post), ("delete", &mut item.delete)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds to what an operation says by itself what others of its kinds answer, too.
fn refuse(operation: &mut Operation, refusals: Vec<Refusal>, is_page: bool) {
    for (status, codes) in refusals {
        let answer =
            operation.responses.responses.entry(status.to_owned()).or_insert_with(|| Response::default().into());
        let RefOr::T(answer) = answer else { continue };
        let own = std::mem::take(&mut answer.description);
        answer.description = if own.is_empty() { codes.to_owned() } else { format!("{own}; {codes}") };
    }
    for (status, answer) in &mut operation.responses.responses {
        if let RefOr::T(answer) = answer
            && status.starts_with(['4', '5'])
        {
            refuses(status, answer, is_page);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// What any route of this one's kinds may answer.
fn refusals(operation: &Operation) -> Vec<Refusal> {
    let has_tag = |tag: &str| operation.tags.iter().flatten().any(|it| it == tag);
    let in_path = |it: &RefOr<_>| {
        matches!(it, RefOr::T(utoipa::openapi::path::Parameter { parameter_in: ParameterIn::Path, .. }))
    };
    let kinds: [(bool, &[Refusal]); 6] = [
        (operation.request_body.is_some(), &WITH_A_BODY),
        (operation.request_body.is_none() && operation.parameters.iter().flatten().any(in_path), &WITH_A_PATH),
        (operation.security.is_some() && !has_tag("back-end"), &BY_TOKEN),
        (has_tag("sign-in") || has_tag("pages"), &SIGNING_IN),
        (has_tag("profile") || has_tag("privacy"), &OF_ONE_PERSON),
        (["sign-in", "pages", "me", "privacy", "profile", "back-end", "platform"].into_iter().any(has_tag), &BY_STORE),
    ];
    kinds.into_iter().filter(|(applies, _)| *applies).flat_map(|(_, refusals)| refusals).copied().collect()
}

/// Gives an answer the problem as its content, and the headers that its status comes with.
fn refuses(status: &str, answer: &mut Response, is_page: bool) {
    if is_page {
        let page = Content::new(Some(ObjectBuilder::new().schema_type(Type::String)));
        answer.content.insert("text/html".to_owned(), page.into());
    } else {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        answer.content.insert("application/problem+json".to_owned(), problem.into());
    }
    let header = match status {
        "401" => (
            "WWW-Authenticate",
            text(
                "`Bearer`, with the problem's code as `error_description` (RFC 6750); `Basic` for a back end's own secret",
            ),
        ),
        "429" | "503" => ("Retry-After", seconds("When to ask again, in seconds")),
        _ => return,
    };
    answer.headers.insert(header.0.to_owned(), header.1.into());
}

fn text(description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}

fn seconds(description: &str) -> Header {
    let whole = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    HeaderBuilder::new().schema(Some(whole)).description(Some(description)).build()
}

/// A body or parameter that a handler can do without is left out; `null` in its place is refused.
fn never_null(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameter.schema.as_mut().map(without_null);
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for content in body.content.values_mut() {
            if let RefOr::T(content) = content {
                content.schema.as_mut().map(without_null);
            }
        }
    }
}

fn without_null(schema: &mut RefOr<Schema>) {
    let is_null = |it: &RefOr<Schema>| matches!(it, RefOr::T(Schema::Object(it)) if it.schema_type == SchemaType::Type(Type::Null));
    match schema {
        RefOr::T(Schema::OneOf(either)) => {
            either.items.retain(|it| !is_null(it));
            if let [only] = either.items.as_slice() {
                *schema = only.clone();
            }
        }
        RefOr::T(Schema::Object(object)) => {
            if let SchemaType::Array(types) = &object.schema_type
                && let [only, Type::Null] = types.as_slice()
            {
                object.schema_type = SchemaType::Type(only.clone());
            }
        }
        RefOr::T(_) | RefOr::Ref(_) => {}
    }
}

/// Swagger UI's own files alone; it sets styles by script only, and draws its pictures from `data:`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page and the document. No validator, as that is somebody else's server, and no bar above it: this is the only
/// document, and the bar's logo brings an inline style. `path` is that of `server.public_url`.
pub(crate) fn routes(mut api: utoipa::openapi::OpenApi, path: &str) -> Router<Menjin> {
    if !path.is_empty() {
        api.servers = Some(vec![Server::new(path)]);
    }
    let config = Config::from(format!("{path}/openapi.json")).validator_url("none").use_base_layout();
    let page = Router::new().merge(SwaggerUi::new("/docs").url("/openapi.json", api).config(config));
    page.layer(tower_http::set_header::SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, POLICY))
}
