//! Walks over pages.

use std::future::Future;

use futures::stream::{iter, try_unfold};
use futures::{Stream, TryStreamExt};

use super::error::Error;

/// All items of all pages, each page when its first item is asked for. `page` answers the items of one and the request of the
/// next, if there is one. An error is the last item.
pub(super) fn all<Q, T, F>(first: Q, page: impl Fn(Q) -> F + Send) -> impl Stream<Item = Result<T, Error>> + Send
where
    Q: Send,
    T: Send,
    F: Future<Output = Result<(Vec<T>, Option<Q>), Error>> + Send,
{
    let pages = try_unfold(Some(first), move |request| {
        let page = request.map(&page);
        async move {
            let Some(page) = page else { return Ok(None) };
            let (items, next) = page.await?;
            Ok(Some((iter(items.into_iter().map(Ok)), next)))
        }
    });
    pages.try_flatten()
}
