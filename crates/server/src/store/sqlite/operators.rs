//! Operators, their links, sign-ins and tokens, in `SQLite`.

use async_trait::async_trait;
use menjin_token::{IdentityId, Timestamp};
use rusqlite::{Connection, params};

use super::events::write_audit;
use super::sql::statements;
use super::{Sqlite, operator_people};
use crate::store::operators::{EndingTokens, TokenMaker, refused, revoked_line};
use crate::store::rows::{self, operator_columns, operator_session_columns, operator_token_columns};
use crate::store::{
    Actor, AddingOperator, AuditLine, ChangingOperator, HeldDigest, IdentityName, LinkingOperator, NewLink,
    NewOperatorSession, OperatorChange, OperatorChanged, OperatorLinked, OperatorProof, OperatorRow,
    OperatorSessionRow, OperatorShown, OperatorTokenAdded, OperatorTokenRow, Operators, RedeemingLink, Result,
    ShownStep,
};

statements! {
    ALL on operators = "SELECT ", operator_columns!(), " FROM operators
        LEFT JOIN operator_people ON operator_people.operator = operators.name";
    PROOF on operators = "SELECT sealed, set_up_at FROM operators WHERE name = ?1 AND set_up_at IS NOT NULL";
    RESEAL on operators = "UPDATE operators SET sealed = ?3 WHERE name = ?1 AND sealed = ?2";
    ADD on operators = "INSERT INTO operators (name, role, totp_step, created_at) VALUES (?1, ?2, 0, ?3) ON CONFLICT DO NOTHING";
    ROLE on operators = "SELECT role FROM operators WHERE name = ?1";
    ADMINS on operators = "SELECT name, set_up_at FROM operators WHERE role = 'admin'";
    SET_ROLE on operators = "UPDATE operators SET role = ?2 WHERE name = ?1";
    RESET on operators = "UPDATE operators SET sealed = NULL, set_up_at = NULL WHERE name = ?1";
    SET_UP on operators = "UPDATE operators SET sealed = ?2, totp_step = ?3, set_up_at = ?4, signed_in_at = ?4 WHERE name = ?1";
    USE_STEP on operators = "UPDATE operators SET totp_step = ?2 WHERE name = ?1 AND totp_step < ?2 AND set_up_at = ?3";
    NOTE_SIGN_IN on operators = "UPDATE operators SET signed_in_at = ?2 WHERE name = ?1";
    REMOVE on operators = "DELETE FROM operators WHERE name = ?1";
    ADD_LINK on operator_links = "INSERT INTO operator_links (digest, operator, until) VALUES (?1, ?2, ?3)";
    OF_LINK on operator_links = "SELECT operator FROM operator_links WHERE digest = ?1 AND until > ?2";
    DROP_LINKS on operator_links = "DELETE FROM operator_links WHERE operator = ?1";
    OPEN on operator_sessions = "INSERT INTO operator_sessions
        (digest, operator, ip, user_agent, opened_at, seen_at, proved_at, until) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?6)";
    ADDRESSES on operator_sessions = "SELECT ip FROM operator_sessions WHERE operator = ?1 AND ip IS NOT NULL";
    WHOSE on operator_sessions = "SELECT operator FROM operator_sessions WHERE digest = ?1";
    PROVE on operator_sessions = "UPDATE operator_sessions SET proved_at = ?2, seen_at = ?2 WHERE digest = ?1";
    SESSION on operator_sessions = "SELECT ", operator_session_columns!(), " FROM operator_sessions s
        JOIN operators o ON o.name = s.operator WHERE s.digest = ?1";
    SEE on operator_sessions = "UPDATE operator_sessions SET seen_at = ?2 WHERE digest = ?1";
    END on operator_sessions = "DELETE FROM operator_sessions WHERE digest = ?1";
    END_ALL on operator_sessions = "DELETE FROM operator_sessions WHERE operator = ?1";
    TOKENS on operator_tokens = "SELECT ", operator_token_columns!(), " FROM operator_tokens";
    TOKEN on operator_tokens = "SELECT ", operator_token_columns!(), " FROM operator_tokens WHERE digest = ?1";
    TOKEN_CALLED on operator_tokens = "SELECT ", operator_token_columns!(), " FROM operator_tokens WHERE name = ?1";
    ADD_TOKEN on operator_tokens = "INSERT INTO operator_tokens (digest, name, role, created_by, created_at, until)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
    DROP_TOKEN on operator_tokens = "DELETE FROM operator_tokens WHERE name = ?1";
}

#[async_trait]
impl Operators for Sqlite {
    async fn operators(&self) -> Result<Vec<OperatorRow>> {
        self.read(|connection| ALL.rows(connection, [], rows::operator))
    }

    async fn operator_proof(&self, name: &str) -> Result<Option<OperatorProof>> {
        self.read(|connection| PROOF.row(connection, [name], rows::operator_proof))
    }

    async fn reseal_operator(&self, name: &str, former: Vec<u8>, to: Vec<u8>) -> Result<bool> {
        let name = name.to_owned();
        self.write(move |connection| Ok(RESEAL.run(connection, params![name, former, to])? > 0)).await
    }

    async fn operator_addresses(&self, name: &str) -> Result<Vec<String>> {
        self.read(|connection| ADDRESSES.rows(connection, [name], rows::value))
    }

    async fn add_operator(&self, adding: AddingOperator) -> Result<bool> {
        self.write(move |connection| add(connection, &adding)).await
    }

    async fn change_operator(&self, changing: ChangingOperator) -> Result<OperatorChanged> {
        self.write(move |connection| change(connection, &changing)).await
    }

    async fn operator_of_link(&self, link: HeldDigest, now: Timestamp) -> Result<Option<String>> {
        self.read(|connection| OF_LINK.value(connection, params![link, now.millis()]))
    }

    async fn redeem_link(&self, redeeming: RedeemingLink) -> Result<bool> {
        self.write(move |connection| redeem(connection, &redeeming)).await
    }

    async fn open_operator_session(&self, session: NewOperatorSession, shown: OperatorShown) -> Result<bool> {
        self.write(move |connection| {
            if !is_proved(connection, &session.operator, shown)? {
                return Ok(false);
            }
            NOTE_SIGN_IN.run(connection, params![session.operator, session.now.millis()])?;
            open(connection, &session)?;
            write_audit(connection, &session.signed_in_line(shown), session.now)?;
            Ok(true)
        })
        .await
    }

    async fn prove_operator_session(&self, session: HeldDigest, shown: OperatorShown, now: Timestamp) -> Result<bool> {
        self.write(move |connection| {
            let Some(name) = WHOSE.value::<String>(connection, [session])? else { return Ok(false) };
            Ok(is_proved(connection, &name, shown)? && PROVE.run(connection, params![session, now.millis()])? > 0)
        })
        .await
    }

    async fn operator_of(&self, identity: &IdentityName) -> Result<Option<(String, IdentityId)>> {
        self.read(|connection| operator_people::of_name(connection, identity))
    }

    async fn link_operator(&self, linking: LinkingOperator) -> Result<OperatorLinked> {
        self.write(move |connection| {
            if ROLE.row(connection, [&linking.operator], rows::operator_role)?.is_none() {
                return Ok(OperatorLinked::Unknown);
            }
            operator_people::link(connection, &linking)
        })
        .await
    }

    async fn operator_session(&self, session: HeldDigest) -> Result<Option<OperatorSessionRow>> {
        self.read(|connection| SESSION.row(connection, [session], rows::operator_session))
    }

    async fn see_operator_session(&self, session: HeldDigest, now: Timestamp) -> Result<()> {
        self.write(move |connection| SEE.run(connection, params![session, now.millis()]).map(drop)).await
    }

    async fn end_operator_session(&self, session: HeldDigest, line: AuditLine, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            if END.run(connection, [session])? > 0 {
                write_audit(connection, &line, now)?;
            }
            Ok(())
        })
        .await
    }

    async fn operator_tokens(&self) -> Result<Vec<OperatorTokenRow>> {
        self.read(|connection| TOKENS.rows(connection, [], rows::operator_token))
    }

    async fn operator_token(&self, token: HeldDigest) -> Result<Option<OperatorTokenRow>> {
        self.read(|connection| TOKEN.row(connection, [token], rows::operator_token))
    }

    async fn add_operator_token(
        &self,
        token: HeldDigest,
        row: OperatorTokenRow,
        by: Actor,
    ) -> Result<OperatorTokenAdded> {
        self.write(move |connection| add_token(connection, token, &row, &by)).await
    }

    async fn remove_operator_token(&self, name: &str, by: Actor, now: Timestamp) -> Result<Option<Vec<String>>> {
        let name = name.to_owned();
        self.write(move |connection| {
            if !drop_token(connection, &name, (&by, now))? {
                return Ok(None);
            }
            end_tokens(connection, EndingTokens::of_token(&name), (&by, now)).map(Some)
        })
        .await
    }
}

fn add(connection: &Connection, adding: &AddingOperator) -> Result<bool> {
    let AddingOperator { name, role, link, now, .. } = adding;
    if ADD.run(connection, params![name, role.as_str(), now.millis()])? == 0 {
        return Ok(false);
    }
    if let Some(link) = link {
        add_link(connection, name, *link)?;
    }
    write_audit(connection, &adding.line(), *now)?;
    Ok(true)
}

fn add_link(connection: &Connection, name: &str, link: NewLink) -> Result<()> {
    ADD_LINK.run(connection, params![link.digest, name, link.until.millis()]).map(drop)
}

fn change(connection: &Connection, changing: &ChangingOperator) -> Result<OperatorChanged> {
    let ChangingOperator { name, change, now, .. } = changing;
    let admins = ADMINS.rows(connection, [], rows::admin)?;
    let role = ROLE.row(connection, [name], rows::operator_role)?;
    if let Some(refused) = refused(changing, &admins, role) {
        return Ok(refused);
    }
    match change {
        OperatorChange::Role(role) => drop(SET_ROLE.run(connection, params![name, role.as_str()])?),
        OperatorChange::Unlink => {
            if !operator_people::unlink(connection, name)? {
                return Ok(OperatorChanged::Unchanged);
            }
        }
        OperatorChange::Remove => {
            forget_sign_ins(connection, name)?;
            operator_people::unlink(connection, name)?;
            REMOVE.run(connection, [name])?;
        }
        OperatorChange::Reset(link) => {
            forget_sign_ins(connection, name)?;
            operator_people::unlink(connection, name)?;
            RESET.run(connection, [name])?;
            add_link(connection, name, *link)?;
        }
    }
    write_audit(connection, &changing.line(), *now)?;
    let ended = match EndingTokens::with(changing) {
        Some(ending) => end_tokens(connection, ending, (&changing.by, *now))?,
        None => Vec::new(),
    };
    Ok(OperatorChanged::Changed(ended))
}

fn end_tokens(connection: &Connection, mut ending: EndingTokens, by: (&Actor, Timestamp)) -> Result<Vec<String>> {
    for token in ending.among(&TOKENS.rows(connection, [], rows::operator_token)?) {
        drop_token(connection, &token, by)?;
    }
    Ok(ending.names())
}

fn add_token(
    connection: &Connection,
    token: HeldDigest,
    row: &OperatorTokenRow,
    by: &Actor,
) -> Result<OperatorTokenAdded> {
    let bounded = match row.maker() {
        None => Some(row.clone()),
        Some(TokenMaker::Operator(name)) => {
            let role = ROLE.row(connection, [name], rows::operator_role)?;
            role.and_then(|role| row.bounded((role, None)))
        }
        Some(TokenMaker::Token(name)) => {
            let maker = TOKEN_CALLED.row(connection, [name], rows::operator_token)?;
            maker.and_then(|maker| row.bounded((maker.role, maker.until)))
        }
    };
    let Some(row) = bounded else { return Ok(OperatorTokenAdded::MakerGone) };
    let OperatorTokenRow { name, role, created_by, created_at, until } = &row;
    let end = until.map(Timestamp::millis);
    let values = params![token, name, role.as_str(), created_by, created_at.millis(), end];
    if ADD_TOKEN.run(connection, values)? == 0 {
        return Ok(OperatorTokenAdded::Taken);
    }
    write_audit(connection, &row.line(by), *created_at)?;
    Ok(OperatorTokenAdded::Added(*until))
}

fn drop_token(connection: &Connection, name: &str, (by, now): (&Actor, Timestamp)) -> Result<bool> {
    let is_removed = DROP_TOKEN.run(connection, [name])? > 0;
    if is_removed {
        write_audit(connection, &revoked_line(name, by), now)?;
    }
    Ok(is_removed)
}

fn forget_sign_ins(connection: &Connection, name: &str) -> Result<()> {
    DROP_LINKS.run(connection, [name])?;
    end_all(connection, name)
}

/// All sign-ins of an operator are over.
pub(super) fn end_all(connection: &Connection, name: &str) -> Result<()> {
    END_ALL.run(connection, [name]).map(drop)
}

fn redeem(connection: &Connection, redeeming: &RedeemingLink) -> Result<bool> {
    let RedeemingLink { link, sealed, totp_step, session } = redeeming;
    let found: Option<String> = OF_LINK.value(connection, params![link, session.now.millis()])?;
    if found.as_ref() != Some(&session.operator) {
        return Ok(false);
    }
    forget_sign_ins(connection, &session.operator)?;
    SET_UP.run(connection, params![session.operator, sealed, totp_step, session.now.millis()])?;
    open(connection, session)?;
    write_audit(connection, &session.line("operator.set_up"), session.now)?;
    Ok(true)
}

fn open(connection: &Connection, session: &NewOperatorSession) -> Result<()> {
    let NewOperatorSession { digest, operator, ip, user_agent, now, until } = session;
    OPEN.run(connection, params![digest, operator, ip, user_agent, now.millis(), until.millis()]).map(drop)
}

/// Whether what was shown proves them; a step is used now.
fn is_proved(connection: &Connection, name: &str, shown: OperatorShown) -> Result<bool> {
    match shown {
        OperatorShown::Nothing => Ok(true),
        OperatorShown::Step(ShownStep { step, set_up_at }) => {
            Ok(USE_STEP.run(connection, params![name, step, set_up_at.millis()])? > 0)
        }
        OperatorShown::Identity(identity) => operator_people::signs_in(connection, name, identity),
    }
}
