//! Operators, their links, sign-ins and tokens.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{IdentityId, Timestamp};

use super::connection::Connection;
use super::events::write_audit;
use super::statement::statements;
use super::value::values;
use super::{Database, operator_people};
use crate::store::operators::{EndingTokens, TokenMaker, refused, revoked_line};
use crate::store::rows::{self, operator_columns, operator_session_columns, operator_token_columns};
use crate::store::{
    Actor, AddingOperator, AuditLine, ChangingOperator, HeldDigest, IdentityName, LinkingOperator, NewLink,
    NewOperatorSession, OperatorChange, OperatorChanged, OperatorLinked, OperatorProof, OperatorRow,
    OperatorSessionRow, OperatorShown, OperatorTokenAdded, OperatorTokenRow, Operators, RedeemingLink, Result,
    ShownStep,
};

macro_rules! add {
    ($otherwise:literal) => {
        concat!("INSERT INTO operators (name, role, totp_step, created_at) VALUES (?1, ?2, 0, ?3)", $otherwise)
    };
}

macro_rules! add_token {
    ($otherwise:literal) => {
        concat!(
            "INSERT INTO operator_tokens (digest, name, role, created_by, created_at, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            $otherwise
        )
    };
}

statements! {
    ALL on operators = both(concat!("SELECT ", operator_columns!(), " FROM operators
        LEFT JOIN operator_people ON operator_people.operator = operators.name"));
    PROOF on operators = both("SELECT sealed, set_up_at FROM operators WHERE name = ?1 AND set_up_at IS NOT NULL");
    RESEAL on operators = both("UPDATE operators SET sealed = ?3 WHERE name = ?1 AND sealed = ?2");
    ADD on operators = each(add!(" ON CONFLICT DO NOTHING"), add!(""));
    ROLE on operators = both("SELECT role FROM operators WHERE name = ?1 FOR UPDATE");
    ADMINS on operators = both("SELECT name, set_up_at FROM operators WHERE role = 'admin' FOR UPDATE");
    SET_ROLE on operators = both("UPDATE operators SET role = ?2 WHERE name = ?1");
    RESET on operators = both("UPDATE operators SET sealed = NULL, set_up_at = NULL WHERE name = ?1");
    SET_UP on operators =
        both("UPDATE operators SET sealed = ?2, totp_step = ?3, set_up_at = ?4, signed_in_at = ?4 WHERE name = ?1");
    USE_STEP on operators =
        both("UPDATE operators SET totp_step = ?2 WHERE name = ?1 AND totp_step < ?2 AND set_up_at = ?3");
    NOTE_SIGN_IN on operators = both("UPDATE operators SET signed_in_at = ?2 WHERE name = ?1");
    REMOVE on operators = both("DELETE FROM operators WHERE name = ?1");
    ADD_LINK on operator_links = both("INSERT INTO operator_links (digest, operator, until) VALUES (?1, ?2, ?3)");
    OF_LINK on operator_links = both("SELECT operator FROM operator_links WHERE digest = ?1 AND until > ?2");
    DROP_LINK on operator_links = both("DELETE FROM operator_links WHERE digest = ?1 AND operator = ?2 AND until > ?3");
    DROP_LINKS on operator_links = both("DELETE FROM operator_links WHERE operator = ?1");
    OPEN on operator_sessions = both("INSERT INTO operator_sessions
        (digest, operator, ip, user_agent, opened_at, seen_at, proved_at, until) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?6)");
    ADDRESSES on operator_sessions = both("SELECT ip FROM operator_sessions WHERE operator = ?1 AND ip IS NOT NULL");
    WHOSE on operator_sessions = both("SELECT operator FROM operator_sessions WHERE digest = ?1");
    PROVE on operator_sessions = both("UPDATE operator_sessions SET proved_at = ?2, seen_at = ?2 WHERE digest = ?1");
    SESSION on operator_sessions = both(concat!("SELECT ", operator_session_columns!(), " FROM operator_sessions s
        JOIN operators o ON o.name = s.operator WHERE s.digest = ?1"));
    SEE on operator_sessions = both("UPDATE operator_sessions SET seen_at = ?2 WHERE digest = ?1");
    END on operator_sessions = both("DELETE FROM operator_sessions WHERE digest = ?1");
    END_ALL on operator_sessions = both("DELETE FROM operator_sessions WHERE operator = ?1");
    TOKENS on operator_tokens = both(concat!("SELECT ", operator_token_columns!(), " FROM operator_tokens"));
    TOKEN on operator_tokens = both(concat!("SELECT ", operator_token_columns!(), " FROM operator_tokens WHERE digest = ?1"));
    TOKEN_CALLED on operator_tokens =
        both(concat!("SELECT ", operator_token_columns!(), " FROM operator_tokens WHERE name = ?1 FOR UPDATE"));
    ADD_TOKEN on operator_tokens = each(add_token!(" ON CONFLICT DO NOTHING"), add_token!(""));
    DROP_TOKEN on operator_tokens = both("DELETE FROM operator_tokens WHERE name = ?1");
}

#[async_trait]
impl Operators for Database {
    async fn operators(&self) -> Result<Vec<OperatorRow>> {
        self.pool.rows(&ALL, &[], rows::operator).await
    }

    async fn operator_proof(&self, name: &str) -> Result<Option<OperatorProof>> {
        self.pool.row(&PROOF, values![name], rows::operator_proof).await
    }

    async fn reseal_operator(&self, name: &str, former: Vec<u8>, to: Vec<u8>) -> Result<bool> {
        Ok(self.pool.run(&RESEAL, values![name, &former, &to]).await? > 0)
    }

    async fn operator_addresses(&self, name: &str) -> Result<Vec<String>> {
        self.pool.rows(&ADDRESSES, values![name], rows::value).await
    }

    async fn add_operator(&self, adding: AddingOperator) -> Result<bool> {
        self.transact(&adding, |on, adding| add(on, adding).boxed()).await
    }

    async fn change_operator(&self, changing: ChangingOperator) -> Result<OperatorChanged> {
        self.transact(&changing, |on, changing| change(on, changing).boxed()).await
    }

    async fn operator_of_link(&self, link: HeldDigest, now: Timestamp) -> Result<Option<String>> {
        self.pool.row(&OF_LINK, values![&link, now], rows::value).await
    }

    async fn redeem_link(&self, redeeming: RedeemingLink) -> Result<bool> {
        self.transact(&redeeming, |on, redeeming| redeem(on, redeeming).boxed()).await
    }

    async fn open_operator_session(&self, session: NewOperatorSession, shown: OperatorShown) -> Result<bool> {
        self.transact(&(session, shown), |on, (session, shown)| open_proved(on, session, *shown).boxed()).await
    }

    async fn prove_operator_session(&self, session: HeldDigest, shown: OperatorShown, now: Timestamp) -> Result<bool> {
        self.transact(&(session, shown, now), |on, (session, shown, now)| prove(on, session, *shown, *now).boxed())
            .await
    }

    async fn operator_of(&self, identity: &IdentityName) -> Result<Option<(String, IdentityId)>> {
        operator_people::of_name(self, identity).await
    }

    async fn link_operator(&self, linking: LinkingOperator) -> Result<OperatorLinked> {
        self.transact(&linking, |on, linking| operator_people::link(on, linking).boxed()).await
    }

    async fn operator_session(&self, session: HeldDigest) -> Result<Option<OperatorSessionRow>> {
        self.pool.row(&SESSION, values![&session], rows::operator_session).await
    }

    async fn see_operator_session(&self, session: HeldDigest, now: Timestamp) -> Result<()> {
        self.pool.run(&SEE, values![&session, now]).await.map(drop)
    }

    async fn end_operator_session(&self, session: HeldDigest, line: AuditLine, now: Timestamp) -> Result<()> {
        let work = (session, line, now);
        self.transact(&work, |on, (session, line, now)| {
            async move {
                if END.run(on, values![session]).await? > 0 {
                    write_audit(on, line, *now).await?;
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }

    async fn operator_tokens(&self) -> Result<Vec<OperatorTokenRow>> {
        self.pool.rows(&TOKENS, &[], rows::operator_token).await
    }

    async fn operator_token(&self, token: HeldDigest) -> Result<Option<OperatorTokenRow>> {
        self.pool.row(&TOKEN, values![&token], rows::operator_token).await
    }

    async fn add_operator_token(
        &self,
        token: HeldDigest,
        row: OperatorTokenRow,
        by: Actor,
    ) -> Result<OperatorTokenAdded> {
        self.transact(&(token, row, by), |on, (token, row, by)| add_token(on, token, row, by).boxed()).await
    }

    async fn remove_operator_token(&self, name: &str, by: Actor, now: Timestamp) -> Result<Option<Vec<String>>> {
        let work = (name.to_owned(), by, now);
        self.transact(&work, |on, (name, by, now)| {
            async move {
                if !drop_token(on, name, (by, *now)).await? {
                    return Ok(None);
                }
                end_tokens(on, EndingTokens::of_token(name), (by, *now)).await.map(Some)
            }
            .boxed()
        })
        .await
    }
}

async fn add(on: &mut Connection<'_>, adding: &AddingOperator) -> Result<bool> {
    let AddingOperator { name, role, link, now, .. } = adding;
    if !ADD.add(on, values![name, role.as_str(), *now]).await? {
        return Ok(false);
    }
    if let Some(link) = link {
        add_link(on, name, link).await?;
    }
    write_audit(on, &adding.line(), *now).await?;
    Ok(true)
}

async fn add_link(on: &mut Connection<'_>, name: &str, link: &NewLink) -> Result<()> {
    ADD_LINK.run(on, values![&link.digest, name, link.until]).await.map(drop)
}

/// All admins are locked first: whoever changes another of them waits.
async fn change(on: &mut Connection<'_>, changing: &ChangingOperator) -> Result<OperatorChanged> {
    let ChangingOperator { name, change, now, .. } = changing;
    let admins = ADMINS.rows(on, &[], rows::admin).await?;
    let role = ROLE.row(on, values![name], rows::operator_role).await?;
    if let Some(refused) = refused(changing, &admins, role) {
        return Ok(refused);
    }
    match change {
        OperatorChange::Role(role) => drop(SET_ROLE.run(on, values![name, role.as_str()]).await?),
        OperatorChange::Unlink => {
            if !operator_people::unlink(on, name).await? {
                return Ok(OperatorChanged::Unchanged);
            }
        }
        OperatorChange::Remove => {
            forget_sign_ins(on, name).await?;
            operator_people::unlink(on, name).await?;
            REMOVE.run(on, values![name]).await?;
        }
        OperatorChange::Reset(link) => {
            forget_sign_ins(on, name).await?;
            operator_people::unlink(on, name).await?;
            RESET.run(on, values![name]).await?;
            add_link(on, name, link).await?;
        }
    }
    write_audit(on, &changing.line(), *now).await?;
    let ended = match EndingTokens::with(changing) {
        Some(ending) => end_tokens(on, ending, (&changing.by, *now)).await?,
        None => Vec::new(),
    };
    Ok(OperatorChanged::Changed(ended))
}

/// What a token made before it was gone is seen once it is: they are looked for until there are none.
async fn end_tokens(
    on: &mut Connection<'_>,
    mut ending: EndingTokens,
    (by, now): (&Actor, Timestamp),
) -> Result<Vec<String>> {
    loop {
        let found = ending.among(&TOKENS.rows(on, &[], rows::operator_token).await?);
        if found.is_empty() {
            return Ok(ending.names());
        }
        for token in &found {
            drop_token(on, token, (by, now)).await?;
        }
    }
}

async fn drop_token(on: &mut Connection<'_>, name: &str, (by, now): (&Actor, Timestamp)) -> Result<bool> {
    let is_removed = DROP_TOKEN.run(on, values![name]).await? > 0;
    if is_removed {
        write_audit(on, &revoked_line(name, by), now).await?;
    }
    Ok(is_removed)
}

async fn forget_sign_ins(on: &mut Connection<'_>, name: &str) -> Result<()> {
    DROP_LINKS.run(on, values![name]).await?;
    end_all(on, name).await
}

/// All sign-ins of an operator are over.
pub(super) async fn end_all(on: &mut Connection<'_>, name: &str) -> Result<()> {
    END_ALL.run(on, values![name]).await.map(drop)
}

async fn redeem(on: &mut Connection<'_>, redeeming: &RedeemingLink) -> Result<bool> {
    let RedeemingLink { link, sealed, totp_step, session } = redeeming;
    // The operator's row first, as whoever removes them has it.
    if !is_there(on, &session.operator).await?
        || DROP_LINK.run(on, values![link, &session.operator, session.now]).await? == 0
    {
        return Ok(false);
    }
    forget_sign_ins(on, &session.operator).await?;
    SET_UP.run(on, values![&session.operator, sealed, *totp_step, session.now]).await?;
    open(on, session).await?;
    write_audit(on, &session.line("operator.set_up"), session.now).await?;
    Ok(true)
}

async fn open_proved(on: &mut Connection<'_>, session: &NewOperatorSession, shown: OperatorShown) -> Result<bool> {
    if !is_proved(on, &session.operator, shown).await? {
        return Ok(false);
    }
    NOTE_SIGN_IN.run(on, values![&session.operator, session.now]).await?;
    open(on, session).await?;
    write_audit(on, &session.signed_in_line(shown), session.now).await?;
    Ok(true)
}

async fn prove(on: &mut Connection<'_>, session: &HeldDigest, shown: OperatorShown, now: Timestamp) -> Result<bool> {
    let Some(name) = WHOSE.row(on, values![session], rows::value::<String>).await? else { return Ok(false) };
    Ok(is_proved(on, &name, shown).await? && PROVE.run(on, values![session, now]).await? > 0)
}

async fn open(on: &mut Connection<'_>, session: &NewOperatorSession) -> Result<()> {
    let NewOperatorSession { digest, operator, ip, user_agent, now, until } = session;
    OPEN.run(on, values![digest, operator, ip, user_agent, *now, *until]).await.map(drop)
}

/// Whether what was shown proves them; a step is used now. Whoever removes or unlinks them comes before or after.
async fn is_proved(on: &mut Connection<'_>, name: &str, shown: OperatorShown) -> Result<bool> {
    match shown {
        OperatorShown::Nothing => Ok(true),
        OperatorShown::Step(ShownStep { step, set_up_at }) => {
            Ok(USE_STEP.run(on, values![name, step, set_up_at]).await? > 0)
        }
        OperatorShown::Identity(identity) => {
            Ok(is_there(on, name).await? && operator_people::signs_in(on, name, identity).await?)
        }
    }
}

/// Whether there is such an operator, whose row is locked from then on.
pub(super) async fn is_there(on: &mut Connection<'_>, name: &str) -> Result<bool> {
    Ok(ROLE.row(on, values![name], rows::operator_role).await?.is_some())
}

/// The maker's row is locked first: whoever removes them comes before, or finds what they made.
async fn add_token(
    on: &mut Connection<'_>,
    token: &HeldDigest,
    row: &OperatorTokenRow,
    by: &Actor,
) -> Result<OperatorTokenAdded> {
    let bounded = match row.maker() {
        None => Some(row.clone()),
        Some(TokenMaker::Operator(name)) => {
            let role = ROLE.row(on, values![name], rows::operator_role).await?;
            role.and_then(|role| row.bounded((role, None)))
        }
        Some(TokenMaker::Token(name)) => {
            let maker = TOKEN_CALLED.row(on, values![name], rows::operator_token).await?;
            maker.and_then(|maker| row.bounded((maker.role, maker.until)))
        }
    };
    let Some(row) = bounded else { return Ok(OperatorTokenAdded::MakerGone) };
    let OperatorTokenRow { name, role, created_by, created_at, until } = &row;
    if !ADD_TOKEN.add(on, values![token, name, role.as_str(), created_by, *created_at, *until]).await? {
        return Ok(OperatorTokenAdded::Taken);
    }
    write_audit(on, &row.line(by), *created_at).await?;
    Ok(OperatorTokenAdded::Added(*until))
}
