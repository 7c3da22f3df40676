//! `gateway check`: the cases pass on the sandbox, and fail on adapters that are wrong.

use std::process::Command;

use litebox_partner::clock::Ids;
use litebox_partner::conformance::{Finding, Inputs, Verdict, check};
use litebox_partner::gateways::Gateway;
use litebox_partner::sandbox::pb::ofd as pb;
use litebox_partner::sandbox::pb::ofd::ofd_service_server::{OfdService, OfdServiceServer};
use litebox_partner::sandbox::{Environment, Options, Sandbox, start};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

const ALL: [Gateway; 5] = [Gateway::Accounts, Gateway::Fns, Gateway::Ofd, Gateway::Device, Gateway::Taxpayers];

async fn sandbox(environment: Environment) -> Sandbox {
    start(Options { argon2: false, environment, ..Options::default() }).await.unwrap()
}

async fn findings(sandbox: &Sandbox, gateway: Gateway) -> Vec<Finding> {
    let http = matches!(gateway, Gateway::Device | Gateway::Taxpayers);
    let url = if http { sandbox.http_url() } else { sandbox.grpc_url() };
    check(gateway, &url, &Inputs::default(), &Ids::system()).await.unwrap()
}

fn with(findings: &[Finding], verdict: Verdict) -> Vec<&'static str> {
    findings.iter().filter(|f| f.verdict == verdict).map(|f| f.case).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_keeps_every_contract() {
    let sandbox = sandbox(Environment::Sandbox).await;
    for gateway in ALL {
        let told = findings(&sandbox, gateway).await;
        assert!(told.iter().all(|f| f.verdict == Verdict::Pass), "{gateway}: {told:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_that_use_something_up_are_skipped_the_second_time() {
    let sandbox = sandbox(Environment::Sandbox).await;
    for (gateway, spent) in [
        (Gateway::Accounts, vec!["password versions"]),
        (Gateway::Fns, vec![]),
        (Gateway::Ofd, vec!["connection"]),
        (Gateway::Device, vec![]),
    ] {
        findings(&sandbox, gateway).await;
        let told = findings(&sandbox, gateway).await;
        assert_eq!(with(&told, Verdict::Fail), [""; 0], "{told:#?}");
        assert_eq!(with(&told, Verdict::Skip), spent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_adapter_is_only_asked() {
    let sandbox = sandbox(Environment::Live).await;
    for gateway in ALL {
        let told = findings(&sandbox, gateway).await;
        assert_eq!(with(&told, Verdict::Fail), [""; 0], "{gateway}: {told:#?}");
        let ours = matches!(gateway, Gateway::Accounts | Gateway::Fns | Gateway::Ofd);
        assert_eq!(with(&told, Verdict::Skip).is_empty(), !ours, "{gateway}");
    }
    let commands = sandbox.entries();
    let kept = commands.iter().filter(|e| e.protocol != "device" && format!("{:?}", e.kind) != "Question").count();
    assert_eq!(kept, 0, "no command reached a live adapter");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_but_the_handshake_fails_on_an_adapter_that_only_fails() {
    const OPERATIONS: [&str; 15] = [
        "accounts.FindByInn",
        "accounts.EnsureAccount",
        "accounts.SetInitialPassword",
        "accounts.ReportOrVoid",
        "fns.SubmitApplication",
        "fns.GetApplication",
        "fns.SubmitReport",
        "fns.ReportOrVoid",
        "ofd.ReserveCode",
        "ofd.Connect",
        "ofd.ReleaseCode",
        "ofd.GetCode",
        "ofd.ReportOrVoid",
        "device.*",
        "taxpayers.*",
    ];
    let sandbox = sandbox(Environment::Sandbox).await;
    for operation in OPERATIONS {
        let http = operation.ends_with('*');
        let fault = if http { "status=500" } else { "error=INTERNAL" };
        sandbox.add_fault(&format!("{operation}:{fault}")).unwrap();
    }
    for gateway in ALL {
        let told = findings(&sandbox, gateway).await;
        assert!(told.iter().all(|f| (f.verdict == Verdict::Fail) != (f.case == "handshake")), "{gateway}: {told:#?}");
    }
}

/// An operator that says yes to everything and remembers nothing.
struct YesMan(i32);

#[tonic::async_trait]
impl OfdService for YesMan {
    async fn handshake(&self, _: Request<pb::HandshakeRequest>) -> Result<Response<pb::HandshakeResponse>, Status> {
        Ok(Response::new(pb::HandshakeResponse { environment: self.0 }))
    }

    async fn reserve_code(
        &self,
        _: Request<pb::ReserveCodeRequest>,
    ) -> Result<Response<pb::ReserveCodeResponse>, Status> {
        let outcome = Some(pb::reserve_code_response::Outcome::Reserved(pb::CodeReserved::default()));
        Ok(Response::new(pb::ReserveCodeResponse { outcome }))
    }

    async fn connect(&self, _: Request<pb::ConnectRequest>) -> Result<Response<pb::ConnectResponse>, Status> {
        let made = pb::Connected { contract_number: "ofd-1".into(), connect_time: None };
        let outcome = Some(pb::connect_response::Outcome::Connected(made));
        Ok(Response::new(pb::ConnectResponse { outcome }))
    }

    async fn release_code(
        &self,
        _: Request<pb::ReleaseCodeRequest>,
    ) -> Result<Response<pb::ReleaseCodeResponse>, Status> {
        let outcome = Some(pb::release_code_response::Outcome::Released(pb::CodeReleased {}));
        Ok(Response::new(pb::ReleaseCodeResponse { outcome }))
    }

    async fn get_code(&self, _: Request<pb::GetCodeRequest>) -> Result<Response<pb::GetCodeResponse>, Status> {
        let state = pb::CodeState::Free.into();
        Ok(Response::new(pb::GetCodeResponse { state, effect_id: String::new() }))
    }

    async fn report_or_void(
        &self,
        _: Request<pb::ReportOrVoidRequest>,
    ) -> Result<Response<pb::ReportOrVoidResponse>, Status> {
        let outcome = Some(pb::report_or_void_response::Outcome::Voided(pb::Voided {}));
        Ok(Response::new(pb::ReportOrVoidResponse { outcome }))
    }
}

async fn yes_man(environment: i32) -> Vec<Finding> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = tonic::transport::Server::builder().add_service(OfdServiceServer::new(YesMan(environment)));
    tokio::spawn(server.serve_with_incoming(incoming));
    check(Gateway::Ofd, &url, &Inputs::default(), &Ids::system()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_says_yes_to_everything_is_found_out() {
    let told = yes_man(2).await;
    assert_eq!(with(&told, Verdict::Pass), ["handshake", "free code"], "{told:#?}");
    assert_eq!(with(&told, Verdict::Skip), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_tells_no_world_gets_no_command() {
    let told = yes_man(0).await;
    assert_eq!(with(&told, Verdict::Fail), ["handshake", "unknown code", "malformed question"]);
    assert_eq!(with(&told, Verdict::Skip).len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_tried_is_an_error() {
    for gateway in [Gateway::Accounts, Gateway::Fns, Gateway::Ofd] {
        assert!(check(gateway, "http://127.0.0.1:1", &Inputs::default(), &Ids::system()).await.is_err());
        assert!(check(gateway, "not a url", &Inputs::default(), &Ids::system()).await.is_err());
    }
    let document = Some("/nowhere.xml".into());
    let inputs = Inputs { document, file_id: Some("x".into()), ..Inputs::default() };
    assert!(check(Gateway::Fns, "http://127.0.0.1:1", &inputs, &Ids::system()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_prints_a_table_or_json_and_fails_when_a_case_does() {
    let sandbox = sandbox(Environment::Sandbox).await;
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
        command.args(["gateway", "check", "ofd", &sandbox.grpc_url()]).args(more).output().unwrap()
    };
    let good = run(&["--spend-code", "FD13MM777777"]);
    let table = String::from_utf8(good.stdout).unwrap();
    assert!(good.status.success() && table.contains("pass     handshake"), "{table}");
    sandbox.add_fault("ofd.ReleaseCode:refuse=OTHER").unwrap();
    let bad = run(&["--json"]);
    let told: serde_json::Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert!(!bad.status.success());
    assert!(told.as_array().unwrap().iter().any(|f| f["case"] == "release" && f["verdict"] == "fail"), "{told}");
    assert!(String::from_utf8_lossy(&bad.stderr).contains("cases failed"));
}
