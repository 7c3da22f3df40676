use std::collections::HashMap;

use litebox_partner::pb::kkt::{Kkt, KktState};

use super::*;
use crate::json::Vars;

type End = Result<Kkt, WaitError>;

fn at_end(state: KktState) -> Box<Kkt> {
    Box::new(Kkt { state: state.into(), ..Kkt::default() })
}

/// All ends of a wait that need no service.
fn ends() -> [(&'static str, End); 4] {
    [
        ("state", Ok(*at_end(KktState::Registered))),
        ("stopped", Err(WaitError::Stopped(at_end(KktState::AwaitingRnm)))),
        ("rejected", Err(WaitError::Rejected(at_end(KktState::Rejected)))),
        ("cancelled", Err(WaitError::Cancelled(at_end(KktState::Cancelled)))),
    ]
}

fn told(expect: &Value, came: End) -> Done {
    let mut runner = Runner { control: String::new(), vars: Vars::default(), partners: HashMap::new() };
    runner.waited(&json!({ "expect": expect }), &[], came)
}

#[test]
fn each_end_of_a_wait_fits_its_own_expectation_and_no_other() {
    let wanted = [
        ("state", json!({"state": "KKT_STATE_REGISTERED"})),
        ("stopped", json!({"stopped": true})),
        ("rejected", json!({"ended": "KKT_STATE_REJECTED"})),
        ("cancelled", json!({"ended": "KKT_STATE_CANCELLED"})),
        ("error", json!({"error": {"code": "DEADLINE_EXCEEDED"}})),
        ("nothing", json!({})),
    ];
    for (name, expect) in &wanted {
        for (end, came) in ends() {
            assert_eq!(told(expect, came).is_ok(), *name == end, "{expect} of a wait that ended with {end}");
        }
    }
}

#[test]
fn a_wait_ends_with_the_state_and_the_registration_that_are_wanted() {
    assert!(told(&json!({"state": "KKT_STATE_REGISTERED"}), Ok(*at_end(KktState::AwaitingRnm))).is_err());
    let wrong = Err(WaitError::Rejected(at_end(KktState::Cancelled)));
    assert!(told(&json!({"ended": "KKT_STATE_REJECTED"}), wrong).is_err());
    let bare = Err(WaitError::Rejected(at_end(KktState::Rejected)));
    assert!(told(&json!({"ended": "KKT_STATE_REJECTED", "kkt": {"rejection": {"reason": "*"}}}), bare).is_err());
}

#[test]
fn a_watch_that_should_fail_does_not_end_with_a_change() {
    let (until, kkt) = (json!({"state": "S"}), json!({"state": "S"}));
    let failing = json!({"until": until, "expect": {"error": {"code": "NOT_FOUND"}}});
    assert!(awaited(&json!({ "until": until }), &kkt).is_ok_and(|fitting| fitting));
    assert!(awaited(&failing, &json!({"state": "T"})).is_ok_and(|fitting| !fitting));
    assert!(awaited(&failing, &kkt).is_err());
}
