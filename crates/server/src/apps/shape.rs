//! What the tokens of one audience hold beyond the usual, from `[audience.…]`.

use menjin_token::Claims;
use serde_json::Value;

use crate::config::{Audience, Source, TokenTyp};
use crate::store::{IdentityName, Standing};

/// How an audience wants its access tokens.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    typ: TokenTyp,
    claims: Vec<(String, Filling)>,
}

/// What a grant itself does not tell, read where it is wanted.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The identity that the session came by.
    pub(crate) identity: Option<IdentityName>,
    /// What another system calls the person.
    pub(crate) external_id: Option<String>,
}

#[derive(Debug)]
enum Filling {
    From(Source),
    Constant(Value),
}

impl Shape {
    pub(super) fn new(audience: &Audience) -> Self {
        let claims = audience.claims.iter().map(|(name, value)| {
            let filling = Source::named(value).map_or_else(|| Filling::Constant(value.clone()), Filling::From);
            (name.clone(), filling)
        });
        Self { typ: audience.typ, claims: claims.collect() }
    }

    /// Whether [`fill`](Self::fill) wants the identity.
    pub(crate) fn wants_identity(&self) -> bool {
        let of_identity = |source: &Source| matches!(source, Source::IdentityOpenid | Source::IdentityAppid);
        self.claims.iter().any(|(_, filling)| matches!(filling, Filling::From(source) if of_identity(source)))
    }

    /// Whether [`fill`](Self::fill) wants what another system calls the person.
    pub(crate) fn wants_external_id(&self) -> bool {
        self.claims.iter().any(|(_, filling)| matches!(filling, Filling::From(Source::UserExternalId)))
    }

    /// Adds the audience's claims in the place of what a back end said; what a person lacks is left out. Returns the header's `typ`.
    pub(crate) fn fill(&self, claims: &mut Claims, standing: &Standing, beside: &Beside) -> &'static str {
        for (name, filling) in &self.claims {
            let value = match filling {
                Filling::Constant(value) => Some(value.clone()),
                Filling::From(source) => found(*source, standing, beside),
            };
            // A name that the audience gives a meaning is nobody else's to fill, also where the person has nothing for it.
            match value {
                Some(value) => drop(claims.extra.insert(name.clone(), value)),
                None => drop(claims.extra.remove(name)),
            }
        }
        match self.typ {
            TokenTyp::AccessToken => "at+jwt",
            TokenTyp::Jwt => {
                claims.token_use = Some("access".to_owned());
                "JWT"
            }
        }
    }
}

fn found(source: Source, standing: &Standing, beside: &Beside) -> Option<Value> {
    let (user, identity) = (&standing.user, beside.identity.as_ref());
    match source {
        Source::UserId => Some(user.id.to_string().into()),
        Source::UserNumber => Some(user.number.into()),
        Source::UserExternalId => beside.external_id.clone().map(Value::from),
        Source::UserNickname => user.nickname.clone().map(Value::from),
        Source::UserAvatarUrl => user.avatar_url.clone().map(Value::from),
        Source::IdentityOpenid => identity.map(|it| it.openid.clone().into()),
        Source::IdentityAppid => identity.map(|it| it.appid.clone().into()),
        Source::SessionApp => Some(standing.app.clone().into()),
    }
}
