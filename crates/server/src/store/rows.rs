//! Rows become domain values at the door; each function reads the columns that the macro of its name lists.

use menjin_token::{Id, IdentityId, Kind, Timestamp};

use super::apps::AppAndSecret;
use super::columns::{Column, Columns, Corrupt};
use super::data_map::DataMap;
use super::lists::{AuditRow, ListedSession, ListedUser};
use super::operators::{Admin, OperatorProof, OperatorRole, OperatorRow, OperatorSessionRow, OperatorTokenRow};
use super::rules::{Beside, Found, PLATFORMS};
use super::{
    Act, AppRow, ClaimedPlace, ClaimedPush, Claiming, ClientSecretRow, CodeClaim, ConsentRow, DataRead, Device,
    DeviceClass, EndReason, Event, EventKind, IdempotencyKey, IdentityName, IdentityRow, KeptKey, KeyRow, KeyState,
    KnownAs, LivingGrant, MergeRole, OpenedBefore, OwnData, PasswordRow, PastSession, PushClaim, Refused, Replacement,
    SessionHead, SessionRow, Standing, UserRow,
};

/// What [`user`] reads, of `users AS u`.
macro_rules! user_columns {
    () => {
        "u.id, u.number, u.nickname, u.avatar_url, u.phone_masked, u.created_at, u.disabled_at, u.roles_version, \
         u.deletes_at, u.erased_at, u.nickname_chosen_at, u.avatar_chosen_at"
    };
}

/// Whom a row of `users AS a` names: `users AS u`, itself or the one that it was merged into.
macro_rules! named_user {
    () => {
        "users a JOIN users u ON u.number = coalesce(a.merged_into, a.number)"
    };
}

/// What [`session_row`] reads, of `sessions AS s` and its own grant, `grants AS g`.
macro_rules! session_columns {
    () => {
        "s.id, s.user_number, s.app, s.device_id, s.device_class, s.device_name, s.device_system, s.ip, s.user_agent, \
         s.opened_at, g.rotated_at, s.expires_at, s.ended_at, s.end_reason"
    };
}

/// What [`app_and_secret`] reads, of `apps` and `app_secrets`.
macro_rules! app_columns {
    () => {
        "apps.id, apps.kind, apps.name, apps.audience, apps.scopes, apps.platform, apps.appid, apps.open_account, \
         apps.app_secret, apps.passwords, apps.register, apps.created_at, apps.disabled_at, app_secrets.digest, \
         app_secrets.created_at"
    };
}

/// What [`living_grant`] reads, of `grants AS g`, `sessions AS s` and `users AS u`.
macro_rules! living_grant_columns {
    () => {
        "g.app, g.counter, g.rotated_at, g.idle_until, s.expires_at, s.ended_at, s.id, u.id, u.disabled_at"
    };
}

/// What [`standing`] reads, of `grants AS g` and `sessions AS s`; the user's columns follow.
macro_rules! standing_columns {
    () => {
        "g.id, g.counter, g.session, g.app, s.opened_at, s.amr, g.idle_until, g.secret, s.claims"
    };
}

/// What [`audit_row`] reads.
macro_rules! audit_columns {
    () => {
        "seq, at, action, actor, actor_id, user_id, session_id, app, ip, detail"
    };
}

pub(super) use audit_columns;

/// What [`operator`] reads, of `operators` and what `operator_people` has of them.
macro_rules! operator_columns {
    () => {
        "name, role, created_at, set_up_at, signed_in_at, linked_at"
    };
}

/// What [`operator_session`] reads, of `operator_sessions AS s` and `operators AS o`.
macro_rules! operator_session_columns {
    () => {
        "o.name, o.role, s.seen_at, s.proved_at, s.until"
    };
}

/// What [`operator_token`] reads.
macro_rules! operator_token_columns {
    () => {
        "name, role, created_by, created_at, until"
    };
}

/// What [`consent`] reads.
macro_rules! consent_columns {
    () => {
        "document, version, app, ip, user_agent, given_at, withdrawn_at"
    };
}

/// What [`past_session`] reads.
macro_rules! past_session_columns {
    () => {
        "id, app, amr, device_id, device_class, device_name, device_system, ip, user_agent, claims, opened_at, expires_at, \
         ended_at, end_reason"
    };
}

pub(super) use {app_columns, living_grant_columns, named_user, session_columns, standing_columns, user_columns};
pub(super) use {
    consent_columns, operator_columns, operator_session_columns, operator_token_columns, past_session_columns,
};

pub(super) fn user(it: &mut Columns<'_>) -> Result<UserRow, Corrupt> {
    it.of_table("users");
    Ok(UserRow {
        id: it.id()?,
        number: it.get()?,
        nickname: it.get()?,
        avatar_url: it.get()?,
        phone_masked: it.get()?,
        created_at: it.time()?,
        disabled_at: it.time_or_null()?,
        roles_version: it.get()?,
        deletes_at: it.time_or_null()?,
        erased_at: it.time_or_null()?,
        nickname_chosen_at: it.time_or_null()?,
        avatar_chosen_at: it.time_or_null()?,
    })
}

/// A user, and their password.
pub(super) fn password(it: &mut Columns<'_>) -> Result<PasswordRow, Corrupt> {
    let user = user(it)?;
    it.of_table("passwords");
    Ok(PasswordRow { user, row: it.get()?, username: it.get()?, hash: it.get()?, changed_at: it.time()? })
}

fn device(it: &mut Columns<'_>) -> Result<Device, Corrupt> {
    Ok(Device {
        id: it.get()?,
        class: it.word(|text| Some(DeviceClass::parse(text)))?,
        name: it.get()?,
        system: it.get()?,
        ip: it.get()?,
        user_agent: it.get()?,
    })
}

pub(super) fn session_row(it: &mut Columns<'_>) -> Result<SessionRow, Corrupt> {
    it.of_table("sessions");
    Ok(SessionRow {
        id: it.id()?,
        user: it.get()?,
        app: it.get()?,
        device: device(it)?,
        opened_at: it.time()?,
        seen_at: it.of_table("grants").time()?,
        expires_at: it.of_table("sessions").time()?,
        ended: ended(it)?,
    })
}

pub(super) fn session_head(it: &mut Columns<'_>) -> Result<SessionHead, Corrupt> {
    it.of_table("sessions");
    let (id, app, amr) = (it.id()?, it.get()?, it.get()?);
    Ok(SessionHead { id, app, amr, opened_at: it.time()?, expires_at: it.time()?, ended: ended(it)? })
}

/// A user, and what another system calls them.
pub(super) fn listed_user(it: &mut Columns<'_>) -> Result<ListedUser, Corrupt> {
    Ok(ListedUser { user: user(it)?, external_id: it.get()? })
}

/// A session, and whose it is.
pub(super) fn listed_session(it: &mut Columns<'_>) -> Result<ListedSession, Corrupt> {
    Ok(ListedSession { session: session_row(it)?, user: it.of_table("users").id()? })
}

pub(super) fn audit_row(it: &mut Columns<'_>) -> Result<AuditRow, Corrupt> {
    it.of_table("audit");
    let (seq, at, action, actor, by) = (it.get()?, it.time()?, it.get()?, it.get()?, it.get()?);
    let (user, session) = (it.get::<Option<_>>()?.map(Id::from_bytes), it.get::<Option<_>>()?.map(Id::from_bytes));
    Ok(AuditRow { seq, at, action, actor, by, user, session, app: it.get()?, ip: it.get()?, detail: it.get()? })
}

/// A place in the audit that somebody reads on from.
pub(super) fn claimed_place(it: &mut Columns<'_>) -> Result<ClaimedPlace, Corrupt> {
    Ok(ClaimedPlace { seq: it.get()?, claim: it.get()?, tries: it.get()? })
}

/// What took a session's place: of the one that did, and when that was.
pub(super) fn replacement(it: &mut Columns<'_>) -> Result<Replacement, Corrupt> {
    it.of_table("sessions");
    let class = it.word(|text| Some(DeviceClass::parse(text)))?;
    Ok(Replacement { class, name: it.get()?, at: it.time()? })
}

/// A live session that a new one may take the place of.
pub(super) fn beside(it: &mut Columns<'_>) -> Result<Beside, Corrupt> {
    it.of_table("sessions");
    let (id, app, device) = (it.id()?, it.get()?, it.get()?);
    Ok(Beside { id, app, device, class: it.word(|text| Some(DeviceClass::parse(text)))? })
}

/// When and why a session ended.
pub(super) fn ended(it: &mut Columns<'_>) -> Result<Option<(Timestamp, EndReason)>, Corrupt> {
    Ok(match it.time_or_null()? {
        None => it.get::<Option<String>>().map(|_| None)?,
        Some(at) => Some((at, it.word(EndReason::from_code)?)),
    })
}

pub(super) fn standing(it: &mut Columns<'_>) -> Result<Standing, Corrupt> {
    it.of_table("grants");
    Ok(Standing {
        grant: it.id()?,
        counter: it.get()?,
        session: it.id()?,
        app: it.get()?,
        auth_time: it.of_table("sessions").time()?,
        amr: it.get()?,
        idle_until: it.of_table("grants").time()?,
        secret: it.get()?,
        claims: it.of_table("sessions").get()?,
        user: user(it)?,
    })
}

pub(super) fn key(it: &mut Columns<'_>) -> Result<KeyRow, Corrupt> {
    let (kid, alg, private) = (it.get()?, it.word(|text| text.parse().ok())?, it.get()?);
    let (created_at, active_at) = (it.time()?, it.time()?);
    let (retired_at, revoked_at) = (it.time_or_null()?, it.time_or_null()?);
    let state = if revoked_at.is_some() { KeyState::Revoked } else { KeyState::Live };
    Ok(KeyRow { kid, alg, private, state, created_at, active_at, retired_at, revoked_at })
}

pub(super) fn event(it: &mut Columns<'_>) -> Result<Event, Corrupt> {
    let (kind, subject): (String, Option<Vec<u8>>) = (it.get()?, it.get()?);
    Ok(Event {
        kind: EventKind::from_stored(&kind, subject)
            .ok_or_else(|| it.corrupt(0, format!("{kind:?} with such a subject")))?,
        seq: it.get()?,
        reason: it.get()?,
        at: it.time()?,
        until: it.time()?,
    })
}

pub(super) fn kept_key(it: &mut Columns<'_>) -> Result<KeptKey, Corrupt> {
    Ok(KeptKey { row: it.get()?, sealed: it.get()?, superseded_at: it.time_or_null()? })
}

pub(super) fn identity_name(it: &mut Columns<'_>) -> Result<IdentityName, Corrupt> {
    let platform = it.word(|text| PLATFORMS.into_iter().find(|platform| *platform == text))?;
    Ok(IdentityName { platform, appid: it.get()?, openid: it.get()? })
}

/// An identity as its owner sees it.
pub(super) fn identity(it: &mut Columns<'_>) -> Result<IdentityRow, Corrupt> {
    it.of_table("identities");
    Ok(IdentityRow {
        id: it.id()?,
        platform: it.get()?,
        appid: it.get()?,
        has_unionid: it.get::<Option<String>>()?.is_some(),
        created_at: it.time()?,
    })
}

/// A role that somebody may take along.
pub(super) fn merge_role(it: &mut Columns<'_>) -> Result<MergeRole, Corrupt> {
    it.of_table("user_roles");
    let (id, role, audience) = (it.get()?, it.get()?, it.get()?);
    Ok(MergeRole { id, role, audience, name: it.of_table("roles").get()? })
}

/// A push that is due, claimed once more.
pub(super) fn claimed_push(it: &mut Columns<'_>) -> Result<ClaimedPush, Corrupt> {
    let claim = PushClaim { digest: it.get()?, tries: it.get::<u32>()?.saturating_add(1) };
    Ok(ClaimedPush { claim, app: it.get()?, sealed: it.get()?, received_at: it.time()? })
}

/// A user, one of their identities, and since when they have it.
pub(super) fn user_and_identity(it: &mut Columns<'_>) -> Result<(UserRow, IdentityId, Timestamp), Corrupt> {
    Ok((user(it)?, it.of_table("identities").id()?, it.time()?))
}

/// What rotating a counter reads: a standing, then what decides about it.
pub(super) fn found(it: &mut Columns<'_>) -> Result<Found, Corrupt> {
    Ok(Found {
        standing: standing(it)?,
        expires_at: it.of_table("sessions").time()?,
        ended: ended(it)?.map(|(_, reason)| reason),
        spent: it.of_table("grants").get()?,
        rotated_at: it.time()?,
    })
}

/// What a repeated request finds: whether it is the same one, and what became of it.
pub(super) fn claimed(
    it: &mut Columns<'_>,
    claiming: &Claiming,
    idempotency: &IdempotencyKey,
) -> Result<CodeClaim, Corrupt> {
    let same_code = it.get::<[u8; 32]>()? == claiming.code.0;
    let same_body = it.get::<[u8; 32]>()? == idempotency.body;
    let (session, refused) = (it.get::<Option<[u8; 16]>>()?, it.get::<Option<String>>()?);
    let called_back = it.get::<Option<i64>>()? == Some(1);
    Ok(match (session, refused) {
        _ if !(same_code && same_body) => CodeClaim::Mismatch,
        (Some(session), _) => CodeClaim::Done(OpenedBefore { session: Id::from_bytes(session), called_back }),
        (None, Some(refused)) => CodeClaim::Refused(Refused(refused)),
        (None, None) => CodeClaim::InFlight,
    })
}

/// An app beside one of its client secrets.
pub(super) fn app_and_secret(it: &mut Columns<'_>) -> Result<AppAndSecret, Corrupt> {
    it.of_table("apps");
    let (id, kind, name) = (it.get()?, it.get()?, it.get()?);
    let (audience, scopes) = (it.get()?, it.get()?);
    let (platform, appid): (Option<String>, Option<String>) = (it.get()?, it.get()?);
    let app = AppRow {
        id,
        kind,
        name,
        audience,
        scopes,
        platform: platform.zip(appid),
        open_account: it.get()?,
        app_secret: it.get()?,
        passwords: it.get::<i64>()? != 0,
        register: it.get::<i64>()? != 0,
        created_at: it.time()?,
        disabled_at: it.time_or_null()?,
        secrets: Vec::new(),
    };
    it.of_table("app_secrets");
    let (digest, made_at) = (it.get::<Option<[u8; 32]>>()?, it.time_or_null()?);
    Ok((app, digest.zip(made_at).map(|(digest, created_at)| ClientSecretRow { digest, created_at })))
}

/// A grant; `None` unless its session and its user live.
pub(super) fn living_grant(it: &mut Columns<'_>) -> Result<Option<LivingGrant>, Corrupt> {
    it.of_table("grants");
    let (app, counter, rotated_at) = (it.get()?, it.get()?, it.time()?);
    let (idle_until, expires_at) = (it.time_or_null()?.unwrap_or_default(), it.of_table("sessions").time()?);
    let (ended_at, session) = (it.time_or_null()?, it.id()?);
    let (user, disabled_at) = (it.of_table("users").id()?, it.time_or_null()?);
    let grant = LivingGrant { app, counter, rotated_at, until: idle_until.min(expires_at), session, user };
    Ok(Some(grant).filter(|_| ended_at.is_none() && disabled_at.is_none()))
}

/// A session and a map of it: the map, if the session lives.
pub(super) fn data(it: &mut Columns<'_>, now: Timestamp) -> Result<DataRead, Corrupt> {
    it.of_table("sessions");
    let (expires_at, ended) = (it.time()?, ended(it)?);
    it.of_table("session_data");
    let (version, text) = (it.get::<Option<i64>>()?, it.get::<Option<Vec<u8>>>()?);
    Ok(match ended {
        Some((_, reason)) => DataRead::Ended(reason),
        None if now >= expires_at => DataRead::Ended(EndReason::Expired),
        None => DataRead::Map(version.zip(text).map(|(version, text)| DataMap { version, text }).unwrap_or_default()),
    })
}

/// A map by itself.
pub(super) fn data_map(it: &mut Columns<'_>) -> Result<DataMap, Corrupt> {
    Ok(DataMap { version: it.get()?, text: it.get()? })
}

/// A map and its row's name.
pub(super) fn due_data(it: &mut Columns<'_>) -> Result<(Vec<u8>, DataMap), Corrupt> {
    Ok((it.get()?, data_map(it)?))
}

/// The next column, as what an operator may do.
pub(super) fn operator_role(it: &mut Columns<'_>) -> Result<OperatorRole, Corrupt> {
    it.word(OperatorRole::parse)
}

pub(super) fn operator(it: &mut Columns<'_>) -> Result<OperatorRow, Corrupt> {
    Ok(OperatorRow {
        name: it.get()?,
        role: operator_role(it)?,
        created_at: it.time()?,
        set_up_at: it.time_or_null()?,
        signed_in_at: it.time_or_null()?,
        linked_at: it.of_table("operator_people").time_or_null()?,
    })
}

/// An operator, and the identity that signs them in.
pub(super) fn scanned(it: &mut Columns<'_>) -> Result<(String, IdentityId), Corrupt> {
    Ok((it.get()?, it.id()?))
}

/// What an operator proves themselves by: what is sealed, and since when.
pub(super) fn operator_proof(it: &mut Columns<'_>) -> Result<OperatorProof, Corrupt> {
    Ok(OperatorProof { sealed: it.get()?, set_up_at: it.time()? })
}

/// An admin, and whether they can sign in.
pub(super) fn admin(it: &mut Columns<'_>) -> Result<Admin, Corrupt> {
    Ok(Admin { name: it.get()?, is_set_up: it.time_or_null()?.is_some() })
}

pub(super) fn operator_session(it: &mut Columns<'_>) -> Result<OperatorSessionRow, Corrupt> {
    let (operator, role) = (it.of_table("operators").get()?, operator_role(it)?);
    it.of_table("operator_sessions");
    Ok(OperatorSessionRow { operator, role, seen_at: it.time()?, proved_at: it.time()?, until: it.time()? })
}

pub(super) fn operator_token(it: &mut Columns<'_>) -> Result<OperatorTokenRow, Corrupt> {
    Ok(OperatorTokenRow {
        name: it.get()?,
        role: operator_role(it)?,
        created_by: it.get()?,
        created_at: it.time()?,
        until: it.time_or_null()?,
    })
}

/// The first column, for whoever reads no other.
pub(super) fn value<T: Column>(it: &mut Columns<'_>) -> Result<T, Corrupt> {
    it.get()
}

/// The first column, as a time.
pub(super) fn time(it: &mut Columns<'_>) -> Result<Timestamp, Corrupt> {
    it.time()
}

/// The first column, as a time that may not have come.
pub(super) fn time_or_null(it: &mut Columns<'_>) -> Result<Option<Timestamp>, Corrupt> {
    it.time_or_null()
}

/// The first column, as an id.
pub(super) fn id<K: Kind>(it: &mut Columns<'_>) -> Result<Id<K>, Corrupt> {
    it.id()
}

/// What somebody agreed to.
pub(super) fn consent(it: &mut Columns<'_>) -> Result<ConsentRow, Corrupt> {
    it.of_table("consents");
    Ok(ConsentRow {
        document: it.get()?,
        version: it.get()?,
        app: it.get()?,
        ip: it.get()?,
        user_agent: it.get()?,
        given_at: it.time()?,
        withdrawn_at: it.time_or_null()?,
    })
}

/// A sign-in, as its owner may read it.
pub(super) fn past_session(it: &mut Columns<'_>) -> Result<PastSession, Corrupt> {
    it.of_table("sessions");
    Ok(PastSession {
        id: it.id()?,
        app: it.get()?,
        amr: it.get()?,
        device: device(it)?,
        claims: it.get()?,
        opened_at: it.time()?,
        expires_at: it.time()?,
        ended: ended(it)?,
    })
}

/// How a platform knows somebody.
pub(super) fn known_as(it: &mut Columns<'_>) -> Result<KnownAs, Corrupt> {
    it.of_table("identities");
    Ok(KnownAs { platform: it.get()?, appid: it.get()?, openid: it.get()?, unionid: it.get()?, created_at: it.time()? })
}

/// A map of session data, and whose it is.
pub(super) fn own_data(it: &mut Columns<'_>) -> Result<OwnData, Corrupt> {
    it.of_table("session_data");
    let session = it.get::<Option<[u8; 16]>>()?.map(Id::from_bytes);
    Ok(OwnData { session, audience: it.get()?, map: data_map(it)? })
}

/// A line of the audit, as whom it is about may read it.
pub(super) fn act(it: &mut Columns<'_>) -> Result<Act, Corrupt> {
    it.of_table("audit");
    Ok(Act { at: it.time()?, action: it.get()?, actor: it.get()?, app: it.get()?, ip: it.get()?, detail: it.get()? })
}
