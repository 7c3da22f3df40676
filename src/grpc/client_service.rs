//! `litebox.client.v1.ClientService`: parse, call, convert.

use tonic::{Request, Response, Status};

use super::convert::client as convert;
use super::handler::{caller, detached};
use crate::clients::service::ClientService;
use crate::pb::client as pb;
use crate::pb::client::client_service_server::ClientService as Api;

/// The service on the wire.
pub struct ClientApi {
    service: ClientService,
    password_min: usize,
}

impl ClientApi {
    /// Serves `service`; passwords have at least `password_min` characters.
    pub const fn new(service: ClientService, password_min: usize) -> Self {
        Self { service, password_min }
    }
}

#[tonic::async_trait]
impl Api for ClientApi {
    async fn lookup_taxpayer(
        &self,
        request: Request<pb::LookupTaxpayerRequest>,
    ) -> Result<Response<pb::LookupTaxpayerResponse>, Status> {
        let scope = caller(&request)?.scope;
        let inn = convert::lookup(request.get_ref())?;
        let taxpayer = self.service.lookup_taxpayer(scope, &inn).await?;
        Ok(Response::new(pb::LookupTaxpayerResponse { taxpayer: Some(convert::taxpayer(&taxpayer)) }))
    }

    async fn register(&self, request: Request<pb::RegisterRequest>) -> Result<Response<pb::RegisterResponse>, Status> {
        let caller = caller(&request)?;
        let order = convert::register(request.into_inner(), self.password_min)?;
        let service = self.service.clone();
        let card = detached(async move { service.register(&caller, &order).await }).await?;
        Ok(Response::new(pb::RegisterResponse { client: card.map(convert::client) }))
    }

    async fn get(&self, request: Request<pb::GetRequest>) -> Result<Response<pb::GetResponse>, Status> {
        let scope = caller(&request)?.scope;
        let id = convert::get(request.get_ref())?;
        let card = self.service.get(scope, id).await?;
        Ok(Response::new(pb::GetResponse { client: Some(convert::client(card)) }))
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Result<Response<pb::ListResponse>, Status> {
        let scope = caller(&request)?.scope;
        let query = convert::list(request.into_inner())?;
        let page = self.service.list(scope, &query).await?;
        let clients = page.cards.into_iter().map(convert::client).collect();
        Ok(Response::new(pb::ListResponse { clients, next_page_token: page.next.unwrap_or_default() }))
    }
}
