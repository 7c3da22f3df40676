//! Who may call what. Closed by default: a path that is in no list is refused, whoever asks.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::watch::Receiver;
use tonic::Status;

use super::edge::leave::UnderWay;
use super::edge::life::Link;
use super::layers::{Inner, Request, Response, Step};
use super::quiet::Seen;
use super::{health, status};
use crate::failure::Failure;
use crate::partners::access::{Access, Denied, Shown};
use crate::partners::jwt::presented;
use crate::partners::model::{Caller, Named, Scope};
use crate::partners::rate::Rate;
use crate::partners::why::Why;
use crate::pb::{METHOD_SCOPES, options};
use crate::values::PartnerId;

/// Longer credentials are not looked at: the longest signed token and its scheme.
const LONGEST: usize = presented::LONGEST + 16;

/// In which a service names the partner that it acts for.
pub const PARTNER_HEADER: HeaderName = HeaderName::from_static("x-litebox-partner-id");

/// Reflection tells the contract and nothing else; it is open to whoever holds any valid token.
const REFLECTION: [&str; 2] = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

/// Checks credentials and scope before a message is decoded, and tells the handlers who calls: they find a [`Caller`] in
/// the request's extensions, and what tells them that access has changed since.
#[derive(Clone)]
pub struct Auth {
    /// Who shows a token.
    pub access: Access,
    /// How fast a partner or a service may be refused: the rate of calls.
    pub rate: Rate,
    /// Reflection without a token, for development.
    pub open_reflection: bool,
}

/// Moves when access has changed since somebody was let in.
#[derive(Clone)]
pub struct AccessSince(pub Receiver<u64>);

/// What it takes to get to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Nothing.
    Open,
    /// Any valid credential.
    Known,
    /// A credential with this scope.
    Scope(Scope),
    /// There is nothing behind it.
    Wall,
}

impl Step for Auth {
    async fn call<S: Inner>(&self, mut request: Request, mut inner: S) -> Response {
        let door = self.door(request.uri().path());
        if door == Door::Open {
            return inner.pass(request).await;
        }
        // Before the question who calls: a stream that is let in by what was true before a change must learn of it.
        let changes = self.access.changes();
        let (link, seen) = (request.extensions().get().cloned(), request.extensions().get().cloned());
        match self.admit(door, request.headers(), link, seen.unwrap_or_default()).await {
            Ok(caller) => {
                // Nobody behind this needs the secret, so nobody can leak it.
                request.headers_mut().remove(AUTHORIZATION);
                if let Some(under_way) = request.extensions_mut().remove::<UnderWay>() {
                    under_way.known();
                }
                request.headers_mut().remove(PARTNER_HEADER);
                if let Some(caller) = caller {
                    tracing::Span::current().record("partner", tracing::field::display(caller.scope.partner()));
                    request.extensions_mut().insert(caller);
                    request.extensions_mut().insert(AccessSince(changes));
                }
                inner.pass(request).await
            }
            Err(refused) => refused.into_http(),
        }
    }
}

impl Auth {
    /// Health is exempt by name, everything else by its place in a list.
    fn door(&self, path: &str) -> Door {
        let service = path.strip_prefix('/').and_then(|rest| rest.split_once('/')).map_or("", |(service, _)| service);
        if service == health::NAME {
            return Door::Open;
        }
        if REFLECTION.contains(&service) {
            return if self.open_reflection { Door::Open } else { Door::Known };
        }
        let method = METHOD_SCOPES.iter().find(|(method, _)| *method == path);
        method.and_then(|(_, scope)| scope_of(*scope)).map_or(Door::Wall, Door::Scope)
    }

    /// Who calls, for whom; nobody in particular where a service needs no partner.
    async fn admit(
        &self,
        door: Door,
        headers: &HeaderMap,
        link: Option<Link>,
        seen: Seen,
    ) -> Result<Option<Caller>, Status> {
        let from = link.as_ref().and_then(Link::stranger);
        let shown = match bearer(headers) {
            Some(token) => self.access.admit(token, from).await,
            None => Err(Denied::Credentials(Why::Missing)),
        };
        let shown = shown.map_err(|denied| self.stranger(denied, &seen))?;
        seen.known(shown.holder());
        if let Some(link) = link {
            link.known(shown.holder());
        }
        tracing::Span::current().record("caller", tracing::field::display(shown.who()));
        let holder = shown.holder();
        let admitted = self.pass(door, shown, headers).await;
        // A refused call counts like one that is served: a service's for itself, since it is nobody else's.
        admitted.map_err(|refused| self.rate.spend(holder).err().map_or(refused, Status::from))
    }

    /// Whether a good credential is good for this.
    async fn pass(&self, door: Door, shown: Shown, headers: &HeaderMap) -> Result<Option<Caller>, Status> {
        match door {
            Door::Scope(scope) if !shown.scopes().hold(scope) => return Err(status::scope_missing(scope.as_str())),
            Door::Known | Door::Wall if matches!(shown, Shown::Service(_)) => {}
            _ => {
                let caller = self.access.act(shown, named(headers)).await.map_err(|why| self.refuse(why))?;
                return if door == Door::Wall { Err(wall()) } else { Ok(Some(caller)) };
            }
        }
        if door == Door::Wall { Err(wall()) } else { Ok(None) }
    }

    /// The answer to whoever has shown no good credential.
    fn stranger(&self, denied: Denied, seen: &Seen) -> Status {
        if let Denied::Credentials(why) = denied {
            seen.refused(why);
        }
        self.refuse(denied)
    }

    /// The answer, which tells kinds of bad credentials apart to nobody but the operator.
    fn refuse(&self, denied: Denied) -> Status {
        if let Denied::Credentials(why) | Denied::Partner(why) = denied {
            self.access.refusals().count(why);
            tracing::Span::current().record("refused", why.as_str());
        }
        match denied {
            Denied::Credentials(_) => status::unauthenticated(),
            Denied::Partner(_) => status::partner_not_allowed(),
            Denied::Scope(scope) => status::scope_missing(scope.as_str()),
            Denied::Recovering => Failure::Recovering.into(),
            Denied::Unavailable(error) => Failure::from(error).into(),
        }
    }
}

fn wall() -> Status {
    Failure::NotOffered { what: "method" }.into()
}

/// The token of the one `authorization: Bearer …` header. Two headers could be read differently by two readers.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let text = Some(only).filter(|v| v.len() <= LONGEST).and_then(|v: &HeaderValue| v.to_str().ok())?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

/// The partner that the call names.
pub(crate) fn named(headers: &HeaderMap) -> Named {
    let mut all = headers.get_all(PARTNER_HEADER).iter();
    match (all.next(), all.next()) {
        (None, _) => Named::Nobody,
        (Some(_), Some(_)) => Named::Several,
        (Some(only), None) => {
            let id = only.to_str().ok().and_then(|text| PartnerId::parse(text).ok());
            id.map_or(Named::Malformed, Named::One)
        }
    }
}

/// The contract's scope in the words of the partners slice. Exhaustive: a new scope stops the build here.
const fn scope_of(scope: options::Scope) -> Option<Scope> {
    match scope {
        options::Scope::Unspecified => None,
        options::Scope::TaxpayersRead => Some(Scope::TaxpayersRead),
        options::Scope::ClientsRead => Some(Scope::ClientsRead),
        options::Scope::ClientsWrite => Some(Scope::ClientsWrite),
        options::Scope::KktRead => Some(Scope::KktRead),
        options::Scope::KktWrite => Some(Scope::KktWrite),
        options::Scope::KktFiscalize => Some(Scope::KktFiscalize),
        options::Scope::PartnersAct => Some(Scope::PartnersAct),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;
    use tonic::body::Body;

    use super::*;
    use crate::clock::{Clock, Ids};
    use crate::partners::model::{Label, Scopes, Theme};
    use crate::partners::service::{NewToken, Partners};
    use crate::partners::token::Mode;
    use crate::storage::audit::Act;
    use crate::storage::{DatabaseConfig, Db};

    const LIST: &str = "/litebox.kkt.v1.KktService/List";
    const BURN: &str = "/litebox.kkt.v1.KktService/Fiscalize";

    struct Setup {
        auth: Auth,
        token: String,
        _dir: tempfile::TempDir,
    }

    /// A gate, and a token that may read registrations.
    async fn setup() -> Setup {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("t.db").display());
        let db = Db::connect(&DatabaseConfig { url: url.into(), ..DatabaseConfig::default() }).await.unwrap();
        db.migrate().await.unwrap();
        let partners = Partners::new(db.clone(), Clock::system(), Ids::system(), Mode::Test)
            .acting(Act::new("test", "a test").unwrap());
        let partner = partners.add(Label::name("Партнёр").unwrap(), Theme::LiteBox).await.unwrap();
        let new = NewToken { scopes: [Scope::KktRead].into_iter().collect(), note: Label::default(), expires_ms: None };
        let token = partners.issue(partner.id, new).await.unwrap().0.reveal().to_string();
        let access = Access::new(db, Clock::system(), Mode::Test, Duration::ZERO);
        Setup {
            auth: Auth { access, rate: Rate::new(0, 0, Clock::system()), open_reflection: false },
            token,
            _dir: dir,
        }
    }

    fn request(path: &str, credentials: &[&str]) -> Request {
        let mut request = http::Request::builder().uri(path);
        for text in credentials {
            request = request.header(AUTHORIZATION, *text);
        }
        request.body(Body::empty()).unwrap()
    }

    /// What stands behind: answers OK when the caller is known, and never sees the secret.
    async fn behind(request: Request) -> Result<Response, std::convert::Infallible> {
        assert!(request.headers().get(AUTHORIZATION).is_none() || request.extensions().get::<Caller>().is_none());
        let who = if request.extensions().get::<Caller>().is_some() { "known" } else { "nobody" };
        Ok(http::Response::builder().header("who", who).body(Body::empty()).unwrap())
    }

    async fn answer(auth: &Auth, path: &str, credentials: &[&str]) -> (Code, String) {
        let response = auth.call(request(path, credentials), tower::service_fn(behind)).await;
        let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |s| s.code());
        let who = response.headers().get("who").map_or("", |v| v.to_str().unwrap()).to_owned();
        (code, who)
    }

    #[tokio::test]
    async fn doors_open_as_listed() {
        let s = setup().await;
        let good = format!("Bearer {}", s.token);
        let good = [good.as_str()];
        for (path, credentials, code, who) in [
            (LIST, &good[..], Code::Ok, "known"),
            (BURN, &good, Code::PermissionDenied, ""),
            (BURN, &[], Code::Unauthenticated, ""),
            (LIST, &[], Code::Unauthenticated, ""),
            ("/grpc.health.v1.Health/Check", &[], Code::Ok, "nobody"),
            ("/grpc.health.v1.Health/Watch", &[], Code::Ok, "nobody"),
            ("/grpc.health.v1.Healthy/Check", &[], Code::Unauthenticated, ""),
            ("/grpc.health.v1.Health", &[], Code::Unauthenticated, ""),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &[], Code::Unauthenticated, ""),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &good, Code::Ok, "known"),
            ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &good, Code::Ok, "known"),
            ("/litebox.kkt.v1.KktService/Erase", &[], Code::Unauthenticated, ""),
            ("/litebox.kkt.v1.KktService/Erase", &good, Code::Unimplemented, ""),
            ("/litebox.kkt.v1.KktService/list", &good, Code::Unimplemented, ""),
            ("/litebox.kkt.v1.KktService/List/", &good, Code::Unimplemented, ""),
            ("/", &good, Code::Unimplemented, ""),
        ] {
            assert_eq!(
                answer(&s.auth, path, credentials).await,
                (code, who.to_owned()),
                "{path} {}",
                credentials.len()
            );
        }
    }

    #[tokio::test]
    async fn reflection_may_be_open_in_development() {
        let s = setup().await;
        let open = Auth { open_reflection: true, ..s.auth.clone() };
        let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        assert_eq!(answer(&open, path, &[]).await, (Code::Ok, "nobody".to_owned()));
        assert_eq!(answer(&open, LIST, &[]).await.0, Code::Unauthenticated);
    }

    #[tokio::test]
    async fn credentials_are_read_strictly() {
        let s = setup().await;
        let t = &s.token;
        for (credentials, good) in [
            (vec![format!("Bearer {t}")], true),
            (vec![format!("bearer {t}")], true),
            (vec![format!("Bearer  {t}")], true),
            (vec![t.clone()], false),
            (vec![format!("Basic {t}")], false),
            (vec![format!("Bearer{t}")], false),
            (vec![format!("Bearer {t} ")], false),
            (vec!["Bearer ".to_owned()], false),
            (vec![format!("Bearer {t}"), format!("Bearer {t}")], false),
            (vec![format!("Bearer {t}"), "Bearer x".to_owned()], false),
            (vec![format!("Bearer {}", "x".repeat(10_000))], false),
        ] {
            let texts: Vec<_> = credentials.iter().map(String::as_str).collect();
            let expected = if good { Code::Ok } else { Code::Unauthenticated };
            assert_eq!(answer(&s.auth, LIST, &texts).await.0, expected, "{}", credentials[0].replace(t, "TOKEN"));
        }
    }

    #[test]
    fn every_method_has_a_scope_of_the_same_name() {
        assert!(METHOD_SCOPES.iter().any(|(path, _)| *path == LIST));
        for (path, scope) in METHOD_SCOPES {
            let ours = scope_of(*scope).unwrap_or_else(|| panic!("{path} is open to nobody"));
            assert_eq!(format!("SCOPE_{}", ours.as_str()), scope.as_str_name(), "{path}");
            assert!(Scopes::all().hold(ours), "{path} needs a scope that no partner's token can hold");
        }
    }

    #[test]
    fn all_scopes_but_the_one_to_act_for_partners_can_be_given_to_a_token() {
        let contract = (1..).map_while(|n| options::Scope::try_from(n).ok()).filter_map(scope_of);
        let own = contract.filter(|scope| *scope != Scope::PartnersAct);
        assert_eq!(own.collect::<Scopes>(), Scopes::all());
    }
}
