//! The object store and the database belong together: rows name objects. Each knows the other's name for it.

use anyhow::{Context, Result, ensure};
use collimate_objects::Objects;
use collimate_store::Store;

/// Checks that this is the object store that the database's rows refer to; on an empty database it becomes that.
///
/// A folder whose disk is not mounted looks like a store that lost everything, and proofs that were paid for would be given up.
pub(crate) async fn tie(objects: &Objects, store: &Store) -> Result<()> {
    let name = match store.object_store_name().await? {
        None => objects.name().await?,
        Some(_) => name_of(objects).await?,
    };
    same(&store.note_object_store(&name).await?, &name)
}

/// The same, but neither is told the other's name: what was set by mistake can still be corrected.
pub(crate) async fn check(objects: &Objects, store: &Store) -> Result<()> {
    match store.object_store_name().await? {
        None => Ok(()),
        Some(known) => same(&known, &name_of(objects).await?),
    }
}

async fn name_of(objects: &Objects) -> Result<String> {
    objects.identity().await?.context(
        "[DMN-071] the object store is not the one that the database knows, and has no file `identity`: is its disk \
         mounted, is `objects` right? After a restore, restore that file, too",
    )
}

fn same(known: &str, name: &str) -> Result<()> {
    ensure!(
        known == name,
        "[DMN-072] the database belongs to the object store {known}, and `objects` names {name}: correct `objects` or the \
         database"
    );
    Ok(())
}
