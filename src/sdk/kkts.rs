//! Registrations of cash registers, from the order to the registration card.

use std::sync::Arc;

use futures::Stream;

use super::caller::{CallOptions, Caller};
use super::error::Error;
use super::pages;
use super::watch::{Watch, WatchOptions};
use crate::pb::kkt as pb;
use crate::pb::kkt::kkt_service_client::KktServiceClient as Stub;

/// Registrations of cash registers, from the order to the registration card.
#[derive(Clone)]
pub struct Kkts {
    pub(super) caller: Arc<Caller>,
    options: CallOptions,
}

impl Kkts {
    pub(super) fn new(caller: Arc<Caller>) -> Self {
        Self { caller, options: CallOptions::default() }
    }

    /// The same with other options for its calls.
    pub fn with(&self, options: CallOptions) -> Self {
        Self { options, ..self.clone() }
    }

    /// Orders the registration of a device. It answers at once; the work goes on by itself: see
    /// [`wait_until_registered`](Self::wait_until_registered). With `validate_only` it orders nothing and answers a preview.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn quick_register(&self, request: pb::QuickRegisterRequest) -> Result<pb::QuickRegisterResponse, Error> {
        const METHOD: &str = "/litebox.kkt.v1.KktService/QuickRegister";
        let send = |channel, request| async move { Stub::new(channel).quick_register(request).await };
        self.caller.unary(METHOD, request, self.options, send).await
    }

    /// Has the registration report written into the fiscal drive, or hands in the one that was made by hand. What is burnt
    /// cannot be undone.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn fiscalize(&self, request: pb::FiscalizeRequest) -> Result<pb::FiscalizeResponse, Error> {
        const METHOD: &str = "/litebox.kkt.v1.KktService/Fiscalize";
        let send = |channel, request| async move { Stub::new(channel).fiscalize(request).await };
        self.caller.unary(METHOD, request, self.options, send).await
    }

    /// Corrects what holds a registration up: the activation code, the device, or a report made by hand.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn amend(&self, request: pb::AmendRequest) -> Result<pb::AmendResponse, Error> {
        const METHOD: &str = "/litebox.kkt.v1.KktService/Amend";
        let send = |channel, request| async move { Stub::new(channel).amend(request).await };
        self.caller.unary(METHOD, request, self.options, send).await
    }

    /// Gives a registration up before its fiscal drive is burnt.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn cancel(&self, request: pb::CancelRequest) -> Result<pb::CancelResponse, Error> {
        const METHOD: &str = "/litebox.kkt.v1.KktService/Cancel";
        let send = |channel, request| async move { Stub::new(channel).cancel(request).await };
        self.caller.unary(METHOD, request, self.options, send).await
    }

    /// A registration with its history.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn get(&self, kkt_id: &str) -> Result<pb::Kkt, Error> {
        const METHOD: &str = "/litebox.kkt.v1.KktService/Get";
        let request = pb::GetRequest { kkt_id: kkt_id.into() };
        let send = |channel, request| async move { Stub::new(channel).get(request).await };
        Ok(self.caller.unary(METHOD, request, self.options, send).await?.kkt.unwrap_or_default())
    }

    /// All registrations that fit, page by page as they are asked for. An error is the last item.
    pub fn list(&self, request: pb::ListRequest) -> impl Stream<Item = Result<pb::Kkt, Error>> + Send + use<> {
        let this = self.clone();
        pages::all(request, move |request| {
            let this = this.clone();
            async move {
                let page = this.list_page(request.clone()).await?;
                let page_token = Some(page.next_page_token).filter(|token| !token.is_empty());
                Ok((page.kkts, page_token.map(|page_token| pb::ListRequest { page_token, ..request })))
            }
        })
    }

    /// One page.
    ///
    /// # Errors
    /// [`Error`], as every call.
    pub async fn list_page(&self, request: pb::ListRequest) -> Result<pb::ListResponse, Error> {
        const METHOD: &str = "/litebox.kkt.v1.KktService/List";
        let send = |channel, request| async move { Stub::new(channel).list(request).await };
        self.caller.unary(METHOD, request, self.options, send).await
    }

    /// Prepares to follow changes; nothing is sent before [`Watch::next`].
    pub fn watch(&self, options: WatchOptions) -> Watch {
        Watch::new(self.caller.clone(), options)
    }
}
