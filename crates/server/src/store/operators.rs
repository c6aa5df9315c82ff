//! Operators, their one-use links, sign-ins and tokens: rows, and what is done to them.
//!
//! Not here: what a role may do, what a password must be, how long anything lasts (`admin`).

use async_trait::async_trait;
use menjin_token::{IdentityId, Timestamp, UserId};

use super::rules::is_there;
use super::{Actor, AuditLine, IdentityName, Result, UserRow};

/// What an acting program is called by: this, and its token's name. No operator's name has a colon.
pub(crate) const TOKEN_ACTOR: &str = "token:";

/// SHA-256 of what somebody holds: a link, a cookie, a token.
pub type HeldDigest = [u8; 32];

/// What an operator may do. Each role may all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperatorRole {
    /// Look.
    Viewer,
    /// Help people: end their sessions, ban them, give them a new password.
    Support,
    /// Everything: apps, keys, roles, exports, operators.
    Admin,
}

impl OperatorRole {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Support, Self::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Support => "support",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: OperatorRole,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they set password and second factor; `None` while a link waits for them.
    pub set_up_at: Option<Timestamp>,
    /// When they last signed in.
    pub signed_in_at: Option<Timestamp>,
    /// Since when a scan of their own signs them in, too.
    pub linked_at: Option<Timestamp>,
}

/// What an operator proves themselves by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorProof {
    /// Password and second factor, sealed to the name.
    pub sealed: Vec<u8>,
    /// When they were set.
    pub set_up_at: Timestamp,
}

/// A link that waits for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewLink {
    /// Of what the link holds.
    pub digest: HeldDigest,
    /// It is worth nothing from then on.
    pub until: Timestamp,
}

/// Adds an operator.
#[derive(Debug, Clone)]
pub struct AddingOperator {
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: OperatorRole,
    /// The link they set themselves up with; `None` for the one of `menjin dev`.
    pub link: Option<NewLink>,
    /// The time.
    pub now: Timestamp,
    /// Who adds them.
    pub by: Actor,
}

/// What is done to an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorChange {
    /// They are gone, with their sign-ins and links.
    Remove,
    /// They may do something else, at once.
    Role(OperatorRole),
    /// Password, second factor and the identity that signs them in are forgotten, all sign-ins end, and a link waits for them.
    Reset(NewLink),
    /// No identity signs them in any more; all sign-ins end, as one of them may have been opened by it.
    Unlink,
}

impl OperatorChange {
    /// What the audit calls it.
    fn action(self) -> &'static str {
        match self {
            Self::Remove => "operator.removed",
            Self::Role(_) => "operator.role_changed",
            Self::Reset(_) => "operator.reset",
            Self::Unlink => UNLINKED,
        }
    }
}

/// A change to carry out.
#[derive(Debug, Clone)]
pub struct ChangingOperator {
    /// Whom.
    pub name: String,
    /// What is done.
    pub change: OperatorChange,
    /// The time.
    pub now: Timestamp,
    /// Who does it.
    pub by: Actor,
}

impl ChangingOperator {
    /// What the audit says of it.
    pub(super) fn line(&self) -> AuditLine {
        let role = if let OperatorChange::Role(role) = self.change { Some(role) } else { None };
        about(&self.by, self.change.action(), &self.name, role)
    }
}

impl AddingOperator {
    /// What the audit says of it.
    pub(super) fn line(&self) -> AuditLine {
        about(&self.by, "operator.created", &self.name, Some(self.role))
    }
}

/// A line about an operator, or a token of theirs.
fn about(by: &Actor, action: &'static str, name: &str, role: Option<OperatorRole>) -> AuditLine {
    let role = role.map(|role| format!(" {}", role.as_str())).unwrap_or_default();
    AuditLine { detail: Some(format!("{name}{role}")), ..by.line(action) }
}

const UNLINKED: &str = "operator.unlinked";

/// What the audit says of an operator whom no identity signs in any more, as it went with what `act` is about. Nothing of the person
/// stands there: nobody would find it when they leave.
pub(super) fn unlinked_line(operator: &str, act: &AuditLine) -> AuditLine {
    let AuditLine { actor, by, .. } = act.clone();
    AuditLine { action: UNLINKED, actor, by, detail: Some(operator.to_owned()), ..AuditLine::default() }
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorChanged {
    /// It is carried out; the tokens that ended with it, by name.
    Changed(Vec<String>),
    /// It was so before.
    Unchanged,
    /// Nobody is called so.
    Unknown,
    /// Nobody would be left who may add operators.
    LastAdmin,
}

/// An admin, as the last one is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admin {
    pub(super) name: String,
    pub(super) is_set_up: bool,
}

/// What a change comes to without being carried out: `role` is what the operator may do now, `None` where nobody is called so.
pub(super) fn refused(
    changing: &ChangingOperator,
    admins: &[Admin],
    role: Option<OperatorRole>,
) -> Option<OperatorChanged> {
    let Some(role) = role else { return Some(OperatorChanged::Unknown) };
    let leaves = match changing.change {
        OperatorChange::Role(wanted) if wanted == role => return Some(OperatorChanged::Unchanged),
        // A promoted operator leaves nobody, a reset one has a link, and an unlinked one a password.
        OperatorChange::Role(OperatorRole::Admin) | OperatorChange::Reset(_) | OperatorChange::Unlink => false,
        OperatorChange::Role(_) | OperatorChange::Remove => is_last_admin(admins, &changing.name),
    };
    leaves.then_some(OperatorChanged::LastAdmin)
}

/// Tokens that end together. Whoever is removed keeps none that they made; whoever may do less from now on keeps what may do no
/// more than that. What a token made ends with it, whatever it may do.
#[derive(Debug)]
pub(crate) struct EndingTokens {
    maker: String,
    above: Option<OperatorRole>,
    ended: Vec<String>,
}

impl EndingTokens {
    /// All that an operator made.
    pub(crate) fn of_operator(name: &str) -> Self {
        Self { maker: name.to_owned(), above: None, ended: Vec::new() }
    }

    /// All that a token made.
    pub(crate) fn of_token(name: &str) -> Self {
        Self::of_operator(&format!("{TOKEN_ACTOR}{name}"))
    }

    /// Those that end with a change. A reset says nothing of programs.
    pub(super) fn with(changing: &ChangingOperator) -> Option<Self> {
        let above = match changing.change {
            OperatorChange::Remove => None,
            OperatorChange::Role(role) => Some(role),
            OperatorChange::Reset(_) | OperatorChange::Unlink => return None,
        };
        Some(Self { above, ..Self::of_operator(&changing.name) })
    }

    /// Those of `tokens` that end, too: each after the one that made it.
    pub(super) fn among(&mut self, tokens: &[OperatorTokenRow]) -> Vec<String> {
        let before = self.ended.len();
        while let Some(token) = tokens.iter().find(|token| self.is_ending(token)) {
            self.ended.push(token.name.clone());
        }
        self.ended[before..].to_vec()
    }

    fn is_ending(&self, token: &OperatorTokenRow) -> bool {
        let Some(by) = token.created_by.as_deref() else { return false };
        let has_ended = |name: &str| self.ended.iter().any(|ended| ended == name);
        let is_theirs = by == self.maker && self.above.is_none_or(|role| token.role > role);
        !has_ended(&token.name) && (is_theirs || by.strip_prefix(TOKEN_ACTOR).is_some_and(has_ended))
    }

    /// All that were found, by name.
    pub(super) fn names(mut self) -> Vec<String> {
        self.ended.sort_unstable();
        self.ended
    }

    /// Those of `tokens` that end, by name.
    pub(crate) fn names_among(mut self, tokens: &[OperatorTokenRow]) -> Vec<String> {
        self.among(tokens);
        self.names()
    }
}

/// Whether without `name` nobody would be left who may add operators; one who can sign in is not given up for one who can't yet.
fn is_last_admin(admins: &[Admin], name: &str) -> bool {
    let Some(leaving) = admins.iter().find(|admin| admin.name == name) else { return false };
    let mut others = admins.iter().filter(|admin| admin.name != name);
    !others.any(|other| other.is_set_up || !leaving.is_set_up)
}

/// A link is redeemed.
#[derive(Debug, Clone)]
pub struct RedeemingLink {
    /// Which link.
    pub link: HeldDigest,
    /// Password and second factor, sealed to the operator's name.
    pub sealed: Vec<u8>,
    /// The time step whose code was shown: it is used.
    pub totp_step: i64,
    /// The sign-in that begins with it; its name is the operator's whom the link is for.
    pub session: NewOperatorSession,
}

/// A sign-in of an operator.
#[derive(Debug, Clone)]
pub struct NewOperatorSession {
    /// Of what the cookie holds.
    pub digest: HeldDigest,
    /// Whose.
    pub operator: String,
    /// From where.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// The time.
    pub now: Timestamp,
    /// The end at the latest.
    pub until: Timestamp,
}

impl NewOperatorSession {
    /// What the audit says of it.
    pub(super) fn line(&self, action: &'static str) -> AuditLine {
        Actor { kind: "operator", id: Some(self.operator.clone()), ip: self.ip.clone() }.line(action)
    }

    /// The same of one that these open.
    pub(super) fn signed_in_line(&self, shown: OperatorShown) -> AuditLine {
        let by_scan = matches!(shown, OperatorShown::Identity(_));
        AuditLine { detail: by_scan.then(|| "by a scan".to_owned()), ..self.line("operator.signed_in") }
    }
}

/// What somebody shows to be let in as an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorShown {
    /// Nothing: the operator of `menjin dev` has nothing to show.
    Nothing,
    /// A code of the second factor, after the password.
    Step(ShownStep),
    /// The identity that is linked, which its platform has proved a moment ago.
    Identity(IdentityId),
}

/// An operator's own identity at a platform, which its platform has proved a moment ago.
#[derive(Debug, Clone)]
pub struct LinkingOperator {
    /// The operator.
    pub operator: String,
    /// Which identity.
    pub identity: IdentityName,
    /// The time.
    pub now: Timestamp,
    /// Who links it.
    pub by: Actor,
}

impl LinkingOperator {
    /// What the audit says of it: who the operator is.
    pub(super) fn line(&self, user: UserId) -> AuditLine {
        AuditLine { user: Some(user), ..about(&self.by, "operator.linked", &self.operator, None) }
    }
}

/// Whether an operator may be this user.
pub(super) fn may_be(user: &UserRow) -> bool {
    user.disabled_at.is_none() && user.deletes_at.is_none() && is_there(user)
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorLinked {
    /// It signs the operator in from now on, and no other one does.
    Linked,
    /// It signs another operator in.
    Taken,
    /// There is no such operator or identity, or whoever has it may not sign in themselves.
    Unknown,
}

/// A second factor that was shown: good once, and for the set-up that it was checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownStep {
    /// The time step of the code.
    pub step: i64,
    /// When what it was checked against was set.
    pub set_up_at: Timestamp,
}

/// A sign-in, with the operator as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSessionRow {
    /// Whose.
    pub operator: String,
    /// What they may do.
    pub role: OperatorRole,
    /// When they last asked, to the minute.
    pub seen_at: Timestamp,
    /// When they last showed what they prove themselves by.
    pub proved_at: Timestamp,
    /// The end at the latest.
    pub until: Timestamp,
}

/// A program that acts as an operator would: only the digest of its token is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorTokenRow {
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub role: OperatorRole,
    /// Who made it; `None` for a command.
    pub created_by: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// It is worth nothing from then on.
    pub until: Option<Timestamp>,
}

/// Who makes a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenMaker<'a> {
    /// An operator.
    Operator(&'a str),
    /// Another token, by its name.
    Token(&'a str),
}

/// What became of a token that was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorTokenAdded {
    /// It is there, and worth nothing from then on: at the latest when the token ends that made it.
    Added(Option<Timestamp>),
    /// One is called so.
    Taken,
    /// Whoever makes it is not there any more, or may not do as much.
    MakerGone,
}

impl OperatorTokenRow {
    /// Who makes it; none where a command does.
    pub(super) fn maker(&self) -> Option<TokenMaker<'_>> {
        let by = self.created_by.as_deref()?;
        Some(by.strip_prefix(TOKEN_ACTOR).map_or(TokenMaker::Operator(by), TokenMaker::Token))
    }

    /// The same as whoever makes it may make it: those are what they may do, and their end.
    pub(super) fn bounded(&self, (role, end): (OperatorRole, Option<Timestamp>)) -> Option<Self> {
        let is_over = end.is_some_and(|end| end <= self.created_at);
        let until = self.until.into_iter().chain(end).min();
        (!is_over && role >= self.role).then(|| Self { until, ..self.clone() })
    }

    /// What the audit says when it is made.
    pub(super) fn line(&self, by: &Actor) -> AuditLine {
        about(by, "operator_token.created", &self.name, Some(self.role))
    }
}

/// What the audit says of a token that is revoked.
pub(super) fn revoked_line(name: &str, by: &Actor) -> AuditLine {
    about(by, "operator_token.revoked", name, None)
}

/// Operators. What the audit says of an act is written in its transaction.
#[async_trait]
pub trait Operators: Send + Sync {
    /// All of them.
    async fn operators(&self) -> Result<Vec<OperatorRow>>;
    /// What an operator who is set up proves themselves by.
    async fn operator_proof(&self, name: &str) -> Result<Option<OperatorProof>>;
    /// The same proof, kept in today's form; false where another one is kept meanwhile.
    async fn reseal_operator(&self, name: &str, former: Vec<u8>, to: Vec<u8>) -> Result<bool>;
    /// From where an operator has signed in, as long as these sign-ins are kept.
    async fn operator_addresses(&self, name: &str) -> Result<Vec<String>>;
    /// Adds one; false where somebody is called so.
    async fn add_operator(&self, adding: AddingOperator) -> Result<bool>;
    /// Changes one. Atomic: however many callers race, an admin is left who was there before, and no token that should have ended.
    async fn change_operator(&self, changing: ChangingOperator) -> Result<OperatorChanged>;
    /// Whom a link that lives is for.
    async fn operator_of_link(&self, link: HeldDigest, now: Timestamp) -> Result<Option<String>>;
    /// Sets an operator up, ends what sign-ins they had, and opens one; false where the link is not one that lives. Atomic: of
    /// racing callers with one link one gets true.
    async fn redeem_link(&self, redeeming: RedeemingLink) -> Result<bool>;
    /// Opens a sign-in; false where the step was used before, the operator is not set up as it says, or the identity is not theirs or
    /// of somebody who may not sign in. Atomic: of racing callers with one step one gets true.
    async fn open_operator_session(&self, session: NewOperatorSession, shown: OperatorShown) -> Result<bool>;
    /// Notes that something was shown again; false as above.
    async fn prove_operator_session(&self, session: HeldDigest, shown: OperatorShown, now: Timestamp) -> Result<bool>;
    /// Whom this identity signs in, while whoever has it may sign in themselves.
    async fn operator_of(&self, identity: &IdentityName) -> Result<Option<(String, IdentityId)>>;
    /// From now on an identity signs an operator in. Atomic: of racing callers with one identity one has it.
    async fn link_operator(&self, linking: LinkingOperator) -> Result<OperatorLinked>;
    /// A sign-in, over or not.
    async fn operator_session(&self, session: HeldDigest) -> Result<Option<OperatorSessionRow>>;
    /// Notes that its operator asked.
    async fn see_operator_session(&self, session: HeldDigest, now: Timestamp) -> Result<()>;
    /// Ends a sign-in, with its line.
    async fn end_operator_session(&self, session: HeldDigest, line: AuditLine, now: Timestamp) -> Result<()>;
    /// All tokens.
    async fn operator_tokens(&self) -> Result<Vec<OperatorTokenRow>>;
    /// The token with this digest, over or not.
    async fn operator_token(&self, token: HeldDigest) -> Result<Option<OperatorTokenRow>>;
    /// Adds a token; none of a maker who is gone. Atomic: whoever removes the maker meanwhile comes before, or ends it, too.
    async fn add_operator_token(
        &self,
        token: HeldDigest,
        row: OperatorTokenRow,
        by: Actor,
    ) -> Result<OperatorTokenAdded>;
    /// Removes a token, and all that it made, which are told; `None` where none is called so.
    async fn remove_operator_token(&self, name: &str, by: Actor, now: Timestamp) -> Result<Option<Vec<String>>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(name: &str, is_set_up: bool) -> Admin {
        Admin { name: name.to_owned(), is_set_up }
    }

    fn token(name: &str, role: OperatorRole, created_by: &str) -> OperatorTokenRow {
        let created_at = Timestamp::from_secs(0);
        OperatorTokenRow {
            name: name.to_owned(),
            role,
            created_by: Some(created_by.to_owned()),
            created_at,
            until: None,
        }
    }

    #[test]
    fn tokens_end_with_what_made_them() {
        let tokens = [
            token("looks", OperatorRole::Viewer, "lin"),
            token("does-all", OperatorRole::Admin, "lin"),
            token("made-by-it", OperatorRole::Admin, "token:does-all"),
            token("looks-too", OperatorRole::Viewer, "token:made-by-it"),
            token("of-wei", OperatorRole::Admin, "wei"),
            token("of-a-token-called-lin", OperatorRole::Admin, "token:lin"),
            OperatorTokenRow { created_by: None, ..token("by-command", OperatorRole::Admin, "") },
        ];
        let link = NewLink { digest: [0; 32], until: Timestamp::from_secs(0) };
        let cases: [(OperatorChange, &[&str]); 5] = [
            (OperatorChange::Remove, &["does-all", "looks", "looks-too", "made-by-it"]),
            (OperatorChange::Role(OperatorRole::Viewer), &["does-all", "looks-too", "made-by-it"]),
            (OperatorChange::Role(OperatorRole::Admin), &[]),
            (OperatorChange::Reset(link), &[]),
            (OperatorChange::Unlink, &[]),
        ];
        for (change, ending) in cases {
            let by = Actor { kind: "operator", id: None, ip: None };
            let changing = ChangingOperator { name: "lin".to_owned(), change, now: Timestamp::from_secs(0), by };
            let found = EndingTokens::with(&changing).map(|it| it.names_among(&tokens)).unwrap_or_default();
            assert_eq!(found, ending, "{change:?}");
        }
        assert_eq!(EndingTokens::of_token("does-all").names_among(&tokens), ["looks-too", "made-by-it"]);
        let mut in_turn = EndingTokens::of_operator("lin");
        let order = in_turn.among(&tokens);
        let at = |name: &str| order.iter().position(|it| it == name);
        assert!(at("does-all") < at("made-by-it") && at("made-by-it") < at("looks-too"), "{order:?}");
        let late = [token("made-late", OperatorRole::Viewer, "token:looks-too")];
        assert_eq!(in_turn.among(&late), ["made-late"], "those of before are remembered");
    }

    #[test]
    fn whoever_can_sign_in_is_not_given_up_for_one_who_can_not_yet() {
        let cases = [
            (vec![admin("a", true)], true),
            (vec![admin("a", false)], true),
            (vec![admin("a", true), admin("b", false)], true),
            (vec![admin("a", true), admin("b", true)], false),
            (vec![admin("a", false), admin("b", true)], false),
            (vec![admin("a", false), admin("b", false)], false),
            (vec![admin("b", true)], false),
        ];
        for (admins, is_last) in cases {
            assert_eq!(is_last_admin(&admins, "a"), is_last, "{admins:?}");
        }
    }
}
