//! How far each follower of the chain has come.

use collimate_chain::follower::Cursor;
use sqlx::PgConnection;

use crate::{Store, StoreError};

impl Store {
    /// The cursor stored under this name; `None` at the very first start.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when what is stored is no cursor.
    pub async fn load_cursor(&self, name: &str) -> Result<Option<Cursor>, StoreError> {
        let stored = sqlx::query_scalar!("SELECT cursor FROM cursors WHERE name = $1", name);
        let Some(text) = stored.fetch_optional(&self.pool).await? else { return Ok(None) };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|e| StoreError::Inconsistent(format!("cursor {name} cannot be read: {e}")))
    }

    /// Stores a cursor. Call it after the effects of the event are stored: a cursor never passes an event that was not
    /// stored, and an event that comes again must change nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_cursor(&self, name: &str, cursor: &Cursor) -> Result<(), StoreError> {
        let text = text_of(name, cursor)?;
        sqlx::query!(
            "INSERT INTO cursors (name, cursor) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET cursor = EXCLUDED.cursor, updated_at = now()",
            name,
            text
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// Moves a cursor within the transaction that stores what it passes. `from` is the cursor that the follower went on from: when
/// another follower moved it meanwhile nothing happens here, so of two on one database only one gets on, and neither
/// undoes what the other stored. Called first in the transaction, it also makes the second wait for the first.
pub(crate) async fn move_cursor(
    db: &mut PgConnection,
    name: &str,
    from: Option<&Cursor>,
    to: &Cursor,
) -> Result<(), StoreError> {
    let text = text_of(name, to)?;
    let moved = match from {
        None => {
            sqlx::query!(
                "INSERT INTO cursors (name, cursor) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                name,
                text
            )
            .execute(db)
            .await?
        }
        Some(from) => sqlx::query!(
            "UPDATE cursors SET cursor = $2, updated_at = now() WHERE name = $1 AND cursor = $3",
            name,
            text,
            text_of(name, from)?
        )
        .execute(db)
        .await?,
    };
    match moved.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::CursorMoved(name.to_owned())),
    }
}

fn text_of(name: &str, cursor: &Cursor) -> Result<String, StoreError> {
    serde_json::to_string(cursor)
        .map_err(|e| StoreError::Inconsistent(format!("cursor {name} has no form: {e}")))
}
