//! The partner's shops.

use std::sync::Arc;

use futures::Stream;

use super::caller::{CallOptions, Caller};
use super::error::Error;
use super::pages;
use crate::pb::client as pb;
use crate::pb::client::client_service_client::ClientServiceClient as Stub;

/// The partner's shops.
#[derive(Clone)]
pub struct Clients {
    caller: Arc<Caller>,
    options: CallOptions,
}

impl Clients {
    pub(super) fn new(caller: Arc<Caller>) -> Self {
        Self { caller, options: CallOptions::default() }
    }

    /// The same with other options for its calls.
    pub fn with(&self, options: CallOptions) -> Self {
        Self { options, ..self.clone() }
    }

    /// What the state register has under a tax number. Creates nothing.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn lookup_taxpayer(&self, inn: &str) -> Result<pb::Taxpayer, Error> {
        const METHOD: &str = "/litebox.client.v1.ClientService/LookupTaxpayer";
        let request = pb::LookupTaxpayerRequest { inn: inn.into() };
        let send = |channel, request| async move { Stub::new(channel).lookup_taxpayer(request).await };
        Ok(self.caller.unary(METHOD, request, self.options, send).await?.taxpayer.unwrap_or_default())
    }

    /// Creates a shop and its administrator's account. With `validate_only` it creates nothing and answers a preview.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn register(&self, request: pb::RegisterRequest) -> Result<pb::RegisterResponse, Error> {
        const METHOD: &str = "/litebox.client.v1.ClientService/Register";
        let send = |channel, request| async move { Stub::new(channel).register(request).await };
        self.caller.unary(METHOD, request, self.options, send).await
    }

    /// One shop.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn get(&self, client_id: &str) -> Result<pb::Client, Error> {
        const METHOD: &str = "/litebox.client.v1.ClientService/Get";
        let request = pb::GetRequest { client_id: client_id.into() };
        let send = |channel, request| async move { Stub::new(channel).get(request).await };
        Ok(self.caller.unary(METHOD, request, self.options, send).await?.client.unwrap_or_default())
    }

    /// All shops that fit, page by page as they are asked for. An error is the last item.
    pub fn list(&self, request: pb::ListRequest) -> impl Stream<Item = Result<pb::Client, Error>> + Send + use<> {
        let this = self.clone();
        pages::all(request, move |request| {
            let this = this.clone();
            async move {
                let page = this.list_page(request.clone()).await?;
                let page_token = Some(page.next_page_token).filter(|token| !token.is_empty());
                Ok((page.clients, page_token.map(|page_token| pb::ListRequest { page_token, ..request })))
            }
        })
    }

    /// One page.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn list_page(&self, request: pb::ListRequest) -> Result<pb::ListResponse, Error> {
        const METHOD: &str = "/litebox.client.v1.ClientService/List";
        let send = |channel, request| async move { Stub::new(channel).list(request).await };
        self.caller.unary(METHOD, request, self.options, send).await
    }
}
