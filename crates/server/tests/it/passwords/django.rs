//! The real djangorestframework-jwt beside menjin: a Python that is asked line by line.
//!
//! Not here: what is asked (`by_django`).

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

pub(super) const SECRET: &str = "django-secret-key-of-thirty-two-bytes-or-more";
const SCRIPT: &str = include_str!("by_django.py");

/// A Django with the package.
pub(super) struct Django {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
}

impl Django {
    pub(super) fn start(python: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("by_django.py");
        std::fs::write(&script, SCRIPT).unwrap();
        let mut command = Command::new(python);
        command.arg(script).arg(SECRET).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env_remove("DJANGO_SETTINGS_MODULE").env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = command.spawn().expect("the interpreter that the test names starts");
        let (asks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asks, answers, _folder: folder }
    }

    fn ask(&mut self, asked: &Value) -> Value {
        writeln!(self.asks, "{asked}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{asked}: {line:?}"))
    }

    /// Makes a user; what Django keeps of their password.
    pub(super) fn make(&mut self, id: i64, username: &str, password: Option<&str>, more: &Value) -> String {
        let mut asked = json!({"do": "make", "id": id, "username": username, "password": password});
        asked.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.ask(&asked)["hash"].as_str().unwrap().to_owned()
    }

    /// What the package answers.
    pub(super) fn send(&mut self, method: &str, path: &str, (kind, body): (&str, &str)) -> (u16, Value) {
        let asked = json!({"do": "send", "method": method, "path": path, "type": kind, "body": body});
        let answer = self.ask(&asked);
        (u16::try_from(answer["status"].as_u64().unwrap()).unwrap(), answer["json"].clone())
    }

    /// What a view answers that the package protects.
    pub(super) fn orders(&mut self, authorization: &str) -> (u16, Value) {
        let asked = json!({"do": "send", "method": "GET", "path": "/orders", "type": "", "body": "", "authorization": authorization});
        let answer = self.ask(&asked);
        (u16::try_from(answer["status"].as_u64().unwrap()).unwrap(), answer["json"].clone())
    }

    /// A token with these claims, signed as Django signs.
    pub(super) fn mint(&mut self, claims: &Value, secret: &str) -> String {
        self.ask(&json!({"do": "mint", "claims": claims, "secret": secret}))["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Django {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
