//! Questions to a device, and what is told of it.

use super::*;

#[tokio::test]
async fn an_inspection_tells_all_about_the_device() {
    let hub = asked_hub(|kind| ready(told(kind))).await;
    let seen = device(World::Test).inspect(&at(&hub.url)).await.unwrap();
    assert_eq!((seen.serial.as_str(), seen.model.as_str()), ("00106100000651", "АТОЛ 30Ф"));
    assert_eq!((seen.clock.as_str(), seen.shift), ("2026-11-23T13:12:00", Shift::Closed));
    assert_eq!((seen.fn_serial.as_str(), seen.phase, seen.last_fd), ("9999078900000961", FnPhase::Configured, 0));
    let asked = hub.asked();
    assert_eq!(asked[0].path, "/api/v2/requests?deviceID=%D0%BA%D0%B0%D1%81%D1%81%D0%B0+1");
    assert_eq!(asked[0].headers["authorization"], "Basic bGl0ZWJveDpzZWNyZXQ=");
    assert_eq!(asked[1].path, format!("/api/v2/requests/{}", asked[0].body["uuid"].as_str().unwrap()));
}

#[tokio::test]
async fn paper_and_cover_are_told_as_far_as_the_driver_tells() {
    for (told, expected) in [
        (json!({"paperPresent": true, "coverOpened": false}), (Some(true), Some(false))),
        (json!({"paperPresent": false, "coverOpened": true}), (Some(false), Some(true))),
        (json!({}), (None, None)),
        (json!({"paperPresent": "yes", "coverOpened": null}), (None, None)),
    ] {
        let mut status = told.clone();
        status["currentDateTime"] = json!("2026-11-23T13:12:00+03:00");
        let seen = inspect_with("getDeviceStatus", ready(json!({ "deviceStatus": status }))).await.unwrap();
        assert_eq!((seen.paper, seen.cover_open), expected, "{told}");
    }
}

#[tokio::test]
async fn every_question_has_an_id_of_its_own() {
    let hub = asked_hub(|kind| ready(told(kind))).await;
    let device = device(World::Test);
    device.inspect(&at(&hub.url)).await.unwrap();
    device.inspect(&at(&hub.url)).await.unwrap();
    let ids: std::collections::HashSet<_> =
        hub.asked().into_iter().filter(|a| a.method == "POST").map(|a| a.body["uuid"].to_string()).collect();
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn shifts_and_phases_are_told_apart() {
    for (text, shift) in [("closed", Shift::Closed), ("opened", Shift::Opened), ("expired", Shift::Expired)] {
        let seen = inspect_with("getShiftStatus", ready(json!({"shiftStatus": {"state": text}}))).await.unwrap();
        assert_eq!(seen.shift, shift);
    }
    for (text, phase) in [
        ("init", FnPhase::Init),
        ("configured", FnPhase::Configured),
        ("fiscalMode", FnPhase::Fiscal),
        ("postFiscalMode", FnPhase::PostFiscal),
        ("accessArchive", FnPhase::Archive),
        ("unknown", FnPhase::Unknown),
        ("something new", FnPhase::Unknown),
    ] {
        let info = json!({"fnInfo": {"serial": "9999078900000961", "livePhase": text}});
        assert_eq!(inspect_with("getFnInfo", ready(info)).await.unwrap().phase, phase, "{text}");
    }
}

#[tokio::test]
async fn the_drivers_error_is_passed_on() {
    for status in ["error", "blocked", "interrupted", "canceled"] {
        let error = inspect_with("getFnInfo", failed(status, 166)).await.unwrap_err();
        assert_eq!(error, Inquiry::Driver(DriverError { code: 166, text: "Нет бумаги".into() }), "{status}");
    }
}

#[tokio::test]
async fn a_blocked_question_is_not_waited_for() {
    let hub = asked_hub(|kind| match kind {
        "getDeviceInfo" => failed("blocked", 2),
        _ => json!({"status": "wait"}),
    })
    .await;
    let error = device(World::Test).inspect(&at(&hub.url)).await.unwrap_err();
    assert!(matches!(error, Inquiry::Driver(DriverError { code: 2, .. })), "{error:?}");
}

#[tokio::test]
async fn an_inspection_with_a_hole_is_garbled() {
    for kind in ["getDeviceInfo", "getDeviceStatus", "getShiftStatus", "getFnInfo", "getFnStatus"] {
        for hole in [ready(json!({})), json!({"status": "ready"}), json!({"status": "error"})] {
            let error = inspect_with(kind, hole).await.unwrap_err();
            assert!(matches!(&error, Inquiry::Hub(s) if s.kind == SetbackKind::Garbled), "{kind}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_disconnected_device_is_the_drivers_error() {
    let body = json!({"error": {"code": 505, "description": "ККТ не подключена"}});
    for (body, code) in [(body.to_string(), 505), (String::new(), NOT_CONNECTED)] {
        let hub = http(move |_| reply(409, &body)).await;
        let error = device(World::Test).inspect(&at(&hub.url)).await.unwrap_err();
        assert!(matches!(&error, Inquiry::Driver(e) if e.code == code), "{error:?}");
    }
}

#[tokio::test]
async fn a_question_without_an_answer_is_given_up_and_taken_back() {
    let hub = asked_hub(|_| json!({"status": "inProgress"})).await;
    let error = device(World::Test).inspect(&at(&hub.url)).await.unwrap_err();
    assert!(matches!(error, Inquiry::Hub(s) if s.kind == SetbackKind::TimedOut));
    let asked = hub.asked();
    assert_eq!(asked.last().unwrap().method, "DELETE");
}

/// Questions to a dead device must not pile up, whoever asked them.
#[tokio::test]
async fn a_question_whose_caller_has_gone_is_taken_out_of_the_queue() {
    let hub = http(|asked| match asked.method.as_str() {
        "POST" => reply(201, ""),
        "GET" => reply(200, json!({"results": [{"status": "wait"}]})),
        _ => reply(200, ""),
    })
    .await;
    let (device, at) = (device(World::Test), at(&hub.url));
    let soon = std::time::Instant::now() + Duration::from_millis(100);
    let error = budget::within(soon, device.inspect(&at)).await.unwrap_err();
    assert!(matches!(&error, Inquiry::Hub(s) if s.kind == SetbackKind::TooLate), "{error:?}");
    let asked = hub.asked();
    assert_eq!((asked[0].method.as_str(), asked.last().unwrap().method.as_str()), ("POST", "DELETE"));
}
