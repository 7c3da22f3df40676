//! `litebox.kkt.v1.KktService`: parse, call, convert.

use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::call::CallId;
use super::convert::{Fields, kkt as convert, kkt_call as parse, kkt_request, preview};
use super::handler::{caller, detached, let_in};
use super::status;
use super::watch_stream::{Ground, Streams, stream};
use crate::kkt::guide;
use crate::kkt::ordering::Registered;
use crate::kkt::service::Service;
use crate::kkt::view::View;
use crate::partners::model::{Caller, Scope};
use crate::pb::kkt as pb;
use crate::pb::kkt::kkt_service_server::KktService as Api;
use crate::values::KktId;

/// The service on the wire.
pub struct KktApi {
    service: Service,
    streams: Streams,
}

impl KktApi {
    /// Serves `service`, with streams as `streams` says.
    pub const fn new(service: Service, streams: Streams) -> Self {
        Self { service, streams }
    }

    fn out(&self, kkt: &View) -> pb::Kkt {
        convert::kkt(kkt, &self.service.catalogue, self.service.clock.now_ms())
    }
}

#[tonic::async_trait]
impl Api for KktApi {
    async fn quick_register(
        &self,
        request: Request<pb::QuickRegisterRequest>,
    ) -> Result<Response<pb::QuickRegisterResponse>, Status> {
        let caller = caller(&request)?;
        // The burn that this order asks for has a scope of its own; authorization comes before validation.
        if request.get_ref().fiscalize_automatically && !caller.scopes.hold(Scope::KktFiscalize) {
            return Err(status::scope_missing(Scope::KktFiscalize.as_str()));
        }
        let order = kkt_request::quick_register(request.into_inner())?;
        let service = self.service.clone();
        let registered = detached(async move { service.quick_register(caller.scope, order).await }).await?;
        Ok(Response::new(match registered {
            Registered::Accepted(kkt) => {
                pb::QuickRegisterResponse { kkt: Some(self.out(&(*kkt).into())), preview: None }
            }
            Registered::Valid(found) => {
                let preview = Some(preview::preview(&found, &self.service.catalogue));
                pb::QuickRegisterResponse { kkt: None, preview }
            }
        }))
    }

    async fn fiscalize(
        &self,
        request: Request<pb::FiscalizeRequest>,
    ) -> Result<Response<pb::FiscalizeResponse>, Status> {
        let scope = caller(&request)?.scope;
        let order = parse::fiscalize(request.into_inner())?;
        let service = self.service.clone();
        let kkt = detached(async move { service.fiscalize(scope, order).await }).await?;
        Ok(Response::new(pb::FiscalizeResponse { kkt: Some(self.out(&kkt.into())) }))
    }

    async fn amend(&self, request: Request<pb::AmendRequest>) -> Result<Response<pb::AmendResponse>, Status> {
        let scope = caller(&request)?.scope;
        let order = parse::amend(request.into_inner())?;
        let service = self.service.clone();
        let kkt = detached(async move { service.amend(scope, order).await }).await?;
        Ok(Response::new(pb::AmendResponse { kkt: Some(self.out(&kkt.into())) }))
    }

    async fn cancel(&self, request: Request<pb::CancelRequest>) -> Result<Response<pb::CancelResponse>, Status> {
        let scope = caller(&request)?.scope;
        let order = parse::cancel(&request.into_inner())?;
        let service = self.service.clone();
        let kkt = detached(async move { service.cancel(scope, order).await }).await?;
        let left_at_fns = guide::left_behind(&kkt.state);
        Ok(Response::new(pb::CancelResponse { kkt: Some(self.out(&kkt.into())), left_at_fns }))
    }

    async fn get(&self, request: Request<pb::GetRequest>) -> Result<Response<pb::GetResponse>, Status> {
        let scope = caller(&request)?.scope;
        let id = Fields::of(|f| f.text("kkt_id", &request.get_ref().kkt_id, KktId::parse))?;
        let (kkt, steps) = self.service.get_with_history(scope, id).await?;
        let history = steps.iter().map(convert::transition).collect();
        Ok(Response::new(pb::GetResponse { kkt: Some(pb::Kkt { history, ..self.out(&kkt) }) }))
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Result<Response<pb::ListResponse>, Status> {
        let scope = caller(&request)?.scope;
        let query = parse::list(request.get_ref())?;
        let page = self.service.list(scope, &query).await?;
        let kkts = page.kkts.iter().map(|kkt| self.out(kkt)).collect();
        Ok(Response::new(pb::ListResponse { kkts, next_page_token: page.next.unwrap_or_default() }))
    }

    type WatchStream = ReceiverStream<Result<pb::WatchResponse, Status>>;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let Caller { scope, until_ms, .. } = caller(&request)?;
        let access = let_in(&request)?;
        let call = request.extensions().get::<CallId>().cloned().unwrap_or_default();
        let (ids, resume) = parse::watch(request.into_inner())?;
        let place = self.streams.places.take(scope)?;
        let watch = self.service.watch(scope, ids, resume.as_deref()).await?;
        let ground = Ground { call, access, until_ms, place: place.clone() };
        let mut response = Response::new(stream(watch, &self.service, self.streams.clone(), ground));
        response.extensions_mut().insert(place);
        Ok(response)
    }
}
