//! The deadline of the call that is being worked on. When it has passed nobody waits for the answer any more: transactions
//! end, what is on its way outside ends on its own time, and nothing new is sent. Workers have no such deadline.

use std::time::Instant;

tokio::task_local! {
    static UNTIL: Option<Instant>;
}

/// Does `work` for a caller who waits until then.
pub fn within<F: Future>(until: Instant, work: F) -> impl Future<Output = F::Output> {
    UNTIL.scope(Some(until), work)
}

/// Does `work` whether anybody waits or not: what was left outside is cleared away.
pub fn without<F: Future>(work: F) -> impl Future<Output = F::Output> {
    UNTIL.scope(None, work)
}

/// Takes the deadline along to another task.
pub fn along<F: Future>(work: F) -> impl Future<Output = F::Output> {
    UNTIL.scope(UNTIL.try_get().ok().flatten(), work)
}

/// Whether somebody waited for this work, and does no longer.
pub fn is_over(now: Instant) -> bool {
    UNTIL.try_with(|until| until.is_some_and(|until| now >= until)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_deadline_goes_along_and_work_without_one_is_never_late() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        assert!(!is_over(later), "a worker");
        within(now, async {
            assert!(is_over(later));
            assert!(tokio::spawn(along(async move { is_over(later) })).await.unwrap());
            assert!(!without(async { is_over(later) }).await, "what is cleared away");
            assert!(!tokio::spawn(async move { is_over(later) }).await.unwrap(), "it goes along when it is taken");
        })
        .await;
        assert!(!within(later, async { is_over(now) }).await);
    }
}
