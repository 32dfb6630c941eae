//! Takes away the files of groups that never got on chain: refused after they were stored, dropped, or interrupted by a crash. Otherwise
//! whoever lets groups expire would fill the store for nothing.

use collimate_objects::Key;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use crate::{
    BatcherError,
    driver::Driver,
    limits::{STORE_QUESTIONS, UNUSED_FILES},
};

impl Driver {
    /// Looks for unused files from time to time. Never ends.
    pub(crate) async fn tidy(&self) {
        loop {
            sleep(self.retention.look_every).await;
            if let Err(error) = self.take_unused_away().await {
                self.report("taking unused files away", &error);
            }
        }
    }

    async fn take_unused_away(&self) -> Result<(), BatcherError> {
        loop {
            let keep = self.retention.keep_unused;
            let unused = self.ledger.unused_files(keep, UNUSED_FILES).await?;
            if unused.keys().is_empty() {
                // Also what it found to be in use is noted.
                unused.forget().await?;
                return Ok(());
            }
            // A store that is away has nothing to take away: what it has would stay for good.
            self.objects.check_identity().await?;
            let removals = unused.keys().iter().map(|key| self.objects.remove(Key(*key)));
            let removals: Vec<_> = removals.collect();
            stream::iter(removals).buffer_unordered(STORE_QUESTIONS).try_collect::<()>().await?;
            let files = unused.keys().len();
            unused.forget().await?;
            self.metrics.removed.inc_by(files as u64);
            tracing::info!(files, "files that no group needs are taken away");
        }
    }
}
