//! Signing, verifying and remembering, each against the raw operation of aws-lc-rs, in CPU time of this thread.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_guard::{Clock as _, Ended, Guard, Keys, SystemClock};
use menjin_token::{Algorithm, Claims, Expect, Id, KeySet, SigningKey, Timestamp, Typ};

use crate::machine::thread_cpu;
use crate::menjin::{APP, AUDIENCE};
use crate::table::{Figure, Promise, median};

const ISSUER: &str = "https://login.example.com";
const WARM_VERIFY: f64 = 3.0;

/// How long a batch takes, and how many there are of each.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) batch: Duration,
    pub(crate) batches: u32,
}

/// All figures.
pub(crate) fn figures(pace: Pace) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let subject = Subject::new(algorithm)?;
        figures.extend(compared(&subject, "sign", 0.90, pace, (&|| subject.sign_raw(), &|| subject.sign())));
        figures.extend(compared(&subject, "verify", 0.95, pace, (&|| subject.verify_raw(), &|| subject.verify())));
        let warm = subject.warm_verify(pace)?;
        let name = format!("{algorithm}: warm verify through the guard");
        figures.push(Figure { name, value: warm, unit: "us", promise: Some(Promise::Below(WARM_VERIFY)) });
    }
    Ok(figures)
}

/// A token, what made it, and what checks it.
struct Subject {
    algorithm: Algorithm,
    key: SigningKey,
    raw: Raw,
    public: ParsedPublicKey,
    claims: Claims,
    token: String,
    signature: Vec<u8>,
    keys: KeySet,
    now: Timestamp,
}

enum Raw {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Subject {
    fn new(algorithm: Algorithm) -> anyhow::Result<Self> {
        let (key, private) = SigningKey::generate(algorithm, "bench".to_owned())?;
        let (raw, verification): (Raw, &'static dyn VerificationAlgorithm) = if algorithm == Algorithm::Es256 {
            (
                Raw::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private)?),
                &ECDSA_P256_SHA256_FIXED,
            )
        } else {
            (Raw::EdDsa(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&private)?), &ED25519)
        };
        let public = match &raw {
            Raw::Es256(pair) => ParsedPublicKey::new(verification, pair.public_key().as_ref())?,
            Raw::EdDsa(pair) => ParsedPublicKey::new(verification, pair.public_key().as_ref())?,
        };
        let now = SystemClock.now();
        let claims = claims(now);
        let token = menjin_token::sign(&key, "at+jwt", &claims)?;
        let signature = URL_SAFE_NO_PAD.decode(token.rsplit('.').next().context("a token of three segments")?)?;
        let keys = KeySet::new(vec![key.verifying()]);
        Ok(Self { algorithm, key, raw, public, claims, token, signature, keys, now })
    }

    fn signed(&self) -> &[u8] {
        self.token.rsplit_once('.').map_or(&[], |(signed, _)| signed.as_bytes())
    }

    fn sign_raw(&self) {
        match &self.raw {
            Raw::Es256(pair) => drop(black_box(pair.sign(&SystemRandom::new(), self.signed()))),
            Raw::EdDsa(pair) => drop(black_box(pair.try_sign(self.signed()))),
        }
    }

    fn sign(&self) {
        drop(black_box(menjin_token::sign(&self.key, "at+jwt", &self.claims)));
    }

    fn verify_raw(&self) {
        _ = black_box(self.public.verify_sig(self.signed(), &self.signature));
    }

    fn verify(&self) {
        let expect = Expect {
            typ: Typ::AccessToken,
            issuer: Some(ISSUER),
            audience: Some(AUDIENCE),
            leeway: Duration::from_secs(30),
        };
        drop(black_box(menjin_token::verify(&self.token, &self.keys, &expect, self.now)));
    }

    /// Microseconds of a check whose token is remembered, with endings asked.
    fn warm_verify(&self, pace: Pace) -> anyhow::Result<f64> {
        let ended = Arc::new(Ended::with_max_lag(Duration::from_hours(1)));
        ended.mark_read(self.now);
        let guard = Guard::local(ISSUER, AUDIENCE, Keys::new(self.keys.clone()), ended).build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(guard.check_token(&self.token)).context("the guard refuses the bench's token")?;
        let batch = |count: u64| {
            runtime.block_on(async {
                for _ in 0..count {
                    drop(black_box(guard.check_token(&self.token).await));
                }
            });
        };
        let count = count_for(pace.batch, &batch);
        Ok(median((0..pace.batches).map(|_| micros(count, &batch))))
    }
}

fn claims(now: Timestamp) -> Claims {
    Claims {
        iss: Some(ISSUER.to_owned()),
        sub: Some(Id::<menjin_token::id::User>::new(now, [7; 10]).to_string()),
        aud: vec![AUDIENCE.to_owned(), ISSUER.to_owned()],
        iat: Some(now),
        jti: Some(URL_SAFE_NO_PAD.encode([9; 16])),
        sid: Some(Id::<menjin_token::id::Session>::new(now, [8; 10]).to_string()),
        client_id: Some(APP.to_owned()),
        auth_time: Some(now),
        amr: vec!["wechat".to_owned()],
        ..Claims::expiring(now.plus(Duration::from_mins(15)))
    }
}

/// The raw operation and ours, batch by batch in turns.
fn compared(
    subject: &Subject,
    what: &str,
    promise: f64,
    pace: Pace,
    (raw, ours): (&dyn Fn(), &dyn Fn()),
) -> [Figure; 2] {
    let repeated = |operation: &dyn Fn(), count: u64| (0..count).for_each(|_| operation());
    let raw_batch = |count| repeated(raw, count);
    let own_batch = |count| repeated(ours, count);
    let count = count_for(pace.batch, &raw_batch);
    let turns: Vec<(f64, f64)> =
        (0..pace.batches).map(|_| (micros(count, &raw_batch), micros(count, &own_batch))).collect();
    let ratio = median(turns.iter().map(|(raw, own)| raw / own));
    let name = |rest: &str| format!("{}: {what}{rest}", subject.algorithm);
    [
        Figure { name: name(""), value: median(turns.iter().map(|(_, own)| *own)), unit: "us", promise: None },
        Figure {
            name: name(", as a ratio to the raw one"),
            value: ratio,
            unit: "",
            promise: Some(Promise::AtLeast(promise)),
        },
    ]
}

/// How many operations take about as long as a batch should.
fn count_for(batch: Duration, run: &impl Fn(u64)) -> u64 {
    let mut count = 1;
    loop {
        let began = thread_cpu();
        run(count);
        if thread_cpu().saturating_sub(began) >= batch / 2 {
            return count * 2;
        }
        count *= 2;
    }
}

/// CPU time of one operation in microseconds.
fn micros(count: u64, run: &impl Fn(u64)) -> f64 {
    let began = thread_cpu();
    run(count);
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 operations")]
    let count = count as f64;
    thread_cpu().saturating_sub(began).as_secs_f64() * 1e6 / count
}
