//! What a server answers of a task: [`Answer`].

use anyhow::{anyhow, bail};
use reqwest::StatusCode;
use serde::Deserialize;

use super::address::Address;
use super::{CANCELLED, FAILED};
use crate::TaskErrorKind;
use crate::distributed::{Completed, Failed};

/// What the answer of an invocation bears.
pub(super) const ID: &str = "x-restate-id";

/// What came of a task that was submitted.
#[derive(Debug)]
pub(super) enum Answer {
    Completed(Completed),
    Failed(Failed),
    /// It is at an end, of which no worker tells: it was cancelled before it was begun or ended by force, or is
    /// more than the server can take.
    Ended(TaskErrorKind, anyhow::Error),
    /// There is none yet: ask again.
    None,
    /// Somebody is there, and does not take it. They may think better of it: ask again, for a while.
    Refused(anyhow::Error),
    /// The server is well, and does not take it now: ask again, for a while.
    Busy(anyhow::Error),
    /// There will be none for any task of the run.
    Never(anyhow::Error),
}

/// A response to the submission of a task.
pub(super) struct Response<'a> {
    pub(super) status: StatusCode,
    /// Whether it is what came of an invocation: then it bears the id of that.
    pub(super) is_of_task: bool,
    pub(super) body: &'a [u8],
}

/// What a server says of an error. What somebody else says is not looked at: it may tell secrets.
#[derive(Deserialize)]
pub(super) struct Said {
    pub(super) message: String,
}

impl Response<'_> {
    /// What it says of a task; or an error, if nobody is there for it now.
    ///
    /// `is_known` is whether this server answered for a task before.
    pub(super) fn read(
        &self,
        service: &str,
        from: &Address,
        is_known: bool,
    ) -> anyhow::Result<Answer> {
        let status = self.status;
        if self.is_of_task {
            return Ok(self.of_task(service, from));
        }
        let said = self.said_by_ingress();
        let is_said = said.is_some();
        let says = match said {
            Some(message) => format!("{from} answers {status}: {message}"),
            None if status.is_success() => {
                format!(
                    "{from} answers {status} without `{ID}`: it is no ingress, or behind a proxy that drops this header"
                )
            }
            None => format!("{from} answers {status}, and nothing that an ingress says"),
        };
        Ok(match status.as_u16() {
            // It is going down, coming up, has too much to do, or is tired of waiting.
            408 | 429 | 502 | 503 | 504 => bail!(says),
            // Another task may be smaller.
            413 => Answer::Ended(TaskErrorKind::Failed, anyhow!(says)),
            404 if is_said && !is_known => Answer::Never(anyhow!(
                "no worker is registered for `{service}`: start one, and register it ({says})"
            )),
            // Who has just come up may not know yet; who goes on so does not any more.
            404 => Answer::Refused(anyhow!(says)),
            400..500 if is_said => Answer::Never(anyhow!(says)),
            _ => Answer::Refused(anyhow!(says)),
        })
    }

    fn of_task(&self, service: &str, from: &Address) -> Answer {
        if self.status == StatusCode::OK {
            return serde_json::from_slice(self.body).map_or_else(
                |error| {
                    let what = format!("what serves `{service}` at {from} is no worker");
                    Answer::Never(anyhow::Error::new(error).context(what))
                },
                Answer::Completed,
            );
        }
        let message = match serde_json::from_slice(self.body) {
            Ok(Said { message }) => message,
            Err(_) => self.status.to_string(),
        };
        match self.status.as_u16() {
            CANCELLED => Answer::Ended(TaskErrorKind::Cancelled, anyhow!(message)),
            FAILED => match serde_json::from_str(&message) {
                Ok(failed) => Answer::Failed(failed),
                Err(_) => Answer::Ended(TaskErrorKind::Failed, anyhow!(message)),
            },
            _ => Answer::Ended(TaskErrorKind::Failed, anyhow!(message)),
        }
    }

    fn said_by_ingress(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Sourced {
            message: String,
            source: String,
        }
        let said: Sourced = serde_json::from_slice(self.body).ok()?;
        (said.source == "ingress").then_some(said.message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: u16, is_of_task: bool, body: &str, is_known: bool) -> anyhow::Result<Answer> {
        let from = Address::new("it", "http://host:8080").unwrap();
        let response = Response {
            status: StatusCode::from_u16(status).unwrap(),
            is_of_task,
            body: body.as_bytes(),
        };
        response.read("Ship", &from, is_known)
    }

    /// What came of a task.
    fn of_task(status: u16, body: &str) -> Answer {
        read(status, true, body, true).unwrap()
    }

    #[test]
    fn what_a_worker_says_is_an_answer() {
        let completed = of_task(200, r#"{"task": "t", "output": 7}"#);
        assert!(matches!(completed, Answer::Completed(_)), "{completed:?}");
        let failed = r#"{"task":"t","step":"s","attempts":2,"kind":"timed_out","message":"late"}"#;
        let failed = json!({ "code": 422, "message": failed }).to_string();
        let failed = of_task(422, &failed);
        assert!(matches!(failed, Answer::Failed(_)), "{failed:?}");
    }

    #[test]
    fn a_task_that_was_ended_has_an_answer() {
        for (status, expected) in [
            (409, TaskErrorKind::Cancelled),
            (422, TaskErrorKind::Failed),
            (500, TaskErrorKind::Failed),
            (404, TaskErrorKind::Failed),
        ] {
            let ended = of_task(status, r#"{"message": "killed", "source": "invocation"}"#);
            assert!(
                matches!(&ended, Answer::Ended(kind, why) if *kind == expected && why.to_string() == "killed"),
                "{ended:?}"
            );
        }
    }

    #[test]
    fn what_somebody_else_says_is_no_answer_and_is_not_repeated() {
        for status in [200, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503] {
            for body in [
                "<html>secret</html>",
                r#"{"task": "secret", "output": 7}"#,
                r#"{"code": 500, "message": "secret"}"#,
            ] {
                let error = match read(status, false, body, false) {
                    Ok(Answer::Refused(error)) | Err(error) => error.to_string(),
                    Ok(other) => panic!("{status}: {other:?}"),
                };
                assert!(
                    error.contains(&status.to_string()) && !error.contains("secret"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn who_has_no_time_is_asked_again_and_who_refuses_is_told_apart() {
        let busy = r#"{"message": "later", "source": "ingress"}"#;
        for status in [408, 429, 502, 503, 504] {
            let error = read(status, false, busy, true).unwrap_err();
            assert!(error.to_string().contains("later"), "{error}");
        }
        let refused = read(500, false, busy, true).unwrap();
        assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
    }

    #[test]
    fn what_the_server_itself_forbids_ends_the_run() {
        let body = r#"{"message": "the service is private", "source": "ingress"}"#;
        for status in [400, 403] {
            let never = read(status, false, body, true).unwrap();
            assert!(matches!(never, Answer::Never(_)), "{never:?}");
        }
    }

    #[test]
    fn a_service_that_is_not_there_ends_the_run_unless_it_was() {
        let body = r#"{"message": "service 'Ship' not found", "source": "ingress"}"#;
        let never = read(404, false, body, false).unwrap();
        assert!(matches!(never, Answer::Never(_)), "{never:?}");
        let refused = read(404, false, body, true).unwrap();
        assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
    }

    #[test]
    fn a_service_of_another_kind_ends_the_run() {
        let never = of_task(200, "hello");
        assert!(matches!(never, Answer::Never(_)), "{never:?}");
    }

    #[test]
    fn a_task_that_is_too_large_fails_alone() {
        let ended = read(413, false, "length limit exceeded", true).unwrap();
        assert!(matches!(ended, Answer::Ended(TaskErrorKind::Failed, _)));
    }
}
