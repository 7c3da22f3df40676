//! The shell through the front door: a server on a socket, its clients generated from the contract.

mod calls;
mod deadlines;
mod pages;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use litebox_partner::catalogue::Catalogue;
use litebox_partner::clients;
use litebox_partner::clients::model::ClientsConfig;
use litebox_partner::clients::service::{ClientService, Parts};
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::config::{Config, Env};
use litebox_partner::gateways::breaker::BreakerConfig;
use litebox_partner::gateways::config::{AtolConfig, DaDataConfig, GatewaysConfig, RpcConfig};
use litebox_partner::gateways::{Gateways, World};
use litebox_partner::grpc::auth::Auth;
use litebox_partner::grpc::call::Calls;
use litebox_partner::grpc::client_service::ClientApi;
use litebox_partner::grpc::deadline::Deadline;
use litebox_partner::grpc::edge::doors::Doors;
use litebox_partner::grpc::kkt_service::KktApi;
use litebox_partner::grpc::pace::Pace;
use litebox_partner::grpc::places::Places;
use litebox_partner::grpc::quiet::Quiet;
use litebox_partner::grpc::server;
use litebox_partner::grpc::watch_stream::Streams;
use litebox_partner::kkt::papers::Papers;
use litebox_partner::kkt::service::Service;
use litebox_partner::kkt::signal::Signal;
use litebox_partner::kkt::store::Store;
use litebox_partner::metrics::Meters;
use litebox_partner::page::PageKeys;
use litebox_partner::partners::access::Access;
use litebox_partner::partners::model::{Label, Scope, Scopes, Theme};
use litebox_partner::partners::quota::Quota;
use litebox_partner::partners::rate::Rate;
use litebox_partner::partners::service::{NewToken, Partners};
use litebox_partner::partners::token::Mode;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use litebox_partner::pb::{client, kkt};
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::vault::Vault;
use litebox_partner::storage::{Backend, Db};
use tokio::net::TcpListener;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::support::act;
use crate::support::database::TestDb;

/// Streams end by themselves after this time.
const LONGEST: Duration = Duration::from_secs(3);

/// A server with a sandbox behind it; no worker, so registrations stay where their orders put them.
struct Front {
    channel: Channel,
    partners: Partners,
    ready: channel::Sender<bool>,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), server::ServeError>>,
    _sandbox: Sandbox,
    _database: TestDb,
}

type Bearer = Box<dyn Fn(Request<()>) -> Result<Request<()>, Status> + Send + Sync>;
type With = InterceptedService<Channel, Bearer>;

impl Front {
    async fn new() -> Self {
        let database = TestDb::new(Backend::Sqlite).await;
        let sandbox = start(Options { argon2: false, ..Options::default() }).await.unwrap();
        let stop = CancellationToken::new();
        let parts = parts(&database.db, &sandbox, &stop);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (ready, follow) = channel::channel(true);
        let serving = tokio::spawn(server::serve(parts, listener, follow, stop.clone()));
        let channel = Channel::from_shared(address).unwrap().connect_lazy();
        let partners = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        Self { channel, partners, ready, stop, serving, _sandbox: sandbox, _database: database }
    }

    async fn token(&self, theme: Theme, scopes: Scopes) -> String {
        let partner = self.partners.add(Label::name(&new_id()).unwrap(), theme).await.unwrap();
        let new = NewToken { scopes, note: Label::default(), expires_ms: None };
        self.partners.issue(partner.id, new).await.unwrap().0.reveal().to_string()
    }

    /// A partner that may do everything.
    async fn partner(&self) -> String {
        self.token(Theme::LiteBox, Scopes::all()).await
    }

    fn clients(&self, token: &str) -> ClientServiceClient<With> {
        ClientServiceClient::with_interceptor(self.channel.clone(), bearer(token))
    }

    fn kkts(&self, token: &str) -> KktServiceClient<With> {
        KktServiceClient::with_interceptor(self.channel.clone(), bearer(token))
    }
}

fn bearer(token: &str) -> Bearer {
    let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
    Box::new(move |mut request| {
        request.metadata_mut().insert("authorization", value.clone());
        Ok(request)
    })
}

fn parts(db: &Db, sandbox: &Sandbox, stop: &CancellationToken) -> server::Parts {
    let gateways = gateways(sandbox);
    let catalogue = Arc::new(Catalogue::embedded().unwrap());
    let pages = PageKeys::new([[7; 32]]).unwrap();
    let (clock, ids) = (Clock::system(), Ids::system());
    let clients = clients::store::Store::new(db.clone());
    let service = Service {
        store: Store::new(db.clone()),
        clients: clients.clone(),
        gateways: gateways.clone(),
        catalogue: catalogue.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        world: World::Test,
        signal: Signal::new(),
        hires: Arc::new(tokio::sync::Semaphore::new(1)),
        papers: Papers::new(db.clone(), Vault::new([].into_iter(), clock.clone(), ids.clone()).unwrap()),
        pages: pages.clone(),
    };
    let config = ClientsConfig::default();
    let password_min = config.password_min_length;
    let (taxpayers, accounts) = (gateways.taxpayers, gateways.accounts);
    let (of_clock, of_ids) = (clock.clone(), ids.clone());
    let quota = Quota::new(db.clone(), 600);
    let parts =
        Parts { store: clients, taxpayers, accounts, catalogue, pages, config, quota, clock: of_clock, ids: of_ids };
    let streams = Streams {
        longest: LONGEST,
        poll: Duration::from_millis(50),
        stop: stop.clone(),
        places: Places::of_streams(100),
    };
    let access = Access::new(db.clone(), clock.clone(), Mode::Test, Duration::ZERO);
    let pace = Pace { rate: Rate::new(0, 0, clock.clone()), under_way: Places::of_calls(100) };
    let usual = Config::load(None, &Env::default()).unwrap();
    let doors =
        Doors::new(&usual.connections, &usual.tls, usual.limits.in_flight, LONGEST, &ids, &Meters::default()).unwrap();
    server::Parts {
        clients: ClientApi::new(ClientService::new(parts), password_min),
        kkts: KktApi::new(service, streams),
        auth: Auth { access, rate: pace.rate.clone(), open_reflection: false },
        calls: Calls { clock, ids, follow_callers: true, meters: Meters::default(), quiet: Quiet::default() },
        deadline: Deadline { cap: Duration::from_secs(10) },
        pace,
        doors,
    }
}

fn gateways(sandbox: &Sandbox) -> Gateways {
    let dadata = DaDataConfig { base_url: sandbox.http_url(), api_key: "key-1".into(), ..DaDataConfig::default() };
    let rpc = || RpcConfig::at(sandbox.grpc_url());
    let device = AtolConfig::default();
    let config = GatewaysConfig {
        breaker: BreakerConfig::default(),
        taxpayers: dadata,
        accounts: rpc(),
        fns: rpc(),
        ofd: rpc(),
        device,
    };
    Gateways::connect(&config, World::Test, &Ids::system()).unwrap()
}

fn new_id() -> String {
    Ids::system().uuid_v7(&Clock::system()).to_string()
}

fn address() -> client::Address {
    client::Address {
        postal_code: "117997".into(),
        region: "г Москва".into(),
        city: "Москва".into(),
        street: "ул Вавилова".into(),
        house: "19".into(),
        ..client::Address::default()
    }
}

fn registration(inn: &str, email: &str) -> client::RegisterRequest {
    client::RegisterRequest {
        request_id: new_id(),
        client_type: client::ClientType::Litebox.into(),
        inn: inn.into(),
        address: Some(address()),
        phone: "911-111-1111".into(),
        email: email.into(),
        password: "aB1!_-".into(),
        ..client::RegisterRequest::default()
    }
}

/// A dummy drive, as test mode demands.
fn order(client_id: &str, serial: &str, fn_serial: &str) -> kkt::QuickRegisterRequest {
    let sale = kkt::SaleEquipment {
        model: "АТОЛ 30Ф".into(),
        serial: serial.into(),
        fn_serial: fn_serial.into(),
        device_id: String::new(),
    };
    kkt::QuickRegisterRequest {
        request_id: new_id(),
        client_id: client_id.into(),
        equipment: Some(kkt::Equipment { kind: Some(kkt::equipment::Kind::Sale(sale)) }),
        signer: Some(kkt::Signer {
            capacity: Some(kkt::signer::Capacity::Head(kkt::Head {})),
            last_name: "Петрова".into(),
            first_name: "Анна".into(),
            certificate_id: "cert-1".into(),
            ..kkt::Signer::default()
        }),
        place: Some(kkt::Place {
            name: "Магазин".into(),
            location: Some(kkt::place::Location::Address(address())),
            ..kkt::Place::default()
        }),
        tax_systems: vec![kkt::TaxSystem::UsnIncome.into()],
        ffd_version: kkt::FfdVersion::FfdVersion105.into(),
        ofd: Some(kkt::Ofd { inn: "7709364346".into(), activation_code: "FD13MM123456".into() }),
        ..kkt::QuickRegisterRequest::default()
    }
}
